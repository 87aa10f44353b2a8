"""The kernel's own figures: boot time, time, context switches, forks, interrupts, open files, and its names. Linux."""

from __future__ import annotations

import time
from collections.abc import Iterator

from agent.host import Host
from agent.metric import Collector, Family, Sample, to_number
from agent.system import KernelNames

# First word of a line of /proc/stat -> family
_COUNTERS = {
    b"btime": Family("node_boot_time_seconds", "When the kernel started, as Unix time.", "gauge", "seconds"),
    b"ctxt": Family("node_context_switches_total", "Context switches since boot.", "counter"),
    b"processes": Family("node_forks_total", "Processes and threads started since boot.", "counter"),
    b"intr": Family("node_intr_total", "Interrupts served since boot.", "counter"),
    b"procs_running": Family("node_procs_running", "Threads that run or could run now."),
    b"procs_blocked": Family("node_procs_blocked", "Threads that wait for a disk now."),
}
_TIME = Family("node_time_seconds", "The host's clock, as Unix time.", "gauge", "seconds")
_UNAME = Family(
    "node_uname_info",
    "The kernel's names for itself and the host; always 1.",
    labels=("sysname", "release", "version", "machine", "nodename", "domainname"),
)
_FILES_ALLOCATED = Family("node_filefd_allocated", "File handles in use.")
_FILES_MAXIMUM = Family("node_filefd_maximum", "File handles that the kernel allows.")
_ENTROPY = Family("node_entropy_available_bits", "Entropy in the kernel's pool.", "gauge", "bits")


def parse_stat(content: bytes) -> Iterator[Sample]:
    """The single figures of /proc/stat; lines that hold no number are left out."""
    for line in content[content.find(b"\nintr ") + 1 :].split(b"\n"):
        name, _, rest = line.partition(b" ")
        family = _COUNTERS.get(name)
        if family is not None:
            value = to_number(rest.partition(b" ")[0])
            if value is not None:
                yield family.name, (), value


def parse_file_handles(content: bytes) -> Iterator[Sample]:
    """/proc/sys/fs/file-nr: allocated, unused, maximum."""
    words = content.split()
    if len(words) == 3:
        for family, word in ((_FILES_ALLOCATED, words[0]), (_FILES_MAXIMUM, words[2])):
            value = to_number(word)
            if value is not None:
                yield family.name, (), value


def to_uname(names: KernelNames) -> Sample:
    """The names as labels, in node_exporter's order."""
    return _UNAME.name, (names.system, names.release, names.version, names.machine, names.node, names.domain), 1


def read_kernel(host: Host) -> Iterator[Sample]:
    """What of it the host tells."""
    stat = host.read_kept("/proc/stat")
    if stat is not None:
        yield from parse_stat(stat)
    handles = host.read_kept("/proc/sys/fs/file-nr")
    if handles is not None:
        yield from parse_file_handles(handles)
    entropy = to_number(host.read_kept("/proc/sys/kernel/random/entropy_avail") or b"")
    if entropy is not None:
        yield _ENTROPY.name, (), entropy
    yield to_uname(host.read_kernel_names())
    if host.is_this_machine:
        yield _TIME.name, (), time.time()


COLLECTOR = Collector(
    "kernel",
    "Boot time, time, context switches, interrupts, open files, names",
    (*_COUNTERS.values(), _FILES_ALLOCATED, _FILES_MAXIMUM, _ENTROPY, _UNAME, _TIME),
    read_kernel,
)
