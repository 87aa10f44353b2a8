"""Processes by state and their number, from /proc/<pid>/stat, /proc/loadavg and /proc/sys/kernel (proc(5)). Linux."""

from __future__ import annotations

from collections.abc import Iterator

from agent.host import Host
from agent.metric import Collector, Family, Sample, to_number

_STATES = Family("node_processes_state", "Processes by state, as ps shows it.", labels=("state",))
_PIDS = Family("node_processes_pids", "Processes.")
_THREADS = Family("node_processes_threads", "Threads of all processes.")
_MAXIMUM_PROCESSES = Family("node_processes_max_processes", "Numbers that a process may have.")
_MAXIMUM_THREADS = Family("node_processes_max_threads", "Threads that the kernel allows.")
# Reading a process costs about 10 µs: every other minute is enough, and of very many only some are read and scaled.
_READ_LIMIT = 512
_EVERY = 8


def parse_state(stat: bytes) -> str:
    """The letter after the name in /proc/<pid>/stat; empty where there is none. The name may hold spaces and parentheses."""
    return stat[stat.rfind(b")") + 2 :][:1].decode("ascii", "replace")


def parse_thread_count(loadavg: bytes) -> int | None:
    """The number after the slash of /proc/loadavg."""
    words = loadavg.split()
    return to_number(words[3].partition(b"/")[2]) if len(words) > 3 else None


def count_states(host: Host, pids: list[str]) -> Iterator[Sample]:
    """Processes by state; on a host with very many, every n-th is read and counts n times."""
    step = 1 + (len(pids) - 1) // _READ_LIMIT
    counts = dict.fromkeys("RSDZTI", 0)
    for pid in pids[::step]:
        state = parse_state(host.read_bytes(f"/proc/{pid}/stat", limit=512) or b"")
        if state:
            counts[state] = counts.get(state, 0) + step
    for state, count in counts.items():
        yield _STATES.name, (state,), count


def read_process(host: Host) -> Iterator[Sample]:
    """What of it the host tells."""
    pids = [name for name in host.names("/proc") if name.isdigit()]
    if pids:
        yield _PIDS.name, (), len(pids)
        yield from count_states(host, pids)
    threads = parse_thread_count(host.read_kept("/proc/loadavg") or b"")
    if threads is not None:
        yield _THREADS.name, (), threads
    for family, file in ((_MAXIMUM_PROCESSES, "pid_max"), (_MAXIMUM_THREADS, "threads-max")):
        value = to_number(host.read_kept(f"/proc/sys/kernel/{file}") or b"")
        if value is not None:
            yield family.name, (), value


COLLECTOR = Collector(
    "process", "Processes by state, and their number", (_STATES, _PIDS, _THREADS, _MAXIMUM_PROCESSES, _MAXIMUM_THREADS), read_process, _EVERY
)
