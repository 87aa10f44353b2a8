"""What changed on a configuration item, when it was true and when it became known; and the item as it was.

Design: docs/storage.md. A line holds from `valid_from` on; a report that comes late adds lines that are known later and valid earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select

from collector.store.content import decode, load_contents
from collector.store.read_ci import find_row
from collector.store.reading import Reading, check_limit, load_refs, load_source_refs, make_cursor, read_cursor
from collector.store.schema import ci, decision, history
from muster.errors import InputError
from muster.ports import CiAsAt, CiRef, HistoryEntry, Page

_LAYERS = ("observed", "recorded", "relation", "presence", "lifecycle", "identity")


def list_history(
    reading: Reading, key: str, attribute: str | None, layer: str | None, *, with_contents: bool, cursor: str | None, limit: int
) -> Page:
    """Newest first by when it was true, then by when it became known."""
    row = find_row(reading, key)
    if layer is not None and layer not in _LAYERS:
        raise InputError(f"unknown layer {layer!r}; known are {', '.join(_LAYERS)}", path="layer")
    of_it: Any = history.c.ci_id == row.id
    if with_contents:
        of_it = or_(of_it, history.c.ci_id.in_(select(ci.c.id).where(ci.c.owner_ci_id == row.id)))
    chosen = select(history).where(of_it)
    if attribute is not None:
        chosen = chosen.where(history.c.attribute == attribute)
    if layer is not None:
        chosen = chosen.where(history.c.layer == layer)
    total = reading.connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    values = read_cursor(cursor, "-valid", 2)
    if values is not None:
        at, entry_id = (int(value) if isinstance(value, int) else 0 for value in values)
        chosen = chosen.where(or_(history.c.valid_from < at, (history.c.valid_from == at) & (history.c.id < entry_id)))
    chosen = chosen.order_by(history.c.valid_from.desc(), history.c.id.desc()).limit(check_limit(limit) + 1)
    rows = reading.connection.execute(chosen).all()
    following = make_cursor("-valid", rows[limit - 1].valid_from, rows[limit - 1].id) if len(rows) > limit else None
    return Page(_entries(reading, rows[:limit]), total, following)


def load_recent(reading: Reading, limit: int) -> list[HistoryEntry]:
    """The last lines of all CIs, newest first."""
    query: Select[Any] = select(history).order_by(history.c.known_from.desc(), history.c.id.desc()).limit(check_limit(limit))
    return _entries(reading, reading.connection.execute(query).all())


def load_as_at(reading: Reading, key: str, at: int, known_at: int | None) -> CiAsAt:
    """The CI as it was. Before it was first known it did not exist."""
    row = find_row(reading, key)
    known_at = reading.now if known_at is None else known_at
    contents = load_contents(reading.connection, (bytes(each) for each in (row.effective_hash, row.recorded_hash) if each is not None))
    sides: dict[str, dict[str, Any]] = {
        "observed": dict(contents[bytes(row.effective_hash)]) if row.effective_hash is not None else {},
        "recorded": dict(contents[bytes(row.recorded_hash)]) if row.recorded_hash is not None else {},
        "presence": {"": row.presence},
        "lifecycle": {"": row.lifecycle},
    }
    query = select(history).where(history.c.ci_id == row.id, history.c.layer.in_(sides))
    lines: dict[tuple[str, str], list[Any]] = {}
    for line in reading.connection.execute(query.order_by(history.c.valid_from, history.c.known_from, history.c.id)):
        lines.setdefault((line.layer, line.attribute if line.layer in ("observed", "recorded") else ""), []).append(line)
    for (layer, name), told in lines.items():
        _put(sides[layer], name, _value_at(told, at, known_at))
    if sides["recorded"].get("") is False:
        sides["recorded"] = {}  # before it was put on record, which is one line for all its values
    first = reading.connection.execute(select(func.min(history.c.valid_from)).where(history.c.ci_id == row.id)).scalar()
    existed = min(row.created_at, row.created_at if first is None else first) <= at and row.created_at <= known_at
    return CiAsAt(
        ci=CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name),
        at=at,
        known_at=known_at,
        existed=existed,
        effective={name: value for name, value in sides["observed"].items() if name and existed},
        recorded={name: value for name, value in sides["recorded"].items() if name and existed},
        presence=str(sides["presence"].get("", "unknown")) if existed else "unknown",
        lifecycle=str(sides["lifecycle"].get("", row.lifecycle)),
    )


def _value_at(lines: Sequence[Any], at: int, known_at: int) -> bytes | None:
    """The value at `at` by what was known at `known_at`: of the last line until then, else what the first one after it replaced.

    Lines in the order of their validity, of several at one instant the last known last.
    """
    known = [line for line in lines if line.known_from <= known_at]
    past = [line for line in known if line.valid_from <= at]
    if past:
        value: bytes | None = past[-1].new_value
        return value
    following = known or sorted(lines, key=lambda line: (line.known_from, line.id))
    before: bytes | None = following[0].old_value
    return before


def _put(side: dict[str, Any], name: str, value: bytes | None) -> None:
    if value is None:
        side.pop(name, None)
    else:
        side[name] = decode(value)


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
        )
        for row in rows
    ]
