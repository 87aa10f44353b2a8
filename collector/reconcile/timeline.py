"""Values over two axes of time: when something was true, and when it became known. Pure.

A line says that from `valid_from` on a value became another, and that this is known from `known_from` on. Lines are only ever added. Of
those known at an instant, the one that last became valid tells the value; of several for one moment the last known. What held before the
first line is what that line replaced: the first line ever known of a value carries in `old` what had been believed until then. So an
answer for (valid t, known k) with k in the past never changes. Design: docs/time.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from msgspec import Struct


class Line(Struct, frozen=True):
    """One change of one value; None: no value. `id` tells the order of writing."""

    valid_from: int
    known_from: int
    id: int
    old: bytes | None
    new: bytes | None


class Span(Struct, frozen=True):
    """A value from an instant until another; `valid_to` None: still so; `known_from` None: since the thing itself is known."""

    valid_from: int | None
    valid_to: int | None
    known_from: int | None
    value: bytes | None
    line_id: int | None = None


def initial_value(lines: Iterable[Line], current: bytes | None) -> bytes | None:
    """What was believed before any of the lines became known; without lines what holds now."""
    first = min(lines, key=lambda line: (line.known_from, line.id), default=None)
    return current if first is None else first.old


def value_at(lines: Sequence[Line], at: int, known_at: int, current: bytes | None) -> bytes | None:
    """The value at `at` by what was known at `known_at`. `lines`: all of this value, in any order.

    >>> late = [Line(10, 10, 1, b"a", b"b"), Line(5, 20, 2, b"a", b"c")]
    >>> value_at(late, 7, 15, b"b"), value_at(late, 7, 25, b"b"), value_at(late, 12, 25, b"b")
    (b'a', b'c', b'b')
    """
    told = [line for line in lines if line.known_from <= known_at and line.valid_from <= at]
    if not told:
        return initial_value(lines, current)
    return max(told, key=lambda line: (line.valid_from, line.known_from, line.id)).new


def spans(lines: Sequence[Line], known_at: int, current: bytes | None) -> list[Span]:
    """The whole course of a value as known at an instant, oldest first; neighbours of one value are one."""
    known = sorted((line for line in lines if line.known_from <= known_at), key=lambda line: (line.valid_from, line.known_from, line.id))
    last = [list(same)[-1] for _, same in groupby(known, key=lambda line: line.valid_from)]
    found = [Span(None, None, None, initial_value(lines, current))]
    for line in last:
        if found[-1].value == line.new:
            continue
        found[-1] = Span(found[-1].valid_from, line.valid_from, found[-1].known_from, found[-1].value, found[-1].line_id)
        found.append(Span(line.valid_from, None, line.known_from, line.new, line.id))
    return found
