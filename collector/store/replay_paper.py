"""What people put on record before anything reported it, carried into a replay before its first report, so that reports meet it there.

The live store is only read. Design: docs/cases.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select

from collector.store.content import save_contents
from collector.store.engine import Database
from collector.store.schema import ci, content, recorded_claim, source_record
from collector.store.statement import parts

AT_ONCE = 500
_ENDED = ("retired", "disposed")  # carried over at the end, as whatever people decided on the way


def carry_paper(live: Database, scratch: Database) -> None:
    """CIs on paper under their own ids, with their recorded values and claims."""
    after = 0
    while True:
        with live.connect() as connection:
            rows = _load_paper(connection, after)
            bodies = _load_rows(connection, content, content.c.hash, [row.recorded_hash for row in rows if row.recorded_hash is not None])
            claims = _load_rows(connection, recorded_claim, recorded_claim.c.ci_id, [row.id for row in rows])
        if not rows:
            return
        after = rows[-1].number
        with scratch.begin() as connection:
            save_contents(connection, {bytes(each.hash): bytes(each.body) for each in bodies})
            connection.execute(insert(ci), [_as_then(row) for row in rows])
            if claims:
                connection.execute(insert(recorded_claim), [dict(each._mapping) for each in claims])  # noqa: SLF001 -- the documented way


def _load_paper(connection: Connection, after: int) -> Sequence[Any]:
    """CIs that came on record as they were made, by no source's word, in the order of their numbers."""
    seen = select(source_record.c.id).where(source_record.c.ci_id == ci.c.id, func.coalesce(source_record.c.linked_at, 0) <= ci.c.created_at)
    is_paper = (ci.c.recorded_from == ci.c.created_at) & ci.c.owner_ci_id.is_(None) & ci.c.redirect_to.is_(None) & ~seen.exists()
    return connection.execute(select(ci).where(is_paper, ci.c.number > after).order_by(ci.c.number).limit(AT_ONCE)).all()


def _load_rows(connection: Connection, table: Any, column: Any, values: Collection[Any]) -> list[Any]:
    return [row for part in parts(values) for row in connection.execute(select(table).where(column.in_(part)))]


def _as_then(row: Any) -> dict[str, Any]:
    """As it was on paper: nobody had seen it."""
    lifecycle = "live" if row.lifecycle in _ENDED else row.lifecycle
    unseen = {"presence": "unknown", "operation": "unknown", "effective_hash": None, "provenance": None, "seen_at": None, "is_provisional": False}
    return {**row._mapping, **unseen, "lifecycle": lifecycle, "ci_class": row.recorded_class or row.ci_class}  # noqa: SLF001 -- as above
