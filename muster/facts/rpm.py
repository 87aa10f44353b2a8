"""Installed RPM packages, as `rpm -qa` prints them with `QUERY_FORMAT` (rpm(8), tags of rpm --querytags)."""

from __future__ import annotations

from muster.facts.package import Package

_TAGS = ("NAME", "EPOCHNUM", "VERSION", "RELEASE", "ARCH", "VENDOR", "SOURCERPM", "SIZE", "INSTALLTIME", "SUMMARY")
QUERY_FORMAT = "\\t".join(f"%{{{tag}}}" for tag in _TAGS) + "\\n"
COMMAND = ("rpm", "-qa", "--queryformat", QUERY_FORMAT)
# Kernels are installed side by side, so the version tells which one it is.
_SIDE_BY_SIDE = ("kernel", "gpg-pubkey", "kmod-")


def parse_rpm_query(text: str) -> list[Package]:
    """Packages in the order of the output; malformed lines are left out."""
    found: list[Package] = []
    for line in text.splitlines():
        fields = ["" if field == "(none)" else field for field in line.split("\t")]
        if len(fields) == len(_TAGS) and fields[0]:
            found.append(_package(fields))
    return found


def _package(fields: list[str]) -> Package:
    name, epoch, version, release, architecture, vendor, source, size, installed, summary = fields
    full = f"{version}-{release}" if epoch in ("", "0") else f"{epoch}:{version}-{release}"
    return Package(
        manager="rpm",
        name=name,
        version=full,
        architecture=architecture,
        slot=full if name.startswith(_SIDE_BY_SIDE) else "",
        vendor=vendor,
        source_package=source.removesuffix(".src.rpm").rsplit("-", 2)[0],
        summary=summary,
        size_bytes=_number(size),
        installed_at=None if (seconds := _number(installed)) is None else seconds * 1000,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
