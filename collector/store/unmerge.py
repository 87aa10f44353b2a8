"""A merge taken back: the links close, each CI is what it was, and `cannot_link` says that they are two. Design: docs/merges.md.

What was there before the merge goes back whole. What came after it goes where its evidence points; `merge_later.py` lists it, and a
person may assign it otherwise. Taking an un-merge back merges again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations, product
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select, update

from collector.store.ci import StoredCi, load_cis, resolve
from collector.store.claim import save_recorded_claims
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.link import identify_records
from collector.store.merge import carry_out_merge, mark_undone
from collector.store.merge_before import restore_differences
from collector.store.merge_evidence import follow_evidence
from collector.store.merge_found import Merge, find_merge
from collector.store.merge_later import note_made_later
from collector.store.merge_move import Returned, give_back
from collector.store.merge_restore import restore_decided, restore_pins, restore_recorded, restore_tags
from collector.store.past import correct_back
from collector.store.recorded_conflict import drop_conflicts
from collector.store.recorded_side import recorded_of
from collector.store.relation import retry_pending
from collector.store.schema import ci, decision, identity_constraint, merged_ci, source_record
from collector.store.settle import settle
from collector.store.source_record import load_records
from collector.store.split import place_again
from collector.store.statement import update_rows
from collector.store.verdict import DecisionSubject, Made, save_decision
from muster.errors import ConflictError

PAIRS_LIMIT = 10_000
_subject = msgspec.msgpack.Decoder(DecisionSubject)


def unmerge(connection: Connection, context: Context, key: str, *, actor: str, now: int, reason: str = "") -> str:
    """Take a merge back; the decision's id. `key`: the merge's decision, a CI that was merged away, or the survivor (its newest merge).

    A decision that took a merge back is itself taken back by merging again. Raises NotFoundError, ConflictError (`not-merged`,
    `already-undone`, and what forbids a merge).
    """
    row = connection.execute(select(decision).where(decision.c.id == key)).first()
    if row is not None and row.kind in ("unmerge", "split"):
        return _merge_again(connection, context, row, actor=actor, now=now, reason=reason)
    found = find_merge(connection, key)
    made = Made(new_id(now), "unmerge", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    settle(edit, carry_out_unmerge(edit, made, found))
    return made.id


def carry_out_unmerge(edit: Edit, made: Made, merge: Merge) -> set[str]:
    """All of an un-merge but the comparison of the two sides afterwards; the CIs to compare."""
    is_whole = set(merge.losers) >= set(merge.before.losers)
    returned = give_back(edit, merge.decision_id, merge.losers)
    holder = resolve(edit.connection, merge.survivor_id)
    _restore_links(edit, merge, returned)
    constraint_ids = _part(edit, made, merge, returned, holder) if merge.kind == "merge" else _loosen(edit, merge, _independent(edit, returned))
    sides = restore_recorded(edit, merge) if is_whole else []
    drop_conflicts(edit, merge.decision_id)
    restore_tags(edit, merge, holder, is_whole=is_whole)
    restore_pins(edit, merge)
    correct_back(edit, merge.at)
    restore_decided(edit, merge)
    for row in load_cis(edit.connection, merge.losers).values():
        save_recorded_claims(edit, row.id, row.zone, recorded_of(edit, row))
    _note(edit, merge, returned, holder)
    moved = _independent(edit, returned)
    linked = identify_records(edit, {*moved, *_records_of(edit, {holder.id})})
    touched = follow_evidence(edit, returned, merge.at)
    placed = place_again(edit, {*moved, *linked.moved}, returned.touched)
    touched |= retry_pending(edit)
    restore_differences(edit, [row for row in merge.before.differences if is_whole or row.ci_id in returned.redirects])
    mark_undone(edit, merge.decision_id, merge.losers, made.id)
    if is_whole:
        edit.connection.execute(update(decision).where(decision.c.id == merge.decision_id).values(undone_by=made.id))
    detail = {"survivor": merge.survivor_id, "losers": list(merge.losers), "merge": merge.decision_id, "choices": merge.choices}
    save_decision(edit, made, DecisionSubject(sides=tuple(sides), constraint_ids=constraint_ids, detail=detail), undoes=merge.decision_id)
    touched |= note_made_later(edit, made.id, merge.at, returned, dict.fromkeys(merge.losers, holder.id))
    return {*touched, *returned.touched, *linked.touched, *placed, *merge.before.decided.keys() & returned.touched}


def _merge_again(connection: Connection, context: Context, row: Any, *, actor: str, now: int, reason: str) -> str:
    """Take an un-merge back: its `cannot_link` goes, and the same CIs become one as they were."""
    if row.undone_by is not None:
        raise ConflictError(f"decision {row.id} is taken back already", code="already-undone", current=row.undone_by)
    subject = _subject.decode(row.subject)
    made = Made(new_id(now), "merge", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    connection.execute(delete(identity_constraint).where(identity_constraint.c.decision_id == row.id))
    kept, others = (subject.detail["ci"], [subject.detail["into"]]) if row.kind == "split" else (subject.detail["survivor"], subject.detail["losers"])
    survivor = resolve(connection, kept)
    touched = carry_out_merge(edit, made, [survivor.id, *others], subject.detail.get("choices", {}), undoes=row.id)
    connection.execute(update(decision).where(decision.c.id == row.id).values(undone_by=made.id))
    settle(edit, touched)
    return made.id


def _restore_links(edit: Edit, merge: Merge, returned: Returned) -> None:
    """Links that a person made for the merge are again what they were."""
    words = {record_id: link for record_id, link in merge.before.links.items() if record_id in returned.records}
    rows = [
        {"id": record_id, "link_rule": link.rule, "link_made_by": link.made_by, "link_evidence": link.evidence}
        for record_id, link in sorted(words.items())
    ]
    update_rows(edit.connection, source_record, rows)


def _independent(edit: Edit, returned: Returned) -> set[int]:
    return {each.id for each in load_records(edit.connection, returned.records) if each.owner_record_id is None and each.owner_ref is None}


def _records_of(edit: Edit, ci_ids: Collection[str]) -> set[int]:
    query = select(source_record.c.id).where(source_record.c.ci_id.in_(sorted(ci_ids)), source_record.c.owner_record_id.is_(None))
    return set(edit.connection.execute(query).scalars())


def _part(edit: Edit, made: Made, merge: Merge, returned: Returned, holder: StoredCi) -> tuple[int, ...]:
    """The person's word turns: what held the records together goes, and what were two before the merge are never linked again."""
    moved = _independent(edit, returned)
    _loosen(edit, merge, moved)
    groups: dict[str, list[int]] = {loser: sorted(each for each in moved if returned.records[each] == loser) for loser in merge.losers}
    groups[holder.id] = sorted(set(merge.before.kept_records) & _records_of(edit, {holder.id}))
    pairs = [pair for one, other in combinations(groups.values(), 2) for pair in product(one, other)]
    if not all(groups.values()):
        _hold_by_person(edit, made, [each for loser in merge.losers for each in groups[loser]], [*merge.losers, holder.id])
    rows = [
        {"kind": "cannot_link", "left_record_id": left, "right_record_id": right, "decision_id": made.id, "created_at": edit.now}
        for left, right in pairs[:PAIRS_LIMIT]
    ]
    if not rows:
        return ()
    return tuple(edit.connection.execute(insert(identity_constraint).returning(identity_constraint.c.id), rows).scalars())


def _loosen(edit: Edit, merge: Merge, moved: Collection[int]) -> tuple[int, ...]:
    """What this merge, and those that it led into, linked with the records that go back, goes; nothing is forbidden by that."""
    own = sorted(moved)
    left, right = identity_constraint.c.left_record_id.in_(own), identity_constraint.c.right_record_id.in_(own)
    by_merge = identity_constraint.c.decision_id.in_(select(merged_ci.c.decision_id))
    is_since = (identity_constraint.c.kind == "must_link") & (identity_constraint.c.created_at >= merge.at)
    edit.connection.execute(delete(identity_constraint).where(by_merge, is_since, or_(left & ~right, right & ~left)))
    return ()


def _hold_by_person(edit: Edit, made: Made, record_ids: Sequence[int], ci_ids: Sequence[str]) -> None:
    """Where one side is on record alone, no pair of records can say that they are two: the links do, and that people decided on both."""
    update_rows(edit.connection, source_record, [{"id": each, "link_made_by": made.made_by} for each in record_ids])
    if record_ids:
        update_rows(edit.connection, ci, [{"id": each, "has_decisions": True} for each in ci_ids])


def _note(edit: Edit, merge: Merge, returned: Returned, holder: StoredCi) -> None:
    for restored, holder_id in returned.redirects.items():
        edit.note(restored, "identity", "redirect_to", holder_id, NO_VALUE)
    for loser in merge.losers:
        edit.note(holder.id, "identity", "merged_from", loser, NO_VALUE)
