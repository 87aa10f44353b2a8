"""A replayed store held against the live one: CIs that would be one or several, values and differences that would be others.

Both are read a part at a time; of each list the first are told and all are counted. Design: docs/cases.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select

from collector.reconcile.lifecycle import ACTIVE_STATES
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
    """Live CIs that would be one."""

    cis: list[CiRef]


class WouldSplit(Struct, frozen=True):
    """A live CI that would be several; `parts`: what they would be called."""

    ci: CiRef
    parts: list[str]


class WouldChange(Struct, frozen=True):
    """An effective value that would be another; `attribute` empty: the class."""

    ci: CiRef
    attribute: str
    live: Any
    replayed: Any


class WouldDiffer(Struct, frozen=True):
    """A difference that would open, or would not be there."""

    ci: CiRef
    kind: str
    attribute: str
    recorded: Any
    observed: Any


class Comparison(Struct, frozen=True):
    """The first of each list, and `counts` of all; `cases` and `decided`: by kind and by policy, live and replayed."""

    merges: list[WouldMerge]
    splits: list[WouldSplit]
    changes: list[WouldChange]
    opened: list[WouldDiffer]
    gone: list[WouldDiffer]
    counts: dict[str, int]
    cases: dict[str, dict[str, int]]
    decided: dict[str, int]


def compare_stores(match: Match, catalogue: ClassCatalogue, advance: Callable[[int], None]) -> Comparison:
    """All that the replayed store has otherwise than the live one. `advance`: with how many records are compared."""
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
        found = _compare_values(match, {pair.live_id: pair.replayed_id for pair in pairs}, catalogue)
        counts["changes"] += len(found)
        compared += len(pairs)
        advance(compared)
        changes += found[: max(0, TOLD_LIMIT - len(changes))]
    merges = sorted(sorted(each) for each in back.values() if len(each) > 1)
    splits = sorted((live_id, sorted(each)) for live_id, each in forth.items() if len(each) > 1)
    counts |= {"merges": len(merges), "splits": len(splits)}
    opened, gone = _compare_differences(match, counts)
    with match.live.connect() as connection:
        refs = load_refs(connection, [*(each for ids in merges[:TOLD_LIMIT] for each in ids), *(live_id for live_id, _ in splits[:TOLD_LIMIT])])
    with match.replayed.connect() as connection:
        names = load_refs(connection, (each for _, ids in splits[:TOLD_LIMIT] for each in ids))
    return Comparison(
        merges=[WouldMerge([refs[each] for each in ids]) for ids in merges[:TOLD_LIMIT]],
        splits=[WouldSplit(refs[live_id], [names[each].name for each in ids]) for live_id, ids in splits[:TOLD_LIMIT]],
        changes=changes,
        opened=opened,
        gone=gone,
        counts=dict(counts),
        cases=_count_cases(match),
        decided=_count_decided(match.replayed),
    )


def _compare_values(match: Match, pairs: Mapping[str, str], catalogue: ClassCatalogue) -> list[WouldChange]:
    """Classes and values that differ, but for those that move by themselves; contents of one hash are equal unread."""
    with match.live.connect() as connection:
        live, live_bodies = _load_sides(connection, pairs.keys())
    with match.replayed.connect() as connection:
        replayed, replayed_bodies = _load_sides(connection, set(pairs.values()))
    found: list[WouldChange] = []
    for live_id, replayed_id in pairs.items():
        one, other = live.get(live_id), replayed.get(replayed_id)
        if one is None or other is None:
            continue
        ref = CiRef(one.id, one.number, one.ci_class, one.name)
        if one.ci_class != other.ci_class:
            found.append(WouldChange(ref, "", one.ci_class, other.ci_class))
        if one.effective_hash == other.effective_hash:
            continue
        before, after = live_bodies.get(bytes(one.effective_hash or b""), {}), replayed_bodies.get(bytes(other.effective_hash or b""), {})
        known = catalogue.get(one.ci_class)
        volatile = {name for name, each in known.attributes.items() if each.volatile} if known is not None else set()
        names = (name for name in sorted({*before, *after} - volatile) if before.get(name) != after.get(name))
        found += [WouldChange(ref, name, before.get(name), after.get(name)) for name in names]
    return found


def _load_sides(connection: Connection, ids: Iterable[str]) -> tuple[dict[str, Any], dict[bytes, Any]]:
    rows: dict[str, Any] = {}
    columns = (ci.c.id, ci.c.number, ci.c.ci_class, ci.c.name, ci.c.effective_hash)
    for part in parts(sorted(ids)):
        rows |= {row.id: row for row in connection.execute(select(*columns).where(ci.c.id.in_(part)))}
    return rows, load_contents(connection, (bytes(row.effective_hash) for row in rows.values() if row.effective_hash is not None))


def _compare_differences(match: Match, counts: Counter[str]) -> tuple[list[WouldDiffer], list[WouldDiffer]]:
    """Open ones of the replayed store that the live one does not have in any state that is still in sight, and the other way round."""
    opened = _missing(match.replayed, match.live, match.to_live, counts, "opened")
    gone = _missing(match.live, match.replayed, match.to_replayed, counts, "gone")
    return opened, gone


def _missing(here: Database, there: Database, cross: Any, counts: Counter[str], name: str) -> list[WouldDiffer]:
    told: list[WouldDiffer] = []
    after = ""
    while True:
        with here.connect() as connection:
            wanted: ColumnElement[bool] = difference.c.state == "open"
            query = select(difference).where(wanted if not after else wanted & (difference.c.id > after))
            rows = connection.execute(query.order_by(difference.c.id).limit(AT_ONCE)).all()
            own = load_refs(connection, (row.ci_id for row in rows))
        if not rows:
            return told
        after = rows[-1].id
        crossed: dict[str, str] = cross({row.ci_id for row in rows})
        with there.connect() as connection:
            known = _subjects(connection, set(crossed.values()))
            others = load_refs(connection, crossed.values())
        for row in rows:
            other = crossed.get(row.ci_id)
            if other is not None and (other, row.kind, row.attribute) in known:
                continue
            counts[name] += 1
            if len(told) < TOLD_LIMIT:
                ref = others.get(other or "", own[row.ci_id]) if name == "opened" else own[row.ci_id]
                told.append(WouldDiffer(ref, row.kind, row.attribute, decode(row.recorded), decode(row.observed)))


def _subjects(connection: Connection, ids: Collection[str]) -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    for part in parts(sorted(ids)):
        query = select(difference.c.ci_id, difference.c.kind, difference.c.attribute)
        wanted = difference.c.ci_id.in_(part) & difference.c.state.in_(sorted(ACTIVE_STATES))
        found.update((row.ci_id, row.kind, row.attribute) for row in connection.execute(query.where(wanted)))
    return found


def _count_cases(match: Match) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for side, database in (("live", match.live), ("replayed", match.replayed)):
        with database.connect() as connection:
            query = select(review_case.c.kind, func.count()).where(review_case.c.state == "open").group_by(review_case.c.kind)
            for kind, count in connection.execute(query):
                found.setdefault(str(kind), {"live": 0, "replayed": 0})[side] = count
    return found


def _count_decided(database: Database) -> dict[str, int]:
    """How many decisions each policy made in the replay."""
    with database.connect() as connection:
        query = select(decision.c.made_by, func.count()).where(decision.c.made_by.like("policy:%")).group_by(decision.c.made_by)
        return {str(row[0]).removeprefix("policy:"): int(row[1]) for row in connection.execute(query.order_by(decision.c.made_by))}
