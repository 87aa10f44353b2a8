"""systemd's services, sockets and timers, from systemctl(1). Linux with systemd, running or only installed."""

from __future__ import annotations

from agent.host import Host
from agent.section import Content, Section, failed, skipped
from muster.facts.section.systemd_unit import to_items
from muster.facts.systemctl import OFFLINE_UNIT_FILES_COMMAND, UNIT_FILES_COMMAND, UNITS_COMMAND, join_units


def read_systemd_unit(host: Host) -> Content:
    """Where systemd does not run only names and enabled states are known, and there is no state to watch."""
    files, units = host.run(UNIT_FILES_COMMAND), host.run(UNITS_COMMAND)
    if files is None:
        return skipped("there is no command systemctl")
    if files.status != 0:
        files = host.run(OFFLINE_UNIT_FILES_COMMAND) or files
    if files.status != 0 or files.fault:
        return failed(files.fault or f"systemctl ended with status {files.status}")
    is_running = units is not None and units.status == 0 and not units.fault
    found = join_units(files.output, units.output if units is not None and is_running else "")
    if not found:
        return failed("systemctl lists no unit")
    # A unit that is not active and was never seen active is no outage: most of them are meant to rest.
    subjects = [(f"unit:{unit.name}", (unit.name, unit.active, unit.sub_state)) for unit in found if unit.active]
    return Content(to_items(found), subjects=subjects)


SECTION = Section(
    "systemd_unit",
    "systemd units",
    read_systemd_unit,
    (
        "/etc/systemd/system", "/etc/systemd/system/*.wants", "/usr/lib/systemd/system", "/run/systemd/system", "/run/systemd/generator",
        "/run/systemd/transient",
        # A group appears when a unit starts and goes when it ends: unified, hybrid and legacy hierarchy.
        "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/system.slice/system-*.slice", "/sys/fs/cgroup/systemd/system.slice",
        "/sys/fs/cgroup/systemd/system.slice/system-*.slice",
    ),
)  # fmt: skip
