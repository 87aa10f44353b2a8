"""Differences between observed and recorded as rows: loading, advancing with what differs now, writing what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import insert, or_, select

from collector.reconcile.compare import Subject, compare
from collector.reconcile.difference import DifferenceChange, DifferenceSeed, StoredDifference, TrailEntry
from collector.reconcile.lifecycle import ACTIVE_STATES, advance
from collector.store.ci import StoredCi
from collector.store.content import decode, encode
from collector.store.edit import Edit
from collector.store.identifier import new_id
from collector.store.observed_view import View
from collector.store.schema import difference
from collector.store.statement import parts, update_rows
from muster.errors import NotFoundError, quote


class Opened(msgspec.Struct, frozen=True):
    """A difference that is open now and that a policy may decide, with its subject's view."""

    difference: StoredDifference
    seed: DifferenceSeed
    view: View


_trail = msgspec.msgpack.Decoder(tuple[TrailEntry, ...])


def advance_differences(edit: Edit, views: Sequence[View], owners: Mapping[str, StoredCi]) -> list[Opened]:
    """Compare the two sides of CIs and write what came of it; the differences that opened."""
    stored: dict[str, list[StoredDifference]] = {}
    looked_up = [view.ci.id for view in views if view.ci.id not in edit.made_ids or view.ci.is_recorded]
    for each in load_differences(edit, looked_up):
        stored.setdefault(each.ci_id, []).append(each)
    opened: list[Opened] = []
    inserts: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    for view in views:
        seeds = _compare(edit, view, owners.get(view.ci.owner_ci_id or ""))
        known = stored.get(view.ci.id, [])
        if not seeds and not known:
            continue
        outcome = advance(known, seeds, edit.context.settings, edit.now)
        _note_next(edit, known, outcome.next_at, [change.difference_id for change in outcome.changes], updates)
        by_id = {each.id: each for each in known}
        for change in outcome.changes:
            row = _row(edit, change, by_id.get(change.difference_id or ""), outcome.next_at)
            (updates if change.difference_id is not None else inserts).append(row)
            if change.state == "open" and change.seed is not None:
                opened.append(Opened(_to_stored(row), change.seed, view))
    for row in updates:  # the rows differ in their columns
        update_rows(edit.connection, difference, [row])
    if inserts:
        edit.connection.execute(insert(difference), inserts)
    return opened


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
        recorded_class=ci.recorded_class,
        source=view.told.first_source,
        criticality=str(view.recorded.get("criticality") or ""),
    )
    return compare(edit.class_of(ci.ci_class), view.merged, view.recorded, subject)


def _note_next(
    edit: Edit, known: Iterable[StoredDifference], next_at: int | None, changed: Collection[str | None], updates: list[dict[str, Any]]
) -> None:
    """Those that only time changes, and that nothing else is written of, are looked at again then."""
    for each in known:
        waits = each.state == "ignored" or (each.state == "open" and bool(each.trail) and each.trail[-1].is_back)
        if waits and each.id not in changed and next_at is not None:
            updates.append({"id": each.id, "next_at": next_at})


def _row(edit: Edit, change: DifferenceChange, known: StoredDifference | None, next_at: int | None) -> dict[str, Any]:
    seed = change.seed
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
            "group_key": seed.group_key,
            "risk": _risk(edit, seed),
        }
    return row


def _risk(edit: Edit, seed: DifferenceSeed) -> int:
    """As compared, one higher where services depend on the CI."""
    if seed.risk >= 3 or not edit.services_of(seed.ci_id):
        return seed.risk
    return min(3, seed.risk + 1)


def load_differences(edit: Edit, ci_ids: Collection[str]) -> list[StoredDifference]:
    """Those of these CIs that are not decided, and those that closed by themselves a moment ago."""
    since = edit.now - edit.context.settings.reopen_within_seconds * 1000
    is_recent = (difference.c.state == "self_resolved") & (difference.c.closed_at >= since)
    found: list[StoredDifference] = []
    for part in parts(sorted(ci_ids)):
        query = select(difference).where(difference.c.ci_id.in_(part), or_(difference.c.state.in_(sorted(ACTIVE_STATES)), is_recent))
        found += [_to_stored(dict(row._mapping)) for row in edit.connection.execute(query)]  # noqa: SLF001 -- the documented way to name a row's columns
    return found


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
    )
