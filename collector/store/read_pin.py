"""Pins as people see them: what is held of which CI, for whom, why and until when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from collector.store.content import decode
from collector.store.filter import compile_text
from collector.store.reading import Reading, after, check_limit, load_refs, make_cursor, ordered, read_cursor
from collector.store.schema import ci, decision, pin
from muster.ports import Page, PinView

HIDDEN = "••••"
_LATEST = 2**62  # of a pin without an end


def list_pins(reading: Reading, query: str, owner: str | None, *, cursor: str | None, limit: int) -> Page:
    """One page; the query is of their CIs."""
    ends = func.coalesce(pin.c.expires_at, _LATEST)
    columns: list[tuple[ColumnElement[Any], bool]] = [(ends, False), (pin.c.ci_id, False), (pin.c.attribute, False)]
    conditions: list[ColumnElement[bool]] = [compile_text(query, reading.catalogue, reading.now)]
    if owner:
        conditions.append(pin.c.owner == owner)
    joined = pin.join(ci, ci.c.id == pin.c.ci_id)
    total = reading.connection.execute(select(func.count()).select_from(joined).where(and_(*conditions))).scalar_one()
    behind = after(columns, read_cursor(cursor, "pins", 3))
    wanted = select(pin, ends.label("ends")).select_from(joined).where(and_(*conditions))
    wanted = wanted.order_by(*ordered(columns)).limit(check_limit(limit) + 1)
    rows = reading.connection.execute(wanted if behind is None else wanted.where(behind)).all()
    shown = rows[:limit]
    following = make_cursor("pins", shown[-1].ends, shown[-1].ci_id, shown[-1].attribute) if len(rows) > limit else None
    return Page(_views(reading, shown), total, following)


def load_pins(reading: Reading, ci_id: str) -> list[PinView]:
    """The pins of one CI, those that have ended left out."""
    rows = reading.connection.execute(select(pin).where(pin.c.ci_id == ci_id).order_by(pin.c.attribute)).all()
    return _views(reading, [row for row in rows if row.expires_at is None or row.expires_at > reading.now])


def _views(reading: Reading, rows: Iterable[Any]) -> list[PinView]:
    known = list(rows)
    if not known:
        return []
    refs = load_refs(reading.connection, {row.ci_id for row in known})
    made = select(decision.c.id, decision.c.at, decision.c.made_by).where(decision.c.id.in_({row.decision_id for row in known}))
    by = {row.id: row for row in reading.connection.execute(made)}
    return [
        PinView(
            ci=refs[row.ci_id],
            attribute=row.attribute,
            value=HIDDEN if reading.attribute_of(refs[row.ci_id].ci_class, row.attribute).sensitive else decode(row.value),
            reason=row.reason,
            owner=row.owner,
            expires_at=row.expires_at,
            held_at=by[row.decision_id].at if row.decision_id in by else 0,
            held_by=by[row.decision_id].made_by if row.decision_id in by else "",
            decision_id=row.decision_id,
        )
        for row in known
    ]
