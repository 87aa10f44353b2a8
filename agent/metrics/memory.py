"""Memory by kind, from /proc/meminfo, and paging, from /proc/vmstat (proc(5)). Linux."""

from __future__ import annotations

from collections.abc import Iterator

from agent.host import Host
from agent.metric import Collector, Family, Sample, to_number
from muster.facts.meminfo import parse_meminfo

# The kernel's names that node_exporter 1.5 to 1.9 shows on the kernels of Debian 12 and RHEL 8 to 10; one that a kernel lacks is absent.
_KINDS = (
    "Active", "Active(anon)", "Active(file)", "AnonHugePages", "AnonPages", "Balloon", "Bounce", "Buffers", "Cached", "CmaFree", "CmaTotal",
    "CommitLimit", "Committed_AS", "DirectMap1G", "DirectMap2M", "DirectMap4k", "Dirty", "FileHugePages", "FilePmdMapped", "HardwareCorrupted",
    "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp", "HugePages_Total", "Hugepagesize", "Hugetlb", "Inactive", "Inactive(anon)",
    "Inactive(file)", "KReclaimable", "KernelStack", "Mapped", "MemAvailable", "MemFree", "MemTotal", "Mlocked", "NFS_Unstable", "PageTables",
    "Percpu", "SReclaimable", "SUnreclaim", "SecPageTables", "Shmem", "ShmemHugePages", "ShmemPmdMapped", "Slab", "SwapCached", "SwapFree",
    "SwapTotal", "Unevictable", "VmallocChunk", "VmallocTotal", "VmallocUsed", "Writeback", "WritebackTmp", "Zswap", "Zswapped",
)  # fmt: skip


def to_family(kind: str) -> Family:
    """The family of one line of /proc/meminfo.

    >>> to_family("Active(anon)").name, to_family("HugePages_Total").name
    ('node_memory_Active_anon_bytes', 'node_memory_HugePages_Total')
    """
    plain = kind.replace("(", "_").replace(")", "")
    if kind.startswith("HugePages_"):
        return Family(f"node_memory_{plain}", f"Huge pages: {kind} of /proc/meminfo.")
    return Family(f"node_memory_{plain}_bytes", f"Memory: {kind} of /proc/meminfo.", "gauge", "bytes")


_FAMILIES = {kind: to_family(kind) for kind in _KINDS}
_PAGING = {
    name: Family(f"node_vmstat_{name.decode()}", text, "untyped")
    for name, text in (
        (b"pgpgin", "Kibibytes that were read from disks since boot."),
        (b"pgpgout", "Kibibytes that were written to disks since boot."),
        (b"pswpin", "Pages that were read from swap since boot."),
        (b"pswpout", "Pages that were written to swap since boot."),
        (b"pgfault", "Page faults since boot."),
        (b"pgmajfault", "Page faults that needed a disk since boot."),
        (b"oom_kill", "Processes that the kernel killed for want of memory since boot."),
    )
}


def parse_paging(content: bytes) -> Iterator[Sample]:
    """The lines of /proc/vmstat that count."""
    for name, family in _PAGING.items():
        # Searched for, not split: seven of two hundred lines count.
        at = content.find(b"\n" + name + b" ") + 1
        if at or content.startswith(name + b" "):
            value = to_number(content[at + len(name) :].partition(b"\n")[0])
            if value is not None:
                yield family.name, (), value


def read_memory(host: Host) -> Iterator[Sample]:
    """What of it the host tells."""
    content = host.read_kept("/proc/meminfo")
    if content is not None:
        for kind, value in parse_meminfo(content.decode("ascii", "replace")).items():
            family = _FAMILIES.get(kind)
            if family is not None:
                yield family.name, (), value
    paging = host.read_kept("/proc/vmstat")
    if paging is not None:
        yield from parse_paging(paging)


COLLECTOR = Collector("memory", "Memory by kind, and paging", (*_FAMILIES.values(), *_PAGING.values()), read_memory)
