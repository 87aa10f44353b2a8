"""Sources as their pages show them: how they report, how their clocks stand, what of theirs was refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select

from collector.store.content import decode
from collector.store.reading import Reading, after, check_limit, make_cursor, ordered, read_cursor
from collector.store.schema import section, source, source_record
from collector.store.source import clock_offset_ms
from muster.errors import NotFoundError
from muster.ports import Page, SourceRef, SourceView

# A source that declared no section yet is silent after this long.
_DEFAULT_INTERVAL_SECONDS = 60


def list_sources(reading: Reading, states: Collection[str], *, cursor: str | None, limit: int) -> Page:
    """By kind, name and number."""
    columns: list[Any] = [(source.c.kind, False), (source.c.name, False), (source.c.id, False)]
    # One that a new instance replaced is told by that one.
    chosen = select(source).where(source.c.state.in_(sorted(states)) if states else source.c.state != "replaced")
    total = reading.connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    behind = after(columns, read_cursor(cursor, "sources", 3))
    query = chosen if behind is None else chosen.where(behind)
    rows = reading.connection.execute(query.order_by(*ordered(columns)).limit(check_limit(limit) + 1)).all()
    shown = rows[:limit]
    following = make_cursor("sources", shown[-1].kind, shown[-1].name, shown[-1].id) if len(rows) > limit else None
    return Page(_views(reading, shown), total, following)


def load_source_view(reading: Reading, source_id: int) -> SourceView:
    rows = reading.connection.execute(select(source).where(source.c.id == source_id)).all()
    if not rows:
        raise NotFoundError(f"no source {source_id}; see the sources' list")
    return _views(reading, rows)[0]


def is_silent(reading: Reading, last_report_at: int | None, interval_seconds: int | None) -> bool:
    """Whether a source has missed its reports: three times the shortest interval that its sections declared, at least two minutes."""
    if last_report_at is None:
        return True
    seconds = min(interval_seconds or _DEFAULT_INTERVAL_SECONDS, _DEFAULT_INTERVAL_SECONDS * 60)
    return reading.now - last_report_at > max(reading.settings.fresh_for_ms(seconds), 120_000)


def _views(reading: Reading, rows: Sequence[Any]) -> list[SourceView]:
    ids = [row.id for row in rows]
    sections: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in reading.connection.execute(select(section).where(section.c.source_id.in_(ids)).order_by(section.c.source_id, section.c.name)):
        sections[row.source_id].append(_section(reading, row))
    counted = select(source_record.c.source_id, func.count()).where(source_record.c.source_id.in_(ids), source_record.c.closed_at.is_(None))
    counts: dict[int, int] = {row[0]: row[1] for row in reading.connection.execute(counted.group_by(source_record.c.source_id))}
    return [
        SourceView(
            source=SourceRef(row.id, row.kind, row.name, row.instance, row.zone),
            state="active" if row.state == "replaced" else row.state,
            software_version=row.software_version,
            created_at=row.created_at,
            last_report_at=row.last_report_at,
            last_sequence=row.last_sequence,
            clock_offset_ms=clock_offset_ms(msgspec.json.decode(row.clock_offsets_ms, type=list[int])),
            is_silent=is_silent(reading, row.last_report_at, min((each["interval_seconds"] for each in sections[row.id]), default=None)),
            rejected_total=row.rejected_total,
            last_rejections=(decode(row.last_rejections) or [])[::-1],
            sections=sections[row.id],
            record_count=counts.get(row.id, 0),
            samples_dropped_total=row.samples_dropped_total,
        )
        for row in rows
    ]


def _section(reading: Reading, row: Any) -> dict[str, Any]:
    return {
        "name": row.name,
        "status": row.status,
        "reason": row.reason or "",
        "complete": row.complete,
        "digest": row.digest,
        "interval_seconds": row.interval_seconds,
        "observed_at": row.observed_at,
        "confirmed_at": row.confirmed_at,
        "is_fresh": reading.is_fresh(row.confirmed_at, row.interval_seconds),
        "is_held": row.held,
        "missing_count": row.missing_count,
    }
