"""Load averages, from /proc/loadavg (proc(5)). Linux."""

from __future__ import annotations

from collections.abc import Iterator

from agent.host import Host
from agent.metric import Collector, Family, Sample

_FAMILIES = tuple(Family(f"node_load{minutes}", f"Average number of threads that ran or waited, over {minutes} min.") for minutes in (1, 5, 15))


def parse_loadavg(content: bytes) -> Iterator[Sample]:
    """Three averages; none of them where the text is malformed."""
    try:
        values = [float(word) for word in content.split()[:3]]
    except ValueError:
        return
    if len(values) == 3:
        for family, value in zip(_FAMILIES, values, strict=True):
            yield family.name, (), value


def read_load(host: Host) -> Iterator[Sample]:
    """Nothing where /proc/loadavg cannot be read."""
    content = host.read_kept("/proc/loadavg")
    if content is not None:
        yield from parse_loadavg(content)


COLLECTOR = Collector("load", "Load averages", _FAMILIES, read_load)
