"""Pressure stall information, from /proc/pressure (kernel documentation: accounting/psi). Linux 4.20 and later."""

from __future__ import annotations

from collections.abc import Iterator

from agent.host import Host
from agent.metric import Collector, Family, Sample, to_number

# (file, line) -> family. What no task can be by definition (all tasks stalled for want of processor) is left out, as node_exporter does.
_FAMILIES = {
    ("cpu", b"some"): Family(
        "node_pressure_cpu_waiting_seconds_total", "Time in which some task waited for a processor since boot.", "counter", "seconds"
    ),
    ("memory", b"some"): Family(
        "node_pressure_memory_waiting_seconds_total", "Time in which some task waited for memory since boot.", "counter", "seconds"
    ),
    ("memory", b"full"): Family(
        "node_pressure_memory_stalled_seconds_total", "Time in which every task waited for memory since boot.", "counter", "seconds"
    ),
    ("io", b"some"): Family("node_pressure_io_waiting_seconds_total", "Time in which some task waited for a disk since boot.", "counter", "seconds"),
    ("io", b"full"): Family("node_pressure_io_stalled_seconds_total", "Time in which every task waited for a disk since boot.", "counter", "seconds"),
}
_RESOURCES = ("cpu", "memory", "io")


def parse_pressure(resource: str, content: bytes) -> Iterator[Sample]:
    """The `total=` of each line, microseconds in the file and seconds here."""
    for line in content.split(b"\n"):
        family = _FAMILIES.get((resource, line[:4]))
        total = to_number(line.rpartition(b"total=")[2])
        if family is not None and total is not None:
            yield family.name, (), total / 1_000_000


def read_pressure(host: Host) -> Iterator[Sample]:
    """Nothing where the kernel has no pressure information (or it is off: EOPNOTSUPP)."""
    for resource in _RESOURCES:
        content = host.read_kept(f"/proc/pressure/{resource}")
        if content is not None:
            yield from parse_pressure(resource, content)


COLLECTOR = Collector("pressure", "Pressure stall information", tuple(_FAMILIES.values()), read_pressure)
