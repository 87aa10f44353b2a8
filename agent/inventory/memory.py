"""Memory modules, from the SMBIOS table that the kernel shows to root (or CAP_DAC_READ_SEARCH) alone. Linux."""

from __future__ import annotations

from agent.host import Host
from agent.section import Content, Section, skipped
from muster.facts.cpuinfo import ProcessorFacts
from muster.facts.section.hardware import to_items
from muster.facts.smbios import TABLE, parse_memory_modules

_NO_PROCESSORS = ProcessorFacts((), 0, "", has_hypervisor_flag=False)


def read_memory(host: Host) -> Content:
    """A host without a table has no modules to show; one that hides it says nothing."""
    table = host.read_bytes(TABLE, limit=1_048_576)
    if table is not None:
        return Content(to_items(_NO_PROCESSORS, (), parse_memory_modules(table)))
    if host.stamp(TABLE) is None:
        return Content(())
    return skipped(f"{TABLE} is for root alone; give the agent CAP_DAC_READ_SEARCH, as its systemd unit does")


SECTION = Section("memory", "Memory modules", read_memory)
