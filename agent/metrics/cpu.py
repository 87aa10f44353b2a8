"""Processor time by mode, from /proc/stat (proc(5)). Linux."""

from __future__ import annotations

import os
from collections.abc import Iterator

from agent.host import Host
from agent.metric import Collector, Family, Sample
from muster.facts.proc_stat import MODES, ProcStat, parse_proc_stat

_SECONDS = Family("node_cpu_seconds_total", "Time that each logical processor spent in each mode since boot.", "counter", "seconds", ("cpu", "mode"))


def to_samples(stat: ProcStat, ticks_per_second: int) -> Iterator[Sample]:
    """Seconds by processor and mode."""
    for processor in stat.processors:
        for mode, ticks in zip(MODES, processor.ticks, strict=True):
            yield _SECONDS.name, (processor.cpu, mode), ticks / ticks_per_second


def read_cpu(host: Host) -> Iterator[Sample]:
    """Nothing where /proc/stat cannot be read."""
    content = host.read_kept("/proc/stat")
    if content is not None:
        # The long list of interrupts comes after the processors.
        processors = content[: content.find(b"\nintr ")]
        yield from to_samples(parse_proc_stat(processors.decode("ascii", "replace")), os.sysconf("SC_CLK_TCK"))


COLLECTOR = Collector("cpu", "Processor time by mode", (_SECONDS,), read_cpu)
