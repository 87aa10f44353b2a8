"""Two replays held against each other, by the rules in force and by changed ones: CIs, values and differences that would be others.

Told with the CIs of the live store. All are read a part at a time; of each list the first are told and all are counted. Design:
docs/cases.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select

from collector.reconcile.lifecycle import ACTIVE_STATES
from collector.reconcile.relation import SEPARATOR
from collector.store.content import decode, load_contents
from collector.store.engine import Database
from collector.store.reading import load_refs
from collector.store.replay_match import AT_ONCE, Match
from collector.store.schema import ci, decision, difference, review_case
from collector.store.statement import parts
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiRef

TOLD_LIMIT = 1_000


class WouldMerge(Struct, frozen=True):
    """CIs that would be one."""

    cis: list[CiRef]


class WouldSplit(Struct, frozen=True):
    """A CI that would be several; `parts`: what they would be called."""

    ci: CiRef
    parts: list[str]


class WouldChange(Struct, frozen=True):
    """An effective value that would be another; `attribute` empty: the class."""

    ci: CiRef
    attribute: str
    before: Any
    after: Any


class WouldDiffer(Struct, frozen=True):
    """A difference that would open, or would not be there."""

    ci: CiRef
    kind: str
    attribute: str
    recorded: Any
    observed: Any


class Comparison(Struct, frozen=True):
    """The first of each list, and `counts` of all. `cases`: open ones by kind, before and after; `decided`: by the changed policies.

    A CI that the live store does not have bears the number 0 and no id.
    """

    merges: list[WouldMerge]
    splits: list[WouldSplit]
    changes: list[WouldChange]
    opened: list[WouldDiffer]
    gone: list[WouldDiffer]
    counts: dict[str, int]
    cases: dict[str, dict[str, int]]
    decided: dict[str, int]


class _Names:
    """What the CIs of the store before are called in the live one."""

    def __init__(self, live: Database, before: Database) -> None:
        self._match = Match(live, before)

    def of(self, ids: Iterable[str]) -> dict[str, CiRef]:
        known = set(ids)
        live_ids = self._match.to_live(known)
        with self._match.live.connect() as connection:
            refs = load_refs(connection, live_ids.values())
        found = {each: refs[live_id] for each, live_id in live_ids.items() if live_id in refs}
        return found | own_names(self._match.replayed, known - found.keys())


def own_names(store: Database, ids: Iterable[str]) -> dict[str, CiRef]:
    """CIs that only a temporary store has: what they are called, without an id that would lead anywhere."""
    with store.connect() as connection:
        return {key: CiRef("", 0, each.ci_class, each.name) for key, each in load_refs(connection, ids).items()}


def compare_stores(live: Database, match: Match, catalogue: ClassCatalogue, advance: Callable[[int], None]) -> Comparison:
    """All that the second store of `match` has otherwise than the first. `advance`: with how many records are compared."""
    names = _Names(live, match.live)
    compared = 0
    forth: defaultdict[str, set[str]] = defaultdict(set)
    back: defaultdict[str, set[str]] = defaultdict(set)
    changes: list[WouldChange] = []
    counts: Counter[str] = Counter()
    for pairs in match.pairs():
        for pair in pairs:
            if pair.is_independent:
                forth[pair.live_id].add(pair.replayed_id)
                back[pair.replayed_id].add(pair.live_id)
        found = _compare_values(match, {pair.live_id: pair.replayed_id for pair in pairs}, names, catalogue)
        counts["changes"] += len(found)
        compared += len(pairs)
        advance(compared)
        changes += found[: max(0, TOLD_LIMIT - len(changes))]
    merges = sorted(sorted(each) for each in back.values() if len(each) > 1)
    splits = sorted((ci_id, sorted(each)) for ci_id, each in forth.items() if len(each) > 1)
    counts.update(merges=len(merges), splits=len(splits))
    opened, gone = _compare_differences(match, names, counts)
    refs = names.of([*(each for ids in merges[:TOLD_LIMIT] for each in ids), *(ci_id for ci_id, _ in splits[:TOLD_LIMIT])])
    pieces = own_names(match.replayed, (each for _, ids in splits[:TOLD_LIMIT] for each in ids))
    return Comparison(
        merges=[WouldMerge([refs[each] for each in ids]) for ids in merges[:TOLD_LIMIT]],
        splits=[WouldSplit(refs[ci_id], [pieces[each].name for each in ids]) for ci_id, ids in splits[:TOLD_LIMIT]],
        changes=changes,
        opened=opened,
        gone=gone,
        counts={name: counts[name] for name in ("merges", "splits", "changes", "opened", "gone")},
        cases=_count_cases(match),
        decided=_count_decided(match.replayed),
    )


def _compare_values(match: Match, pairs: Mapping[str, str], names: _Names, catalogue: ClassCatalogue) -> list[WouldChange]:
    """Classes and values that differ, but for those that move by themselves; contents of one hash are equal unread."""
    with match.live.connect() as connection:
        befores, bodies_before = _load_sides(connection, pairs.keys())
    with match.replayed.connect() as connection:
        afters, bodies_after = _load_sides(connection, set(pairs.values()))
    found: list[tuple[str, str, Any, Any]] = []
    for ci_id, other_id in pairs.items():
        one, other = befores.get(ci_id), afters.get(other_id)
        if one is None or other is None:
            continue
        if one.ci_class != other.ci_class:
            found.append((ci_id, "", one.ci_class, other.ci_class))
        if one.effective_hash == other.effective_hash:
            continue
        before, after = bodies_before.get(bytes(one.effective_hash or b""), {}), bodies_after.get(bytes(other.effective_hash or b""), {})
        known = catalogue.get(one.ci_class)
        volatile = {name for name, each in known.attributes.items() if each.volatile} if known is not None else set()
        changed = (name for name in sorted({*before, *after} - volatile) if before.get(name) != after.get(name))
        found += [(ci_id, name, before.get(name), after.get(name)) for name in changed]
    refs = names.of({ci_id for ci_id, *_ in found})
    return [WouldChange(refs[ci_id], *told) for ci_id, *told in found]


def _load_sides(connection: Connection, ids: Iterable[str]) -> tuple[dict[str, Any], dict[bytes, Any]]:
    rows: dict[str, Any] = {}
    columns = (ci.c.id, ci.c.number, ci.c.ci_class, ci.c.name, ci.c.effective_hash)
    for part in parts(sorted(ids)):
        rows |= {row.id: row for row in connection.execute(select(*columns).where(ci.c.id.in_(part)))}
    return rows, load_contents(connection, (bytes(row.effective_hash) for row in rows.values() if row.effective_hash is not None))


def _compare_differences(match: Match, names: _Names, counts: Counter[str]) -> tuple[list[WouldDiffer], list[WouldDiffer]]:
    """Open ones of the store after that the one before does not have in any state that is still in sight, and the other way round."""
    opened = [(match.to_live({row.ci_id}).get(row.ci_id), row) for row in _missing(match.replayed, match.live, match.to_live, counts, "opened")]
    gone = _missing(match.live, match.replayed, match.to_replayed, counts, "gone")
    refs = names.of([*(ci_id for ci_id, _ in opened if ci_id is not None), *(row.ci_id for row in gone)])
    refs |= own_names(match.replayed, (row.ci_id for ci_id, row in opened if ci_id is None))
    return [_tell(refs[ci_id or row.ci_id], row) for ci_id, row in opened], [_tell(refs[row.ci_id], row) for row in gone]


def _tell(ref: CiRef, row: Any) -> WouldDiffer:
    return WouldDiffer(ref, row.kind, row.attribute, decode(row.recorded), decode(row.observed))


def _missing(here: Database, there: Database, cross: Any, counts: Counter[str], name: str) -> list[Any]:
    """The first rows of those that are open here and nowhere there; all are counted."""
    told: list[Any] = []
    after = ""
    while True:
        with here.connect() as connection:
            wanted: ColumnElement[bool] = difference.c.state == "open"
            query = select(difference).where(wanted if not after else wanted & (difference.c.id > after))
            rows = connection.execute(query.order_by(difference.c.id).limit(AT_ONCE)).all()
        if not rows:
            return told
        after = rows[-1].id
        crossed: dict[str, str] = cross({each for row in rows for each in (row.ci_id, _other_end(row)) if each is not None})
        with there.connect() as connection:
            known = _subjects(connection, {crossed[row.ci_id] for row in rows if row.ci_id in crossed})
        for row in rows:
            if _subject_there(row, crossed) not in known:
                counts[name] += 1
                told += [row] if len(told) < TOLD_LIMIT else []


def _other_end(row: Any) -> str | None:
    """The CI that a difference of a relation leads to."""
    return row.attribute.rpartition(SEPARATOR)[2] if row.kind in ("new_relation", "absent_relation") else None


def _subject_there(row: Any, crossed: Mapping[str, str]) -> tuple[str | None, str, str]:
    end = _other_end(row)
    attribute = row.attribute if end is None else row.attribute.removesuffix(end) + crossed.get(end, end)
    return crossed.get(row.ci_id), row.kind, attribute


def _subjects(connection: Connection, ids: Collection[str]) -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    for part in parts(sorted(ids)):
        query = select(difference.c.ci_id, difference.c.kind, difference.c.attribute)
        wanted = difference.c.ci_id.in_(part) & difference.c.state.in_(sorted(ACTIVE_STATES))
        found.update((row.ci_id, row.kind, row.attribute) for row in connection.execute(query.where(wanted)))
    return found


def _count_cases(match: Match) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for side, database in (("before", match.live), ("after", match.replayed)):
        with database.connect() as connection:
            query = select(review_case.c.kind, func.count()).where(review_case.c.state == "open").group_by(review_case.c.kind)
            for kind, count in connection.execute(query):
                found.setdefault(str(kind), {"before": 0, "after": 0})[side] = count
    return found


def _count_decided(database: Database) -> dict[str, int]:
    """How many decisions each policy made in the replay."""
    with database.connect() as connection:
        query = select(decision.c.made_by, func.count()).where(decision.c.made_by.like("policy:%")).group_by(decision.c.made_by)
        return {str(row[0]).removeprefix("policy:"): int(row[1]) for row in connection.execute(query.order_by(decision.c.made_by))}
