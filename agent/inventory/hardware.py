"""Processors and disks, from /proc/cpuinfo and lsblk (util-linux). Linux."""

from __future__ import annotations

from agent.host import Host
from agent.section import Content, Section, failed
from muster.facts.cpuinfo import parse_cpuinfo
from muster.facts.lsblk import COMMAND, parse_lsblk
from muster.facts.section.hardware import to_items


def read_hardware(host: Host) -> Content:
    """Complete only where both sources answered."""
    cpuinfo = host.read_text("/proc/cpuinfo")
    result = host.run(COMMAND)
    is_listed = result is not None and result.status == 0 and not result.fault
    disks = parse_lsblk(result.output) if result is not None and is_listed else []
    items = to_items(parse_cpuinfo(cpuinfo or ""), disks)
    reason = "" if is_listed else "there is no command lsblk" if result is None else result.fault or f"lsblk ended with status {result.status}"
    return Content(items, is_complete=is_listed and cpuinfo is not None, reason=reason) if items else failed(reason or "nothing was found")


SECTION = Section("hardware", "Processors and disks", read_hardware, ("/sys/block", "/sys/devices/system/cpu/online"))
