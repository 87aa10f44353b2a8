"""Which observations of a record may go once they are old: one a month stays, and all that something refers to. Pure.

Design: docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

Row = tuple[int, int]  # observed_at, known_from


def choose_thinned(rows: Sequence[Row], cutoff: int, protected: Iterable[int]) -> list[Row]:
    """The rows of one record that may be removed, oldest first.

    `rows`: all up to `cutoff` and any later ones, in any order. Kept are the first of all, the last of each month (UTC), what holds at
    `cutoff`, and what held at each instant of `protected`, as known then and as known now.

    >>> day = 86_400_000
    >>> choose_thinned([(0, 0), (day, day), (2 * day, 2 * day), (40 * day, 40 * day)], 60 * day, [])
    [(86400000, 86400000)]
    """
    ordered = sorted(rows)
    old = [row for row in ordered if row[0] < cutoff]
    kept = {*ordered[:1], *old[-1:], *_last_of_months(old)}
    for instant in protected:
        held = [row for row in ordered if row[0] <= instant]
        kept.update(held[-1:])
        kept.update([row for row in held if row[1] <= instant][-1:])
    return [row for row in old if row not in kept]


def _last_of_months(rows: Iterable[Row]) -> list[Row]:
    last: dict[tuple[int, int], Row] = {}
    for row in rows:
        day = datetime.fromtimestamp(row[0] / 1000, UTC)
        last[day.year, day.month] = row
    return list(last.values())
