"""A merge taken back: the links close, each CI is what it was, and `cannot_link` says that they are two. Design: docs/merges.md.

What was there before the merge goes back whole. What came after it goes where its evidence points; `merge_later.py` lists it, and a
person may assign it otherwise. Taking an un-merge back merges again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations, product
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select, update

from collector.reconcile.decide import RECORDED
from collector.reconcile.fact import RecordedChange
from collector.store.ci import StoredCi, load_cis
from collector.store.claim import save_recorded_claims
from collector.store.content import decode, encode, load_contents
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.link import identify_records
from collector.store.merge import carry_out_merge, mark_undone
from collector.store.merge_before import MergeBefore, before_of, restore_differences
from collector.store.merge_evidence import find_misplaced, follow_evidence
from collector.store.merge_move import Returned, give_back
from collector.store.merge_side import load_exact, load_pins, resolve
from collector.store.pin import remove_pin
from collector.store.placement import follow_owners, place_records
from collector.store.recorded import set_tags
from collector.store.recorded_side import SideChange, apply_changes, changes_of, recorded_of
from collector.store.schema import ci, decision, history, identity_constraint, merged_ci, pin, source_record
from collector.store.settle import settle
from collector.store.source_record import StoredRecord, load_records
from collector.store.statement import insert_or_replace, parts, update_rows
from collector.store.verdict import DecisionSubject, Made, save_decision
from muster.errors import ConflictError

PAIRS_LIMIT = 10_000
_subject = msgspec.msgpack.Decoder(DecisionSubject)


class Merge(msgspec.Struct, frozen=True):
    """A merge in force, or the part of it that is to be taken back."""

    decision_id: str
    at: int
    survivor_id: str
    losers: tuple[str, ...]
    before: MergeBefore
    sides: tuple[SideChange, ...]
    choices: dict[str, str]


def unmerge(connection: Connection, context: Context, key: str, *, actor: str, now: int, reason: str = "") -> str:
    """Take a merge back; the decision's id. `key`: the merge's decision, a CI that was merged away, or the survivor (its newest merge).

    A decision that took a merge back is itself taken back by merging again. Raises NotFoundError, ConflictError (`not-merged`,
    `already-undone`, and what forbids a merge).
    """
    row = connection.execute(select(decision).where(decision.c.id == key)).first()
    if row is not None and row.kind == "unmerge":
        return _merge_again(connection, context, row, actor=actor, now=now, reason=reason)
    found = find_merge(connection, key)
    made = Made(new_id(now), "unmerge", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    settle(edit, carry_out_unmerge(edit, made, found))
    return made.id


def find_merge(connection: Connection, key: str) -> Merge:
    """The merge in force of a decision, of a CI that was merged away, or the newest of a survivor. Raises NotFoundError, ConflictError."""
    row = connection.execute(select(decision.c.kind, decision.c.undone_by).where(decision.c.id == key)).first()
    query = select(merged_ci).where(merged_ci.c.undone_by.is_(None)).order_by(merged_ci.c.at.desc(), merged_ci.c.decision_id.desc())
    if row is not None:
        if row.kind != "merge":
            raise ConflictError(f"decision {key} is no merge; it is taken back with `muster difference undo`", code="not-merged")
        rows = connection.execute(query.where(merged_ci.c.decision_id == key)).all()
        if not rows:
            raise ConflictError(f"decision {key} is taken back already", code="already-undone", current=row.undone_by)
        return _merge_of(connection, rows)
    known = load_exact(connection, key)
    as_loser = connection.execute(query.where(merged_ci.c.loser_id == known.id)).first()
    if as_loser is not None:
        return _merge_of(connection, [as_loser])
    newest = connection.execute(query.where(merged_ci.c.survivor_id == known.id)).first()
    if newest is None:
        raise ConflictError(
            f"no person merged {known.name} (#{known.number}) with another; where the rules linked a record wrongly, split it off", code="not-merged"
        )
    rows = connection.execute(query.where(merged_ci.c.decision_id == newest.decision_id)).all()
    return _merge_of(connection, rows)


def find_merge_of_record(connection: Connection, record_id: int) -> str | None:
    """The CI that was merged away, by a person, with this record; None: the record never changed its CI so."""
    owned = select(source_record.c.ci_id).where(source_record.c.id == record_id).scalar_subquery()
    query = select(merged_ci.c.loser_id).where(merged_ci.c.undone_by.is_(None), merged_ci.c.survivor_id == owned)
    for loser_id in connection.execute(query.order_by(merged_ci.c.at.desc())).scalars().all():
        merge = find_merge(connection, loser_id)
        if record_id not in merge.before.kept_records:
            return str(loser_id)
    return None


def _merge_of(connection: Connection, rows: Sequence[Any]) -> Merge:
    first = rows[0]
    row = connection.execute(select(decision).where(decision.c.id == first.decision_id)).one()
    subject = _subject.decode(row.subject)
    before = before_of(subject)
    losers = tuple(each.loser_id for each in rows)
    return Merge(first.decision_id, first.at, first.survivor_id, losers, before, subject.sides, before.choices)


def carry_out_unmerge(edit: Edit, made: Made, merge: Merge) -> set[str]:
    """All of an un-merge but the comparison of the two sides afterwards; the CIs to compare."""
    is_whole = set(merge.losers) >= set(merge.before.losers)
    returned = give_back(edit, merge.decision_id, merge.losers)
    holder = resolve(edit.connection, merge.survivor_id)
    _restore_links(edit, merge, returned)
    constraint_ids = _part(edit, made, merge, returned, holder)
    sides = _restore_recorded(edit, merge) if is_whole else []
    _restore_tags(edit, merge, holder, is_whole=is_whole)
    _restore_pins(edit, merge)
    _restore_decided(edit, merge)
    for row in load_cis(edit.connection, merge.losers).values():
        save_recorded_claims(edit, row.id, row.zone, recorded_of(edit, row))
    _note(edit, merge, returned, holder)
    moved = _independent(edit, returned)
    linked = identify_records(edit, {*moved, *_records_of(edit, {holder.id})})
    touched = follow_evidence(edit, returned, merge.at)
    placed = _place(edit, [*follow_owners(edit, {*moved, *linked.moved}), *find_misplaced(edit, returned.touched)])
    restore_differences(edit, [row for row in merge.before.differences if is_whole or row.ci_id in returned.redirects])
    mark_undone(edit, merge.decision_id, merge.losers, made.id)
    if is_whole:
        edit.connection.execute(update(decision).where(decision.c.id == merge.decision_id).values(undone_by=made.id))
    detail = {"survivor": merge.survivor_id, "losers": list(merge.losers), "merge": merge.decision_id, "choices": merge.choices}
    save_decision(edit, made, DecisionSubject(sides=tuple(sides), constraint_ids=constraint_ids, detail=detail), undoes=merge.decision_id)
    return {*touched, *returned.touched, *linked.touched, *placed, *merge.before.decided.keys() & returned.touched}


def _place(edit: Edit, records: Iterable[StoredRecord]) -> set[str]:
    """Source by source, so that a part that several see becomes one CI."""
    by_source: dict[int, dict[int, StoredRecord]] = {}
    for each in records:
        by_source.setdefault(each.source_id, {})[each.id] = each
    return {ci_id for _, each in sorted(by_source.items()) for ci_id in place_records(edit, each.values()).touched}


def _merge_again(connection: Connection, context: Context, row: Any, *, actor: str, now: int, reason: str) -> str:
    """Take an un-merge back: its `cannot_link` goes, and the same CIs become one as they were."""
    if row.undone_by is not None:
        raise ConflictError(f"decision {row.id} is taken back already", code="already-undone", current=row.undone_by)
    subject = _subject.decode(row.subject)
    made = Made(new_id(now), "merge", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    connection.execute(delete(identity_constraint).where(identity_constraint.c.decision_id == row.id))
    survivor = resolve(connection, subject.detail["survivor"])
    touched = carry_out_merge(edit, made, [survivor.id, *subject.detail["losers"]], subject.detail["choices"], undoes=row.id)
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


def _loosen(edit: Edit, merge: Merge, moved: Collection[int]) -> None:
    """What this merge, and those that it led into, linked with the records that go back."""
    own = sorted(moved)
    left, right = identity_constraint.c.left_record_id.in_(own), identity_constraint.c.right_record_id.in_(own)
    by_merge = identity_constraint.c.decision_id.in_(select(merged_ci.c.decision_id))
    is_since = (identity_constraint.c.kind == "must_link") & (identity_constraint.c.created_at >= merge.at)
    edit.connection.execute(delete(identity_constraint).where(by_merge, is_since, or_(left & ~right, right & ~left)))


def _hold_by_person(edit: Edit, made: Made, record_ids: Sequence[int], ci_ids: Sequence[str]) -> None:
    """Where one side is on record alone, no pair of records can say that they are two: the links do, and that people decided on both."""
    update_rows(edit.connection, source_record, [{"id": each, "link_made_by": made.made_by} for each in record_ids])
    if record_ids:
        update_rows(edit.connection, ci, [{"id": each, "has_decisions": True} for each in ci_ids])


def _restore_recorded(edit: Edit, merge: Merge) -> list[SideChange]:
    """What the merge put on record goes again, where no later decision has changed it."""
    hashes = [key for each in merge.sides for key in (each.before.recorded_hash, each.after.recorded_hash)]
    load_contents(edit.connection, hashes, edit.contents)
    rows = load_cis(edit.connection, [each.ci_id for each in merge.sides])
    back: list[RecordedChange] = []
    for side in merge.sides:
        row = rows[side.ci_id]
        if row.redirect_to is None:
            back += _take_back(edit, row, side)
    return apply_changes(edit, back, {}) if back else []


def _take_back(edit: Edit, row: StoredCi, side: SideChange) -> list[RecordedChange]:
    current = recorded_of(edit, row)
    back: list[RecordedChange] = []
    for change in changes_of(edit, side):
        put = change.new_value if change.has_new else NO_VALUE
        now = current.get(change.attribute, NO_VALUE)
        is_as_put = now is put or (now is not NO_VALUE and put is not NO_VALUE and encode(now) == encode(put))
        if change.attribute and is_as_put:
            back.append(change.inverse())
    # A CI that only the merge put on record leaves it, unless a later decision recorded more of it.
    recorded_since = current.keys() - {each.attribute for each in back} - edit.contents.get(side.before.recorded_hash or b"", {}).keys()
    if row.is_recorded and not side.before.is_recorded and not recorded_since:
        back.insert(0, RecordedChange(row.id, RECORDED, old_value=True, new_value=False, had_old=True))
    return back


def _restore_tags(edit: Edit, merge: Merge, holder: StoredCi, *, is_whole: bool) -> None:
    row = load_cis(edit.connection, [merge.survivor_id])[merge.survivor_id]
    tags: dict[str, str] = dict(decode(row.tags) or {})
    given = {name: words for name, words in merge.before.given_tags.items() if is_whole and tags.get(name) == words[1]}
    if not given or row.id != holder.id:
        return
    for name, (was, _) in given.items():
        if was is None:
            del tags[name]
        else:
            tags[name] = was
    set_tags(edit, row, tags)


def _restore_pins(edit: Edit, merge: Merge) -> None:
    """Pins that the survivor got from others go back, unless they were changed since; their first owners never lost them."""
    pins = load_pins(edit.connection, [ci_id for ci_id, *_ in merge.before.lent_pins])
    for ci_id, attribute, decision_id, replaced in merge.before.lent_pins:
        held = pins.get(ci_id, {}).get(attribute)
        if held is None or held["decision_id"] != decision_id:
            continue
        if replaced is None:
            remove_pin(edit, ci_id, attribute, decode(held["value"]))
        else:
            insert_or_replace(edit.connection, pin, [{"ci_id": ci_id, "attribute": attribute, **replaced}])
            edit.note(ci_id, "recorded", f"pin.{attribute}", decode(held["value"]), decode(replaced["value"]))


def _restore_decided(edit: Edit, merge: Merge) -> None:
    """Who people had decided on before; what they decided since, or merged besides, keeps its mark."""
    undecided = sorted(ci_id for ci_id, was in merge.before.decided.items() if not was)
    still = _decided_since(edit, undecided, merge)
    update_rows(edit.connection, ci, [{"id": each, "has_decisions": False} for each in undecided if each not in still])


def _decided_since(edit: Edit, ci_ids: Sequence[str], merge: Merge) -> set[str]:
    causes: dict[str, set[str]] = {}
    others = (merged_ci.c.undone_by.is_(None)) & (merged_ci.c.decision_id != merge.decision_id)
    found: set[str] = set()
    for part in parts(ci_ids):
        found.update(edit.connection.execute(select(merged_ci.c.survivor_id).where(merged_ci.c.survivor_id.in_(part), others)).scalars())
        is_it = history.c.ci_id.in_(part) & (history.c.known_from >= merge.at) & (history.c.cause_kind == "decision")
        for ci_id, cause in edit.connection.execute(select(history.c.ci_id, history.c.cause_id).where(is_it)):
            causes.setdefault(cause, set()).add(ci_id)
    for part in parts(sorted(causes)):
        is_by_person = decision.c.made_by.not_like("policy:%") & decision.c.kind.not_in(("merge", "unmerge", "undo"))
        for decision_id in edit.connection.execute(select(decision.c.id).where(decision.c.id.in_(part), is_by_person)).scalars():
            found |= causes[decision_id]
    return found


def _note(edit: Edit, merge: Merge, returned: Returned, holder: StoredCi) -> None:
    for restored, holder_id in returned.redirects.items():
        edit.note(restored, "identity", "redirect_to", holder_id, NO_VALUE)
    for loser in merge.losers:
        edit.note(holder.id, "identity", "merged_from", loser, NO_VALUE)
