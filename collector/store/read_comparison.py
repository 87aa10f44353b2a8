"""What became of configuration items between two moments: of one, or of all that a scope found, page by page. Design: docs/time.md.

Only CIs of which anything became known since the earlier moment are looked at, and what these held: all others are as they were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, or_, select

from collector.store.as_of import CiState, load_states
from collector.store.ci_past import Moment, follow_redirects, touched_since
from collector.store.content import encode
from collector.store.read_as_of import find_exact, refs_then, to_ref
from collector.store.reading import Reading, check_limit, make_cursor, read_cursor
from collector.store.relation_as_of import RelationThen, load_relations_then
from collector.store.schema import ci
from collector.store.scope import OWNER_LEVELS, Judge, Scope, candidates, iterate_rows
from muster.ports import CiComparison, CiRef, Page, RelationChange, ValueChange

BLOCKS_PER_PAGE = 20  # blocks of 500 CIs that one page looks through; with fewer changes than asked for it ends there
_IDENTITY = ("ci_class", "name", "lifecycle", "owner_id", "zone", "is_recorded", "recorded_class")
RelationKey = tuple[str, str, str, str, str]


class Side(Struct, frozen=True):
    """One of the two that are compared."""

    scope: Scope
    moment: Moment


class Seen(Struct, frozen=True):
    """A CI on one side, with its relations."""

    state: CiState
    relations: frozenset[RelationKey]


def compare_ci(reading: Reading, key: str, before: Moment, after: Moment) -> CiComparison:
    """One CI between two moments, whatever it was believed to be at each. Raises NotFoundError."""
    row = find_exact(reading, key)
    seen = []
    for moment in (before, after):
        found = follow_redirects(reading, row, moment.known_at)
        state = load_states(reading, [found], moment)[0]
        seen.append(_see(reading, [state], moment).get(state.id) if state.existed else None)
    if seen[0] is None and seen[1] is None:
        return CiComparison(CiRef(row.id, row.number, row.ci_class, row.name), "unchanged")
    compared = compare_seen(*seen)
    return _told(reading, [compared], after)[0] if compared is not None else CiComparison(to_ref((seen[1] or seen[0]).state), "unchanged")  # type: ignore[union-attr]  # one of them is there


def compare_scopes(reading: Reading, before: Side, after: Side, *, cursor: str | None, limit: int) -> Page:
    """CiComparison rows by number, without what is unchanged. `total` is -1: it is not counted; a page may be short of `limit`."""
    check_limit(limit)
    name = f"compare {before} {after}"
    key = encode(name).hex()[-32:]
    values = read_cursor(cursor, key, 1)
    after_number = int(values[0]) if values is not None and isinstance(values[0], int) else 0
    found: list[_Compared] = []
    following: int | None = None
    for at, (rows, compared) in enumerate(_iterate(reading, before, after, after_number)):
        found += compared
        if len(found) > limit or at + 1 >= BLOCKS_PER_PAGE:
            following = found[limit - 1].number if len(found) > limit else rows[-1].number
            break
    shown = found[:limit]
    total = len(shown) if cursor is None and following is None else -1
    return Page(_told(reading, shown, after.moment), total, None if following is None else make_cursor(key, following))


def iterate_comparisons(reading: Reading, before: Side, after: Side) -> Iterable[CiComparison]:
    """All of them, block by block."""
    for _, compared in _iterate(reading, before, after, 0):
        yield from _told(reading, compared, after.moment)


def _iterate(reading: Reading, before: Side, after: Side, after_number: int) -> Iterable[tuple[Sequence[Any], list[_Compared]]]:
    judges = [(side, Judge(reading, side.scope, side.moment)) for side in (before, after)]
    for rows in iterate_rows(reading, _touched(reading, before, after), after=after_number):
        seen: list[Mapping[str, Seen]] = []
        for side, judge in judges:
            there = [each.state for each in judge.members(rows)]
            seen.append(_see(reading, there, side.moment))
        compared = (compare_seen(seen[0].get(row.id), seen[1].get(row.id)) for row in rows)
        yield rows, [each for each in compared if each is not None]


def _touched(reading: Reading, before: Side, after: Side) -> ColumnElement[bool]:
    since = min(before.moment.at, before.moment.known_at, after.moment.at, after.moment.known_at)
    is_touched = or_(ci.c.id.in_(touched_since(since)), ci.c.recorded_from > since, ci.c.created_at > since)
    if before.scope != after.scope:
        is_touched = or_(is_touched, candidates(reading, before.scope, before.moment), candidates(reading, after.scope, after.moment))
    levels = [is_touched]
    if before.scope.with_contents or after.scope.with_contents:
        owners = select(ci.c.id).where(is_touched).correlate(None)
        for _ in range(OWNER_LEVELS):
            levels.append(ci.c.owner_ci_id.in_(owners))
            owners = select(ci.c.id).where(ci.c.owner_ci_id.in_(owners)).correlate(None)
    return or_(*levels)


def _see(reading: Reading, states: Sequence[CiState], moment: Moment) -> dict[str, Seen]:
    relations = load_relations_then(reading, [state.id for state in states], moment)
    return {state.id: Seen(state, relation_keys(relations.get(state.id, ()))) for state in states}


def relation_keys(found: Iterable[RelationThen]) -> frozenset[RelationKey]:
    """What relations a CI had, whoever told them; those whose other end was not known are left out."""
    return frozenset(each.key for each in found if each.other_id is not None)


class _Compared(Struct, frozen=True):
    """A comparison with the ends of relations as ids."""

    ci: CiRef
    number: int
    change: str
    values: list[ValueChange]
    relations: list[tuple[str, RelationKey]]


def compare_seen(before: Seen | None, after: Seen | None) -> _Compared | None:
    """What differs; None: nothing. What was absent was not there."""
    one = before if before is not None and before.state.presence != "absent" else None
    other = after if after is not None and after.state.presence != "absent" else None
    if one is None or other is None:
        there = one or other
        if there is None:
            return None
        return _Compared(to_ref(there.state), there.state.number, "removed" if other is None else "added", [], [])
    values = list(_values(one.state, other.state))
    relations = [("removed", key) for key in sorted(one.relations - other.relations)]
    relations += [("added", key) for key in sorted(other.relations - one.relations)]
    if not values and not relations:
        return None
    return _Compared(to_ref(other.state), other.state.number, "changed", values, relations)


def _values(before: CiState, after: CiState) -> Iterable[ValueChange]:
    for name in _IDENTITY:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield ValueChange("identity", "class" if name == "ci_class" else name, old, new)
    for layer, one, other in (
        ("observed", before.effective, after.effective),
        ("recorded", before.recorded, after.recorded),
        ("tag", before.tags, after.tags),
    ):
        for name in sorted({*one, *other}):
            if _differs(one, other, name):
                yield ValueChange(layer, name, one.get(name), other.get(name))


def _differs(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    return (name in one) != (name in other) or encode(one[name]) != encode(other[name])


def _told(reading: Reading, compared: Collection[_Compared], moment: Moment) -> list[CiComparison]:
    refs = refs_then(reading, (key[1] for each in compared for _, key in each.relations), moment)
    return [
        CiComparison(
            each.ci,
            each.change,
            each.values,
            [RelationChange(change, key[0], key[4], refs.get(key[1]), key[2], key[3]) for change, key in each.relations],
        )
        for each in compared
    ]
