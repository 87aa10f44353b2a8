"""A person makes several CIs one. Only links are edited: what each source told stays its own. Design: docs/merges.md.

The survivor gets the records, parts, relations and states; a CI that was merged into it keeps its recorded side and leads there by its
id and number. `must_link` says so to every later report. `unmerge.py` takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from collector.reconcile.decide import RECORDED
from collector.reconcile.fact import RecordedChange
from collector.reconcile.record import LinkEvidence
from collector.reconcile.union import Side, Union, unite
from collector.store.ci import StoredCi, load_cis
from collector.store.content import decode
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.link import identify_records, save_evidence
from collector.store.merge_before import DETAIL, LinkBefore, MergeBefore, keep_differences, keep_views, supersede_differences
from collector.store.merge_family import Family, pair_families
from collector.store.merge_move import Course, lend_portable_keys, move_parts, move_rows, redirect
from collector.store.merge_side import check_mergeable, independent_records, load_pins, load_sides, load_to_merge
from collector.store.placement import follow_owners, place_records
from collector.store.recorded import set_tags
from collector.store.recorded_conflict import keep_conflicts
from collector.store.recorded_side import apply_changes, load_family
from collector.store.relation import retry_pending
from collector.store.schema import identity_constraint, merged_ci, pin, recorded_claim, source_record
from collector.store.settle import settle
from collector.store.statement import insert_or_replace, parts
from collector.store.verdict import DecisionSubject, Made, mark_decided, save_decision

PAIRS_LIMIT = 1_000  # constraints of one merge, as far as there are not more records to link


@dataclass
class _Work:
    """One merge under way. `redirects`: every CI, parts too, to what it becomes."""

    edit: Edit
    made: Made
    survivor: StoredCi
    losers: list[StoredCi]
    union: Union
    families: list[Family] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    rows: dict[str, StoredCi] = field(default_factory=dict)

    @property
    def concerned(self) -> set[str]:
        return {*self.rows, self.survivor.id}


def merge_cis(
    connection: Connection,
    context: Context,
    survivor_key: str,
    other_keys: Sequence[str],
    choices: Mapping[str, str] | None = None,
    *,
    actor: str,
    now: int,
    reason: str = "",
) -> str:
    """The CIs of these ids or numbers become the first one; the decision's id.

    `choices`: of a recorded conflict (`attribute`, `tag.NAME`, `pin.ATTRIBUTE`) whose value holds: `survivor`, `loser`, an id or a number.
    What is not chosen stays the survivor's. Raises NotFoundError, InputError, ConflictError with the code of what forbids it
    (`same-ci`, `already-merged`, `disposed`, `class-family`, `cannot-link`, `part`).
    """
    made = Made(new_id(now), "merge", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    touched = carry_out_merge(edit, made, [survivor_key, *other_keys], choices or {})
    settle(edit, touched)
    return made.id


def carry_out_merge(
    edit: Edit, made: Made, keys: Sequence[str], choices: Mapping[str, str], *, undoes: str | None = None, case_id: str | None = None
) -> set[str]:
    """All of a merge but the comparison of the two sides afterwards; the CIs to compare. `undoes`: an un-merge; choices that decide nothing
    any more are left out then. `case_id`: the case that this answers."""
    rows = load_to_merge(edit, keys)
    sides = load_sides(edit, rows)
    check_mergeable(sides[0], sides[1:])
    if undoes is not None:
        open_conflicts = {each.attribute for each in unite(sides[0], sides[1:], {}).conflicts}
        choices = {attribute: word for attribute, word in choices.items() if attribute in open_conflicts}
    work = _Work(edit, made, rows[0], list(rows[1:]), unite(sides[0], sides[1:], choices))
    records = independent_records(edit.connection, [row.id for row in rows])
    survivor_family = load_family(edit, work.survivor.id)
    work.rows = {row.id: row for loser in work.losers for row in load_family(edit, loser.id)} | {row.id: row for row in survivor_family}
    kept = _keep(work, records)
    for loser in work.losers:
        _absorb(work, loser)
    links = _link(work, records)
    changes = [*_survivor_changes(work), *_part_changes(work, sides)]
    recorded = apply_changes(edit, changes, {}) if changes else []
    keep_conflicts(edit, made.id, work.survivor.id, work.union.conflicts)
    given_tags = _give_tags(work)
    lent_pins = _lend_pins(work)
    mark_decided(edit, {work.survivor.id})
    moved = [record_id for loser in work.losers for record_id in records[loser.id]]
    linked = identify_records(edit, {*moved, *records[work.survivor.id]})
    placed = place_records(edit, follow_owners(edit, {*moved, *linked.moved}))
    joined = retry_pending(edit)
    before = MergeBefore(**{**kept, "links": links, "lent_pins": lent_pins, "given_tags": given_tags, "choices": dict(choices)})
    told = {"survivor": work.survivor.id, "losers": [loser.id for loser in work.losers], "conflicts": _tell(work.union)}
    subject = DecisionSubject(sides=tuple(recorded), case_id=case_id, detail={**told, DETAIL: before})
    save_decision(edit, made, subject, undoes=undoes)
    return {*work.concerned, *linked.touched, *placed.touched, *joined, *(side.ci_id for side in recorded)}


def _keep(work: _Work, records: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    ids = [row.id for row in work.rows.values()]
    return {
        "survivor_id": work.survivor.id,
        "losers": tuple(loser.id for loser in work.losers),
        "kept_records": tuple(records[work.survivor.id]),
        "decided": {row.id: row.has_decisions for row in work.rows.values()},
        "differences": keep_differences(work.edit, ids),
        "views": keep_views(work.rows.values()),
    }


def _absorb(work: _Work, loser: StoredCi) -> None:
    """The loser's rows and parts go to the survivor, its address leads there."""
    edit = work.edit
    family = pair_families(edit, loser, work.survivor)
    course = Course(edit, work.made.id, loser.id)
    zones = {row.id: row.zone for row in family.rows.values()}
    lend_portable_keys(course, family.redirects)
    move_rows(course, family.redirects)
    move_parts(course, family.moved, zones)
    supersede_differences(edit, family.redirects)
    redirect(course, family.redirects)
    edit.connection.execute(delete(recorded_claim).where(recorded_claim.c.ci_id == loser.id))  # what it claims, the survivor claims
    edit.connection.execute(
        insert(merged_ci).values(decision_id=work.made.id, loser_id=loser.id, survivor_id=work.survivor.id, at=edit.now, undone_by=None)
    )
    for gone, survivor in family.redirects.items():
        edit.note(gone, "identity", "redirect_to", NO_VALUE, survivor)
    edit.note(work.survivor.id, "identity", "merged_from", NO_VALUE, loser.id)
    work.families.append(family)
    work.redirects |= family.redirects
    work.rows |= family.rows


def _link(work: _Work, records: Mapping[str, Sequence[int]]) -> dict[int, LinkBefore]:
    """A person's word that holds against every rule: between records, or where the survivor has none, on the links themselves."""
    edit, own = work.edit, records[work.survivor.id]
    moved = [record_id for loser in work.losers for record_id in records[loser.id]]
    if own:
        # With several on each side, so that the word still holds when an earlier merge of one of them is taken back.
        anchors = own[: max(1, PAIRS_LIMIT // max(1, len(moved)))]
        rows = [{"kind": "must_link", "left_record_id": left, "right_record_id": right} for left, right in product(anchors, moved)]
        if rows:
            edit.connection.execute(insert(identity_constraint), [{**row, "decision_id": work.made.id, "created_at": edit.now} for row in rows])
        return {}
    before: dict[int, LinkBefore] = {}
    columns = (source_record.c.id, source_record.c.link_rule, source_record.c.link_made_by, source_record.c.link_evidence)
    for part in parts(moved):
        for record_id, *link in edit.connection.execute(select(*columns).where(source_record.c.id.in_(part))):
            before[record_id] = LinkBefore(*link)
    for record_id in moved:
        save_evidence(edit, record_id, work.made.made_by, LinkEvidence(rule="person"))
    return before


def _survivor_changes(work: _Work) -> list[RecordedChange]:
    """What the survivor has on record afterwards, of what it had not."""
    survivor = work.survivor
    if not any(row.is_recorded for row in (survivor, *work.losers)):
        return []
    before = dict(work.edit.contents.get(survivor.recorded_hash or b"", {}))
    return _changes(survivor, before, work.union.recorded)


def _changes(row: StoredCi, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[RecordedChange]:
    found = [] if row.is_recorded else [RecordedChange(row.id, RECORDED, old_value=False, new_value=True, had_old=True)]
    for name, value in after.items():
        if name not in before or before[name] != value:
            found.append(RecordedChange(row.id, name, before.get(name), value, had_old=name in before))
    return found


def _part_changes(work: _Work, sides: Sequence[Side]) -> list[RecordedChange]:
    """Parts that both CIs had: what only one of them has on record is on record of the part."""
    edit, tops = work.edit, {side.id for side in sides}
    pairs = {gone: kept for gone, kept in work.redirects.items() if gone not in tops and work.rows[gone].is_recorded}
    before = {row.id: row for row in load_cis(edit.connection, pairs.values()).values()}
    known = load_sides(edit, [*before.values(), *(work.rows[gone] for gone in pairs)]) if pairs else []
    by_id = {side.id: side for side in known}
    found: list[RecordedChange] = []
    for kept in sorted(set(pairs.values())):
        gone = sorted(each for each, target in pairs.items() if target == kept)
        union = unite(by_id[kept], [by_id[each] for each in gone], {})
        found += _changes(before[kept], by_id[kept].recorded, union.recorded)
    return found


def _give_tags(work: _Work) -> dict[str, tuple[str | None, str | None]]:
    row = load_cis(work.edit.connection, [work.survivor.id])[work.survivor.id]
    before: dict[str, str] = decode(row.tags) or {}
    given: dict[str, tuple[str | None, str | None]] = {
        name: (before.get(name), text) for name, text in work.union.tags.items() if before.get(name) != text
    }
    if given:
        set_tags(work.edit, row, dict(work.union.tags))
    return given


def _lend_pins(work: _Work) -> tuple[tuple[str, str, str, dict[str, Any] | None], ...]:
    """The survivor, and parts that both had, hold what the losers held: (CI, attribute, decision, what it replaced)."""
    edit = work.edit
    pins = load_pins(edit.connection, [*work.redirects, *work.redirects.values()])
    lent: list[tuple[str, str, str, dict[str, Any] | None]] = []
    for gone, kept in work.redirects.items():
        for attribute, held in pins.get(gone, {}).items():
            own = pins.get(kept, {}).get(attribute)
            is_chosen = kept == work.survivor.id and work.union.pins_from.get(attribute) == gone
            if own is not None and not is_chosen:
                continue
            insert_or_replace(edit.connection, pin, [{"ci_id": kept, "attribute": attribute, **held}])
            edit.note(kept, "recorded", f"pin.{attribute}", NO_VALUE if own is None else decode(own["value"]), decode(held["value"]))
            pins.setdefault(kept, {})[attribute] = held
            lent.append((kept, attribute, held["decision_id"], own))
    return tuple(lent)


def _tell(union: Union) -> list[dict[str, str | None]]:
    """The conflicts without their values, which may be sensitive: the recorded sides before and after hold them."""
    return [{"attribute": each.attribute, "chosen": each.chosen} for each in union.conflicts]


def mark_undone(edit: Edit, decision_id: str, losers: Sequence[str], undone_by: str) -> None:
    """These CIs stand by themselves again."""
    is_it = (merged_ci.c.decision_id == decision_id) & merged_ci.c.loser_id.in_(sorted(losers))
    edit.connection.execute(update(merged_ci).where(is_it).values(undone_by=undone_by))
