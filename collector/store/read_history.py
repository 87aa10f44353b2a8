"""What changed on a configuration item, when it was true and when it became known; and the item as it was.

Design: docs/storage.md. A line holds from `valid_from` on; a report that comes late adds lines that are known later and valid earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, case, func, null, or_, select

from collector.store.content import decode
from collector.store.read_ci import find_row
from collector.store.reading import Reading, check_limit, load_refs, load_source_refs, make_cursor, read_cursor
from collector.store.schema import ci, decision, history
from muster.errors import InputError
from muster.ports import HistoryEntry, Page

_LAYERS = ("observed", "recorded", "relation", "presence", "lifecycle", "identity", "source")


class Chosen(Struct, frozen=True):
    """Which lines. `known_at`: those known by then, None: all; `with_contents`: also of what the CI holds."""

    attribute: str | None = None
    layer: str | None = None
    with_contents: bool = False
    known_at: int | None = None


def list_history(reading: Reading, key: str, wanted: Chosen, *, cursor: str | None, limit: int) -> Page:
    """Newest first by when it was true, then by when it became known; each with until when it held."""
    attribute, layer = wanted.attribute, wanted.layer
    row = find_row(reading, key)
    if layer is not None and layer not in _LAYERS:
        raise InputError(f"unknown layer {layer!r}; known are {', '.join(_LAYERS)}", path="layer")
    of_it: Any = history.c.ci_id == row.id
    if wanted.with_contents:
        of_it = or_(of_it, history.c.ci_id.in_(select(ci.c.id).where(ci.c.owner_ci_id == row.id)))
    if wanted.known_at is not None:
        of_it &= history.c.known_from <= wanted.known_at
    chosen = select(history, _held_until()).where(of_it)
    if attribute is not None:
        chosen = chosen.where(history.c.attribute == attribute)
    if layer is not None:
        chosen = chosen.where(history.c.layer == layer)
    lines = chosen.subquery()
    total = reading.connection.execute(select(func.count()).select_from(lines)).scalar_one()
    table = lines.c
    chosen = select(lines)
    values = read_cursor(cursor, "-valid", 2)
    if values is not None:
        at, entry_id = (int(value) if isinstance(value, int) else 0 for value in values)
        chosen = chosen.where(or_(table.valid_from < at, (table.valid_from == at) & (table.id < entry_id)))
    chosen = chosen.order_by(table.valid_from.desc(), table.id.desc()).limit(check_limit(limit) + 1)
    rows = reading.connection.execute(chosen).all()
    following = make_cursor("-valid", rows[limit - 1].valid_from, rows[limit - 1].id) if len(rows) > limit else None
    return Page(_entries(reading, rows[:limit]), total, following)


# Several things at once may be linked, related or held: only what has one value at a time ends with the next.
_SINGLE = history.c.layer.in_(("observed", "recorded", "presence", "lifecycle")) | (
    (history.c.layer == "identity") & history.c.attribute.in_(("class", "owner", "redirect_to", "deleted"))
)


def _held_until() -> ColumnElement[Any]:
    """When the next line of the same value took over; a line that was corrected since held for no time at all."""
    following = func.lead(history.c.valid_from).over(
        partition_by=(history.c.ci_id, history.c.layer, history.c.attribute), order_by=(history.c.valid_from, history.c.known_from, history.c.id)
    )
    return case((_SINGLE, following), else_=None).label("valid_to")


def load_recent(reading: Reading, limit: int) -> list[HistoryEntry]:
    """The last lines of all CIs, newest first."""
    query: Select[Any] = (
        select(history, null().label("valid_to")).order_by(history.c.known_from.desc(), history.c.id.desc()).limit(check_limit(limit))
    )
    return _entries(reading, reading.connection.execute(query).all())


def _entries(reading: Reading, rows: Sequence[Any]) -> list[HistoryEntry]:
    sources = load_source_refs(reading.connection, (row.source_id for row in rows))
    refs = load_refs(reading.connection, (row.ci_id for row in rows))
    decisions = sorted({row.cause_id for row in rows if row.cause_kind == "decision"})
    query = select(decision.c.id, decision.c.made_by).where(decision.c.id.in_(decisions))
    actors: dict[str, str] = {row.id: row.made_by for row in reading.connection.execute(query)} if decisions else {}
    return [
        HistoryEntry(
            id=row.id,
            layer=row.layer,
            attribute=row.attribute,
            old_value=decode(row.old_value),
            new_value=decode(row.new_value),
            valid_from=row.valid_from,
            known_from=row.known_from,
            cause_kind=row.cause_kind,
            cause_id=row.cause_id,
            source=None if row.source_id is None else sources.get(row.source_id),
            actor=actors.get(row.cause_id),
            ci=refs.get(row.ci_id),
            valid_to=row.valid_to,
        )
        for row in rows
    ]
