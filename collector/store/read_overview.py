"""The counts that the overview and /metrics show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select

from collector.store.outbox import count_deliveries
from collector.store.read_history import load_recent
from collector.store.read_source import is_silent
from collector.store.reading import Reading
from collector.store.schema import ci, difference, incident, report, review_case, section, source
from muster.ports import Overview

RECENT = 20


def load_overview(reading: Reading, refused: Mapping[str, int]) -> Overview:
    """Everything counted once. `refused`: whole reports that were refused since the start, by problem."""
    cis: defaultdict[str, dict[str, int]] = defaultdict(dict)
    query = select(ci.c.ci_class, ci.c.presence, func.count()).where(ci.c.redirect_to.is_(None)).group_by(ci.c.ci_class, ci.c.presence)
    for ci_class, presence, count in reading.connection.execute(query):
        cis[ci_class][presence] = count
    oldest = select(func.min(difference.c.opened_at)).where(difference.c.state == "open")
    pending, outbox_oldest_at = count_deliveries(reading.connection)
    open_states = ("open", "acknowledged")
    incidents = _count(reading, incident, incident.c.priority, incident.c.state.in_(open_states))
    rejected = int(reading.connection.execute(select(func.coalesce(func.sum(source.c.rejected_total), 0))).scalar_one())
    return Overview(
        cis=dict(cis),
        open_differences=_count(reading, difference, difference.c.kind, difference.c.state == "open"),
        oldest_difference_at=reading.connection.execute(oldest).scalar(),
        open_cases=_count(reading, review_case, review_case.c.kind, review_case.c.state == "open"),
        incidents={str(priority): count for priority, count in incidents.items()},
        sources=_sources(reading),
        outbox=pending,
        outbox_oldest_at=outbox_oldest_at,
        # The journal's own numbers never fall, while its rows go with their retention.
        reports_received_total=int(reading.connection.execute(select(func.coalesce(func.max(report.c.id), 0))).scalar_one()),
        reports_rejected_total={"part": rejected, **refused},
        recent=load_recent(reading, RECENT),
    )


def _count(reading: Reading, table: Table, column: ColumnElement[Any], condition: ColumnElement[bool]) -> dict[Any, int]:
    query = select(column, func.count()).select_from(table).where(condition).group_by(column).order_by(column)
    return {row[0]: row[1] for row in reading.connection.execute(query)}


def _sources(reading: Reading) -> dict[str, int]:
    found = dict.fromkeys(("reporting", "silent", "pending", "revoked"), 0)
    shortest = select(section.c.source_id, func.min(section.c.interval_seconds).label("interval")).group_by(section.c.source_id).subquery()
    joined = source.outerjoin(shortest, shortest.c.source_id == source.c.id)
    for state, last_report_at, interval in reading.connection.execute(
        select(source.c.state, source.c.last_report_at, shortest.c.interval).select_from(joined)
    ):
        if state == "replaced":
            continue  # its successor counts
        if state != "active":
            found[state] += 1
        else:
            found["silent" if is_silent(reading, last_report_at, interval) else "reporting"] += 1
    return found
