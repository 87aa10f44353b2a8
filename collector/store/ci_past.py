"""What history tells of each of many configuration items: lines by layer and attribute, read at once. Design: docs/time.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import select

from collector.reconcile.timeline import Line, value_at
from collector.store.content import decode, encode
from collector.store.reading import Reading
from collector.store.schema import ci, history
from collector.store.statement import parts

LAYERS = ("observed", "recorded", "presence", "lifecycle", "identity")
Lines = Mapping[tuple[str, str], Sequence[Line]]


class Moment(Struct, frozen=True):
    """What is asked for: true at `at`, by what was known at `known_at`; milliseconds UTC."""

    at: int
    known_at: int


class Past(Struct):
    """One CI's row with its lines by layer and attribute. `first`: what its first line tells of its making."""

    row: Any
    lines: Lines
    first: dict[str, Any]

    def at(self, layer: str, name: str, moment: Moment, current: bytes | None) -> bytes | None:
        lines = self.lines.get((layer, name))
        return current if not lines else value_at(lines, moment.at, moment.known_at, current)

    def word(self, layer: str, name: str, moment: Moment, current: Any) -> Any:
        """The decoded value; of a layer that tells one value, of any name."""
        return decode(self.at(layer, name, moment, encode(current))) if (layer, name) in self.lines else current

    def names(self, layer: str) -> set[str]:
        return {name for at, name in self.lines if at == layer}


def load_pasts(reading: Reading, rows: Sequence[Any]) -> list[Past]:
    """Rows with all their lines, in the order of rows."""
    lines: defaultdict[str, defaultdict[tuple[str, str], list[Line]]] = defaultdict(lambda: defaultdict(list))
    columns = [history.c[name] for name in ("ci_id", "layer", "attribute", "valid_from", "known_from", "id", "old_value", "new_value")]
    for part in parts([row.id for row in rows]):
        for ci_id, layer, name, *line in reading.connection.execute(select(*columns).where(history.c.ci_id.in_(part), history.c.layer.in_(LAYERS))):
            lines[ci_id][layer, name].append(Line(*line))
    return [_past(row, lines.get(row.id, {})) for row in rows]


def _past(row: Any, lines: Lines) -> Past:
    made = min(lines.get(("identity", ""), ()), key=lambda line: (line.known_from, line.id), default=None)
    told = decode(made.new) if made is not None else None
    return Past(row, lines, told if isinstance(told, dict) else {})


def redirect_of(past: Past, known_at: int) -> str | None:
    """Into which CI it was believed to be merged; merging corrects all of the past, so only what was known counts."""
    lines = past.lines.get(("identity", "redirect_to"), ())
    if not lines:  # one that leads to itself was deleted, which its lines tell
        redirect: str | None = past.row.redirect_to
        return redirect if redirect != past.row.id else None
    known = [line for line in lines if line.known_from <= known_at]
    found: str | None = decode(max(known, key=lambda line: (line.known_from, line.id)).new) if known else None
    return found


def follow_redirects(reading: Reading, row: Any, known_at: int) -> Any:
    """The row of the CI that this one was believed to be."""
    seen: set[str] = set()
    while row.id not in seen:
        seen.add(row.id)
        following = redirect_of(load_pasts(reading, [row])[0], known_at)
        found = None if following is None else reading.connection.execute(select(ci).where(ci.c.id == following)).first()
        if found is None:
            return row
        row = found
    return row


def touched_since(known_at: int) -> Any:
    """The ids of CIs of which anything became known after an instant: all others were as they are."""
    return select(history.c.ci_id).where(history.c.known_from > known_at)
