"""Retention: what is kept how long, and the removal of what is past it, in small bounded steps. Design: docs/metrics.md.

Not for what is kept for ever (transitions, history, decisions, baselines, the audit trail), nor for deliveries (the outbox removes its
own) and contents (`content_sweep.py`). What is kept how long: docs/storage.md.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, Connection, Table, delete, func, not_, select

from collector.store.content import decode
from collector.store.observation_thinning import thin_observations
from collector.store.schema import chunk, collector_liveness, report, series, series_table
from collector.store.session import delete_expired_sessions
from collector.store.statement import parts
from collector.store.token import delete_spent_links

DAY_MS = 86_400_000
ROWS_PER_RUN = 2_000
Days = Annotated[float, Meta(gt=0)]


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many days things are kept; `journal_days` is also how far back reports can be replayed."""

    journal_days: Days = 30
    sample_days: Days = 90
    liveness_days: Days = 400
    observation_days: Days = 400


class Removed(Struct):
    """How many rows one run removed. `is_rest`: there may be more to remove; run again soon."""

    reports: int = 0
    chunks: int = 0
    tables: int = 0
    series: int = 0
    runs: int = 0
    sessions: int = 0
    links: int = 0
    observations: int = 0
    is_rest: bool = False


def delete_expired(connection: Connection, now: int, settings: RetentionSettings, *, limit: int = ROWS_PER_RUN) -> Removed:
    """Remove at most `limit` rows of each kind that are past their retention, oldest first, inside the writer."""
    removed = Removed()
    # The newest report stays: the count of all reports ever received is its number.
    newest = select(func.max(report.c.id)).scalar_subquery()
    is_old = report.c.received_at < now - round(settings.journal_days * DAY_MS)
    removed.reports = _delete(connection, report, is_old & (report.c.id < newest), report.c.received_at, limit)
    is_old = chunk.c.end_at < now - round(settings.sample_days * DAY_MS)
    removed.chunks = _delete(connection, chunk, is_old, chunk.c.end_at, limit)
    if removed.chunks:
        removed.tables, removed.series = _delete_unused_tables(connection, limit)
    is_old = collector_liveness.c.last_at < now - round(settings.liveness_days * DAY_MS)
    removed.runs = _delete(connection, collector_liveness, is_old, collector_liveness.c.last_at, limit)
    removed.sessions = delete_expired_sessions(connection, now, limit=limit)
    removed.links = delete_spent_links(connection, now, limit=limit)
    thinned = thin_observations(connection, now, settings.observation_days, limit=limit)
    removed.observations = thinned.removed
    removed.is_rest = not thinned.is_whole or limit in (removed.reports, removed.chunks, removed.runs, removed.sessions, removed.links)
    return removed


def _delete(connection: Connection, table: Table, condition: ColumnElement[bool], order: ColumnElement[Any], limit: int) -> int:
    chosen = select(table.c.id).where(condition).order_by(order).limit(limit)
    return connection.execute(delete(table).where(table.c.id.in_(chosen.scalar_subquery()))).rowcount


def _delete_unused_tables(connection: Connection, limit: int) -> tuple[int, int]:
    """Tables of which no sample is left, with the series that no other table of their source holds; a source is asked to send them again."""
    is_its = (chunk.c.source_id == series_table.c.source_id) & (chunk.c.table_digest == series_table.c.digest)
    unused = connection.execute(
        select(series_table.c.source_id, series_table.c.digest, series_table.c.series_ids)
        .where(not_(select(chunk.c.id).where(is_its).exists()))
        .order_by(series_table.c.source_id, series_table.c.digest)
        .limit(limit)
    ).all()
    series_removed = 0
    for source_id in sorted({row.source_id for row in unused}):
        own = [row for row in unused if row.source_id == source_id]
        for part in parts([row.digest for row in own]):
            connection.execute(delete(series_table).where(series_table.c.source_id == source_id, series_table.c.digest.in_(part)))
        held = connection.execute(select(series_table.c.series_ids).where(series_table.c.source_id == source_id)).scalars()
        needed = {number for body in held for number in decode(body)}
        for part in parts(sorted({number for row in own for number in decode(row.series_ids)} - needed)):
            series_removed += connection.execute(delete(series).where(series.c.id.in_(part))).rowcount
    return len(unused), series_removed
