"""Differences between observed and recorded as rows: loading, advancing with what differs now, writing what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, or_, select

from collector.reconcile.compare import Subject, compare, value_token
from collector.reconcile.difference import DifferenceChange, DifferenceSeed, StoredDifference, TrailEntry
from collector.reconcile.lifecycle import ACTIVE_STATES, advance, flap_count, is_flapping
from collector.reconcile.relation import compare_relations
from collector.store.authority import Authority
from collector.store.ci import StoredCi
from collector.store.content import decode, encode
from collector.store.edit import Edit
from collector.store.identifier import new_id
from collector.store.observed_view import View
from collector.store.past import keep_changes
from collector.store.recorded_conflict import ask_conflicts, load_conflicts
from collector.store.relation_side import load_relation_sides
from collector.store.schema import difference
from collector.store.statement import Lookup, parts, update_rows
from muster.errors import NotFoundError, quote


class Opened(msgspec.Struct, frozen=True):
    """A difference that is open now and that a policy may decide, with its subject's view."""

    difference: StoredDifference
    seed: DifferenceSeed
    view: View


_trail = msgspec.msgpack.Decoder(tuple[TrailEntry, ...])


def advance_differences(
    edit: Edit, views: Sequence[View], owners: Mapping[str, StoredCi], authority: Authority, *, reconsidered: Mapping[str, int]
) -> list[Opened]:
    """Compare the two sides of CIs and write what came of it; the differences that opened, and the open ones of `reconsidered`."""
    stored: dict[str, list[StoredDifference]] = {}
    looked_up = [view.ci.id for view in views if view.ci.id not in edit.made_ids or view.ci.is_recorded]
    for each in load_differences(edit, looked_up):
        stored.setdefault(each.ci_id, []).append(each)
    sides = load_relation_sides(edit, [view.ci for view in views if view.ci.is_recorded])
    conflicts = load_conflicts(edit, [view.ci.id for view in views if view.ci.is_recorded and view.ci.has_decisions])
    work = _Work(edit, authority, reconsidered)
    for view in views:
        seeds = _compare(edit, view, owners.get(view.ci.owner_ci_id or ""))
        if view.ci.id in sides:
            seeds += compare_relations(edit.context.relations, sides[view.ci.id])
        if view.ci.id in conflicts:
            seeds += ask_conflicts(edit, view, conflicts[view.ci.id], seeds)
        known = stored.get(view.ci.id, [])
        if seeds or known:
            _advance(work, view, seeds, known)
            _reconsider(work, view, seeds, known)
    _gather_bursts(work)
    before = {each.id: each.state for known in stored.values() for each in known}
    keep_changes(edit, [(row["id"], before[row["id"]], row["state"]) for row in work.updates if "state" in row])
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in work.updates:
        by_columns.setdefault(tuple(sorted(row)), []).append(row)
    for rows in by_columns.values():
        update_rows(edit.connection, difference, rows)
    if work.inserts:
        edit.connection.execute(insert(difference), work.inserts)
    return [Opened(_to_stored(row), seed, view) for row, seed, view in work.opened]


@dataclass
class _Work:
    """Rows on their way to the table. `opened`: those that are open now, for policies to decide."""

    edit: Edit
    authority: Authority
    reconsidered: Mapping[str, int]
    inserts: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    opened: list[tuple[dict[str, Any], DifferenceSeed, View]] = field(default_factory=list)


def _compare(edit: Edit, view: View, owner: StoredCi | None) -> list[DifferenceSeed]:
    ci = view.ci
    if view.told.first_source is None and not ci.is_recorded:
        return []
    subject = Subject(
        ci_id=ci.id,
        zone=ci.zone,
        is_recorded=ci.is_recorded,
        is_dependent=ci.owner_ci_id is not None,
        owner_ci_id=ci.owner_ci_id,
        owner_is_recorded=owner is not None and owner.is_recorded,
        owner_is_absent=owner is not None and owner.presence == "absent",
        presence=ci.presence if view.told.first_source is not None else "unknown",
        lifecycle=ci.lifecycle if owner is None else owner.lifecycle,  # a part that is back is a new one to decide on
        recorded_class=ci.recorded_class,
        source=view.told.first_source,
        criticality=str(view.recorded.get("criticality") or ""),
    )
    return compare(edit.class_of(ci.ci_class), view.merged, view.recorded, subject)


def _advance(work: _Work, view: View, seeds: Sequence[DifferenceSeed], known: Sequence[StoredDifference]) -> None:
    edit = work.edit
    outcome = advance(known, seeds, edit.context.settings, edit.now)
    _note_next(edit, known, outcome.next_at, [change.difference_id for change in outcome.changes], work.updates)
    by_id = {each.id: each for each in known}
    for change in outcome.changes:
        before, seed = by_id.get(change.difference_id or ""), change.seed
        if seed is not None:
            is_same = before is not None and before.state == change.state and value_token(before.observed) == value_token(seed.observed)
            seed = _as_was(seed, before) if is_same and before is not None else work.authority.mark(seed, view)
        row = _row(edit, change, seed, before, outcome.next_at)
        (work.updates if change.difference_id is not None else work.inserts).append(row)
        if change.state == "open" and seed is not None and (not _has_rested(before) or seed.change_id is not None):
            work.opened.append((row, seed, view))


def _has_rested(before: StoredDifference | None) -> bool:
    """Whether its time of being ignored has ended: it asks a person, for a policy would ignore it for ever."""
    return before is not None and before.state == "ignored"


def _as_was(seed: DifferenceSeed, known: StoredDifference) -> DifferenceSeed:
    """The same value again keeps its change and its group."""
    return msgspec.structs.replace(seed, change_id=known.change_id, group_key=known.group_key)


def _reconsider(work: _Work, view: View, seeds: Sequence[DifferenceSeed], known: Sequence[StoredDifference]) -> None:
    """Open differences of this CI that are held against changes again; policies are asked only of those that one expects."""
    if not work.reconsidered:
        return
    moved = {row["id"] for row in work.updates}
    by_subject = {seed.subject: seed for seed in seeds}
    for each in known:
        seed = by_subject.get(each.subject)
        if each.id not in work.reconsidered or each.state != "open" or seed is None or each.id in moved:
            continue
        marked = work.authority.mark(seed, view, work.reconsidered[each.id])
        row = {"id": each.id, **_marks(marked), "version": each.version + 1}
        work.updates.append(row)
        after = msgspec.structs.replace(each, change_id=marked.change_id, is_unauthorised=row["is_unauthorised"], version=each.version + 1)
        if marked.change_id is not None:
            work.opened.append((_to_row(after), marked, view))


def _marks(seed: DifferenceSeed) -> dict[str, Any]:
    """What approved changes say of a difference."""
    is_unauthorised = seed.is_controlled and seed.kind == "changed_attribute" and not seed.is_pinned and seed.change_id is None
    return {"group_key": seed.group_key, "change_id": seed.change_id, "is_unauthorised": is_unauthorised}


def _gather_bursts(work: _Work) -> None:
    """One attribute of many parts of one CI that moved at once, each to its own value, has one cause: an upgrade of the whole."""
    bursts: dict[tuple[str, str, str, str | None], list[dict[str, Any]]] = {}
    for row, seed, view in work.opened:
        if seed.kind == "changed_attribute" and view.ci.owner_ci_id is not None and "group_key" in row:
            bursts.setdefault((view.ci.owner_ci_id, view.ci.ci_class, seed.attribute, seed.change_id), []).append(row)
    for (owner_id, ci_class, attribute, change_id), rows in bursts.items():
        if len({row["group_key"] for row in rows}) < work.edit.context.settings.burst_at_once:
            continue
        key = "|".join(("burst", ci_class, attribute, owner_id, str(work.edit.valid_from), *((change_id,) if change_id is not None else ())))
        for row in rows:
            row["group_key"] = key


def _note_next(
    edit: Edit, known: Iterable[StoredDifference], next_at: int | None, changed: Collection[str | None], updates: list[dict[str, Any]]
) -> None:
    """Those that only time changes, and that nothing else is written of, are looked at again then."""
    for each in known:
        waits = each.state == "ignored" or (each.state == "open" and bool(each.trail) and each.trail[-1].is_back)
        if waits and each.id not in changed and next_at is not None:
            updates.append({"id": each.id, "next_at": next_at})


def _row(edit: Edit, change: DifferenceChange, seed: DifferenceSeed | None, known: StoredDifference | None, next_at: int | None) -> dict[str, Any]:
    waits = change.state == "ignored" or (change.state == "open" and bool(change.trail) and change.trail[-1].is_back)
    row: dict[str, Any] = {
        "id": change.difference_id or new_id(edit.now),
        "state": change.state,
        "trail": encode(change.trail),
        "rejected_values": encode(change.rejected_values) if change.rejected_values else None,
        "opened_at": change.opened_at,
        "closed_at": change.closed_at,
        "confirmed_at": edit.now,
        "ignore_until": change.ignore_until,
        "next_at": next_at if waits else None,
        "flaps": _flaps(edit, change.trail),
        "waiting_id": None,  # a decision that waits was on what differed before
        "version": known.version + 1 if known is not None else 1,
    }
    if not change.keeps_decision:
        row["decision_id"] = None
    if seed is not None:
        row |= {
            "kind": seed.kind,
            "ci_id": seed.ci_id,
            "attribute": seed.attribute,
            "recorded": encode(seed.recorded),
            "observed": encode(seed.observed),
            "source_id": edit.source_id_of(seed.source),
            "risk": _risk(edit, seed),
            **_marks(seed),
        }
    return row


def _flaps(edit: Edit, trail: Sequence[TrailEntry]) -> int:
    """How often a value that flaps moved; 0 for one that moves as values do."""
    settings = edit.context.settings
    return flap_count(trail, settings, edit.now) if is_flapping(trail, settings, edit.now) else 0


def _risk(edit: Edit, seed: DifferenceSeed) -> int:
    """As compared, one higher where services depend on the CI."""
    if seed.risk >= 3 or not edit.services_of(seed.ci_id):
        return seed.risk
    return min(3, seed.risk + 1)


_is_recent = (difference.c.state == "self_resolved") & (difference.c.closed_at >= bindparam("since"))
_UNDECIDED = Lookup(select(difference).where(or_(difference.c.state.in_(sorted(ACTIVE_STATES)), _is_recent)), difference.c.ci_id)


def load_differences(edit: Edit, ci_ids: Collection[str]) -> list[StoredDifference]:
    """Those of these CIs that are not decided, and those that closed by themselves a moment ago."""
    since = edit.now - edit.context.settings.reopen_within_seconds * 1000
    rows = _UNDECIDED.rows(edit.connection, sorted(ci_ids), since=since)
    return [_to_stored(dict(row._mapping)) for row in rows]  # noqa: SLF001 -- the documented way to name a row's columns


def load_by_ids(edit: Edit, ids: Collection[str]) -> list[StoredDifference]:
    """Differences by id, in the order of opening. Raises NotFoundError for one that is not there."""
    found: list[StoredDifference] = []
    for part in parts(sorted(set(ids))):
        query = select(difference).where(difference.c.id.in_(part))
        found += [_to_stored(dict(row._mapping)) for row in edit.connection.execute(query)]  # noqa: SLF001 -- as above
    unknown = set(ids) - {each.id for each in found}
    if unknown:
        raise NotFoundError(f"no difference {quote(min(unknown))}; see `muster difference list`")
    return sorted(found, key=lambda each: (each.opened_at, each.id))


def _to_stored(row: Mapping[str, Any]) -> StoredDifference:
    return StoredDifference(
        id=row["id"],
        ci_id=row["ci_id"],
        kind=row["kind"],
        attribute=row["attribute"],
        recorded=decode(row["recorded"]),
        observed=decode(row["observed"]),
        state=row["state"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        ignore_until=row["ignore_until"],
        decision_id=row.get("decision_id"),
        trail=_trail.decode(row["trail"]),
        rejected_values=tuple(decode(row["rejected_values"]) or ()),
        version=row["version"],
        group_key=row.get("group_key", ""),
        change_id=row.get("change_id"),
        is_unauthorised=bool(row.get("is_unauthorised", False)),
        flaps=row.get("flaps", 0),
        waiting_id=row.get("waiting_id"),
    )


def _to_row(known: StoredDifference) -> dict[str, Any]:
    """As the table has it."""
    row = msgspec.structs.asdict(known)
    values = {name: encode(row[name]) for name in ("recorded", "observed", "trail")}
    return {**row, **values, "rejected_values": encode(known.rejected_values) if known.rejected_values else None}
