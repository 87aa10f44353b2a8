"""/proc/stat (proc(5)): processor time by mode, context switches, forks, boot time."""

from __future__ import annotations

from typing import NamedTuple

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


class ProcessorTime(NamedTuple):
    """Ticks of one logical processor in the order of `MODES`."""

    cpu: str
    ticks: tuple[int, ...]


class ProcStat(NamedTuple):
    """The file as a value; `counters` by the kernel's own names (`ctxt`, `btime`, `processes`, `procs_running`, `intr` total)."""

    processors: tuple[ProcessorTime, ...]
    counters: dict[str, int]


def parse_proc_stat(text: str) -> ProcStat:
    """Processor times and counters; malformed lines are left out."""
    processors: list[ProcessorTime] = []
    counters: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split(None, len(MODES) + 1)
        if len(words) < 2 or not words[1].isascii() or not words[1].isdigit():
            continue
        if words[0].startswith("cpu"):
            ticks = words[1 : len(MODES) + 1]
            if words[0] != "cpu" and len(ticks) == len(MODES) and all(tick.isascii() and tick.isdigit() for tick in ticks):
                processors.append(ProcessorTime(words[0][3:], tuple(map(int, ticks))))
        else:
            counters[words[0]] = int(words[1])
    return ProcStat(tuple(processors), counters)


def boot_time_ms(text: str) -> int | None:
    """When the kernel started (`btime`), in milliseconds UTC; None where the file does not tell."""
    seconds = parse_proc_stat(text).counters.get("btime")
    return None if not seconds else seconds * 1000
