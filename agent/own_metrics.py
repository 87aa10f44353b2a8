"""The agent's figures about itself, for its /metrics."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Mapping
from typing import Protocol

from agent.log import Log
from agent.metric import Family, Sample
from agent.version import VERSION
from muster.wire.sender import Sender
from muster.wire.spool import Spool

_STATES = ("ready", "waiting", "refused")
_ALL = (
    Family("muster_agent_build_info", "The agent's version; always 1.", "gauge", "", ("version",)),
    Family("muster_agent_collections_total", "Collections of metrics.", "counter"),
    Family("muster_agent_inventories_total", "Runs of the inventory that ended well.", "counter"),
    Family("muster_agent_spool_reports", "Reports that wait to be sent."),
    Family("muster_agent_spool_bytes", "Size of the reports that wait.", "gauge", "bytes"),
    Family("muster_agent_reports_delivered_total", "Reports that the collector has confirmed.", "counter"),
    Family("muster_agent_reports_refused_total", "Reports that the collector refused for good.", "counter"),
    Family("muster_agent_reports_lost_total", "Reports that could not be written to the spool.", "counter"),
    Family("muster_agent_delivery_failures_total", "Attempts to deliver that failed.", "counter"),
    Family("muster_agent_delivery_state", "1 for the state of delivery.", "gauge", "", ("state",)),
    Family("muster_agent_log_events_total", "Events logged, by level.", "counter", "", ("level",)),
    Family("process_cpu_seconds_total", "Processor time of this process.", "counter", "seconds"),
    Family("process_resident_memory_bytes", "Resident memory of this process.", "gauge", "bytes"),
)
FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}


class Figures(Protocol):
    """What of the resident agent is counted."""

    collections_total: int
    inventories_total: int
    lost_reports_total: int


def to_own_samples(figures: Figures, spool: Spool, sender: Sender, log: Log) -> Iterable[Sample]:
    """The figures now."""
    yield "muster_agent_build_info", (VERSION,), 1
    yield "muster_agent_collections_total", (), figures.collections_total
    yield "muster_agent_inventories_total", (), figures.inventories_total
    yield "muster_agent_spool_reports", (), len(spool)
    yield "muster_agent_spool_bytes", (), spool.size_bytes
    yield "muster_agent_reports_delivered_total", (), sender.delivered_total
    yield "muster_agent_reports_refused_total", (), sender.dropped_total
    yield "muster_agent_reports_lost_total", (), figures.lost_reports_total
    yield "muster_agent_delivery_failures_total", (), sender.failed_attempts_total
    for state in _STATES:
        yield "muster_agent_delivery_state", (state,), int(sender.state == state)
    for level, count in log.counts.items():
        yield "muster_agent_log_events_total", (level,), count
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield "process_cpu_seconds_total", (), used.ru_utime + used.ru_stime
    yield "process_resident_memory_bytes", (), _resident_bytes()


def _resident_bytes() -> int:
    """/proc/self/statm is this process's own, whatever root the host's files have."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
