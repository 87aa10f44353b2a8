"""Installed software: dpkg's status file, rpm's database through rpm(8), and Python distributions beside them. Linux."""

from __future__ import annotations

from agent.host import Host
from agent.section import Content, Section, failed
from muster.facts.dpkg import parse_dpkg_status
from muster.facts.package import Package
from muster.facts.python_distribution import FOLDER_PATTERNS, parse_dist_info
from muster.facts.rpm import COMMAND, parse_rpm_query
from muster.facts.section.package import to_items

_DPKG_STATUS = "/var/lib/dpkg/status"
# Where rpm keeps its database: Red Hat 9 and SUSE, Fedora 36 and later; a Debian with rpm installed has none of them.
_RPM_FOLDERS = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
_RPM_FILES = ("rpmdb.sqlite", "Packages", "Packages.db")


def read_package(host: Host) -> Content:
    """Complete where every package manager that is there answered."""
    packages: list[Package] = []
    faults: list[str] = []
    managers = 0
    status = host.read_text(_DPKG_STATUS)
    if status is not None:
        managers += 1
        packages += parse_dpkg_status(status)
    if any(host.stamp(f"{folder}/{file}") for folder in _RPM_FOLDERS for file in _RPM_FILES):
        managers += 1
        result = host.run(COMMAND)
        if result is None or result.status != 0 or result.fault:
            faults.append("there is no command rpm" if result is None else result.fault or f"rpm ended with status {result.status}")
        else:
            packages += parse_rpm_query(result.output)
    packages += parse_dist_info(f"{folder}/{name}" for pattern in FOLDER_PATTERNS for folder in host.match(pattern) for name in host.names(folder))
    if not packages:
        return failed("; ".join(faults) or ("no package was found" if managers else "no package manager that Muster knows is there"))
    return Content(to_items(packages), is_complete=not faults, reason="; ".join(faults))


SECTION = Section(
    "package",
    "Installed software (dpkg, rpm, pip)",
    read_package,
    (_DPKG_STATUS, *(f"{folder}/{file}" for folder in _RPM_FOLDERS for file in _RPM_FILES), *FOLDER_PATTERNS),
)
