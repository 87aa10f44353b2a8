"""Disk input and output, from /proc/diskstats (kernel documentation: admin-guide/iostats). Linux."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.host import Host
from agent.metric import Collector, Family, Sample

_SECTOR_BYTES = 512
# Partitions and devices that are no disk, as node_exporter leaves out.
_LEFT_OUT = re.compile(rb"(?:ram|loop|fd|(?:h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+\Z")


def _family(name: str, text: str, unit: str = "", *, kind: str = "counter") -> Family:
    return Family(f"node_disk_{name}", text, "gauge" if kind == "gauge" else "counter", unit, ("device",))


# In the order of the file's columns after the name, with the factor to base units.
_COLUMNS = (
    (_family("reads_completed_total", "Reads that were completed."), 1),
    (_family("reads_merged_total", "Reads that were merged with others."), 1),
    (_family("read_bytes_total", "Bytes that were read.", "bytes"), _SECTOR_BYTES),
    (_family("read_time_seconds_total", "Time that all reads took.", "seconds"), 0.001),
    (_family("writes_completed_total", "Writes that were completed."), 1),
    (_family("writes_merged_total", "Writes that were merged with others."), 1),
    (_family("written_bytes_total", "Bytes that were written.", "bytes"), _SECTOR_BYTES),
    (_family("write_time_seconds_total", "Time that all writes took.", "seconds"), 0.001),
    (_family("io_now", "Requests that are in progress.", kind="gauge"), 1),
    (_family("io_time_seconds_total", "Time in which the disk was busy.", "seconds"), 0.001),
    (_family("io_time_weighted_seconds_total", "Time in which the disk was busy, by requests in progress.", "seconds"), 0.001),
    (_family("discards_completed_total", "Discards that were completed."), 1),
    (_family("discards_merged_total", "Discards that were merged with others."), 1),
    (_family("discarded_sectors_total", "Sectors of 512 bytes that were discarded."), 1),
    (_family("discard_time_seconds_total", "Time that all discards took.", "seconds"), 0.001),
    (_family("flush_requests_total", "Flushes that were completed."), 1),
    (_family("flush_requests_time_seconds_total", "Time that all flushes took.", "seconds"), 0.001),
)


def parse_diskstats(content: bytes) -> Iterator[Sample]:
    """By disk; an older kernel has fewer columns, whose families are absent; malformed lines are left out."""
    for line in content.split(b"\n"):
        words = line.split()
        if len(words) < 14 or _LEFT_OUT.match(words[2]):
            continue
        device = (words[2].decode("utf-8", "replace"),)
        try:
            values = [int(word) for word in words[3:]]
        except ValueError:
            continue
        for (family, factor), value in zip(_COLUMNS, values, strict=False):
            yield family.name, device, value if factor == 1 else (value * factor if factor > 1 else value / 1000)


def read_disk(host: Host) -> Iterator[Sample]:
    """Nothing where /proc/diskstats cannot be read."""
    content = host.read_kept("/proc/diskstats")
    if content is not None:
        yield from parse_diskstats(content)


COLLECTOR = Collector("disk", "Disk input and output", tuple(family for family, _ in _COLUMNS), read_disk)
