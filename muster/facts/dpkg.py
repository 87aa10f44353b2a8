"""dpkg's status file (/var/lib/dpkg/status): installed Debian packages."""

from __future__ import annotations

from muster.facts.package import Package

_WANTED = {"Package", "Status", "Architecture", "Version", "Source", "Maintainer", "Installed-Size", "Description"}


def parse_dpkg_status(text: str) -> list[Package]:
    """Packages whose state is installed, held and half-configured ones too, in the order of the file."""
    found: list[Package] = []
    for block in text.split("\n\n"):
        package = _package(block)
        if package is not None:
            found.append(package)
    return found


def _package(block: str) -> Package | None:
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        if line[:1] in (" ", "\t"):
            continue
        name, colon, value = line.partition(":")
        if colon and name in _WANTED:
            fields[name] = value.strip()
    words = fields.get("Status", "").split()
    if len(words) != 3 or words[2] in ("not-installed", "config-files") or not fields.get("Package"):
        return None
    size = fields.get("Installed-Size", "")
    return Package(
        manager="dpkg",
        name=fields["Package"],
        version=fields.get("Version", ""),
        architecture=fields.get("Architecture", ""),
        vendor=fields.get("Maintainer", ""),
        source_package=fields.get("Source", "").partition(" ")[0] or fields["Package"],
        summary=fields.get("Description", ""),
        size_bytes=int(size) * 1024 if size.isascii() and size.isdigit() else None,
    )
