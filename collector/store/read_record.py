"""What is on record of hosts and devices, for exports: by number, one page after the other."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from collector.store.content import decode, load_contents
from collector.store.filter import compile_text
from collector.store.reading import Reading, after, check_limit, make_cursor, ordered, read_cursor
from collector.store.schema import ci
from muster.ports import Page, RecordView


def list_records(reading: Reading, query: str, *, cursor: str | None, limit: int) -> Page:
    """One page; what is sensitive is left out."""
    columns: list[tuple[ColumnElement[Any], bool]] = [(ci.c.number, False)]
    conditions = [
        compile_text(query, reading.catalogue, reading.now),
        ci.c.is_recorded.is_(True),
        ci.c.redirect_to.is_(None),
        ci.c.owner_ci_id.is_(None),
    ]
    total = reading.connection.execute(select(func.count()).select_from(ci).where(and_(*conditions))).scalar_one()
    behind = after(columns, read_cursor(cursor, "records", 1))
    names = (ci.c.id, ci.c.number, ci.c.ci_class, ci.c.recorded_class, ci.c.zone, ci.c.lifecycle, ci.c.tags, ci.c.recorded_hash)
    wanted = select(*names).where(and_(*conditions)).order_by(*ordered(columns)).limit(check_limit(limit) + 1)
    rows = reading.connection.execute(wanted if behind is None else wanted.where(behind)).all()
    shown = rows[:limit]
    contents = load_contents(reading.connection, (None if row.recorded_hash is None else bytes(row.recorded_hash) for row in shown))
    following = make_cursor("records", shown[-1].number) if len(rows) > limit else None
    return Page([_view(reading, row, contents) for row in shown], total, following)


def _view(reading: Reading, row: Any, contents: dict[bytes, Any]) -> RecordView:
    ci_class = row.recorded_class or row.ci_class
    recorded = contents[bytes(row.recorded_hash)] if row.recorded_hash is not None else {}
    return RecordView(
        id=row.id,
        number=row.number,
        ci_class=ci_class,
        zone=row.zone,
        lifecycle=row.lifecycle,
        recorded={name: value for name, value in sorted(recorded.items()) if not reading.attribute_of(ci_class, name).sensitive},
        types={name: reading.attribute_of(ci_class, name).type for name in recorded},
        tags=decode(row.tags) or {},
    )
