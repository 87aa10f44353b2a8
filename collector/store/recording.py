"""Putting a CI on record that nobody may have seen yet: recognised first, so that what is known already is never made again.

One thing at a time, by a person; whole files of them: `imported.py`. Design: docs/import.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from collector.reconcile.decide import RECORDED, baseline_of
from collector.reconcile.fact import RecordedChange
from collector.reconcile.recordable import check_identifiers, check_values
from collector.store.ci import StoredCi, insert_cis, load_ci
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.observed_view import name_of
from collector.store.recognition import RecordedItem, recognise
from collector.store.recorded import NAME_LENGTH, Patch, write_tags
from collector.store.recorded_side import CLASS, SideChange, apply_changes, load_family, load_family_contents, recorded_of
from collector.store.settle import settle
from collector.store.verdict import DecisionSubject, Made, mark_decided, save_decision
from muster.document import suggest
from muster.errors import ConflictError, InputError, quote
from muster.model.ci_class import CiClass


def record_ci(  # noqa: PLR0913 -- what is recorded, by whom, when and why, each by name
    connection: Connection,
    context: Context,
    ci_class: str,
    patch: Patch,
    *,
    actor: str,
    now: int,
    identifiers: Mapping[str, Any] | None = None,
    zone: str = "default",
    reason: str = "",
) -> StoredCi:
    """The CI that a person puts on record: the one that is there already where its identifiers say so, else a new one.

    Raises InputError with the path, ConflictError (`undecided`) where the identifiers point at several or contradict each other.
    """
    known = class_to_record(context, ci_class)
    given = check_identifiers(known, identifiers or {})
    values = given | {name: value for name, value in check_values(known, patch.changes).items() if value is not None}
    made = Made(new_id(now), "record", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    [found] = recognise(edit, [RecordedItem(ci_class=ci_class, attributes=values, zone=zone)])
    if found.refusal:
        raise ConflictError(found.refusal, code="undecided", current=[each.number for each in found.near])
    if found.ci_id is None:
        row, changes = make_recorded(edit, known, values, patch, zone=zone, actor=actor)
    else:
        row = load_ci(connection, found.ci_id)
        changes = changes_onto(edit, row, known, values)
    tags_before = write_tags(edit, row, patch.tags)
    lifecycles = {row.id: patch.lifecycle} if patch.lifecycle is not None else {}
    sides = apply_changes(edit, changes, lifecycles) if changes or lifecycles else []
    if found.ci_id is None:
        sides = [gone_before(each) for each in sides]
    detail = {"ci": row.id, "class": ci_class, "rule": found.rule, "tags_before": tags_before}
    save_decision(edit, made, DecisionSubject(sides=tuple(sides), detail=detail))
    mark_decided(edit, {row.id})
    settle(edit, {each.id for each in load_family(edit, row.id)})
    return load_ci(connection, row.id)


def class_to_record(context: Context, ci_class: str) -> CiClass:
    """A class of which CIs are recorded by themselves. Raises InputError with what was meant."""
    known = context.catalogue.get(ci_class)
    if known is None:
        raise InputError(f"unknown class {quote(ci_class)}{suggest(ci_class, context.catalogue.names())}", path="class")
    if known.is_abstract or known.is_dependent:
        raise InputError(f"a {ci_class} is part of others or only their kind; record the host or device that has it", path="class")
    return known


def make_recorded(
    edit: Edit, ci_class: CiClass, values: Mapping[str, Any], patch: Patch, *, zone: str, actor: str
) -> tuple[StoredCi, list[RecordedChange]]:
    """A new CI that nobody has seen, inserted, and what puts it on record. Raises InputError where nothing names it."""
    name = name_of(ci_class, values, {})
    if not name:
        raise InputError(f"it has no name; give one of {', '.join(ci_class.name_from)}", path="attributes")
    row = StoredCi(
        id=new_id(edit.now),
        number=edit.take_number(),
        ci_class=ci_class.name,
        name=name,
        zone=zone[:NAME_LENGTH],
        lifecycle=patch.lifecycle or "planned",
        presence="unknown",
        control_level=ci_class.control,
        has_decisions=True,
        created_at=edit.now,
        changed_at=edit.now,
    )
    insert_cis(edit.connection, [row])
    edit.note(row.id, "identity", "", NO_VALUE, {"class": ci_class.name, "recorded_by": actor})
    changes = [RecordedChange(row.id, RECORDED, old_value=False, new_value=True, had_old=True)]
    return row, [*changes, *(RecordedChange(row.id, name, None, value, had_old=False) for name, value in values.items())]


def changes_onto(edit: Edit, row: StoredCi, ci_class: CiClass, values: Mapping[str, Any]) -> list[RecordedChange]:
    """What putting these values on record changes of a CI that is there; nothing where all of it is recorded so.

    One that was only observed comes on record with all that it holds, as when it is accepted: nobody reviews its parts one by one.
    """
    recorded = recorded_of(edit, row)
    changes: list[RecordedChange] = []
    if not row.is_recorded:
        changes.append(RecordedChange(row.id, RECORDED, old_value=False, new_value=True, had_old=True))
        changes += _contents(edit, row)
    standing = row.recorded_class or row.ci_class
    if standing != ci_class.name and not _is_kind_of(edit, standing, ci_class.name):
        changes.append(RecordedChange(row.id, CLASS, standing, ci_class.name, had_old=True))
    for name, value in values.items():
        if recorded.get(name) != value:
            changes.append(RecordedChange(row.id, name, recorded.get(name), value, had_old=name in recorded))
    return changes


def gone_before(side: SideChange) -> SideChange:
    """The change of a CI that its decision made: taken back, it is disposed of, since no CI is ever deleted."""
    before = side.before
    return SideChange(side.ci_id, type(before)(before.is_recorded, before.recorded_class, "disposed", before.recorded_hash), side.after)


def _contents(edit: Edit, row: StoredCi) -> list[RecordedChange]:
    found: list[RecordedChange] = []
    for content in load_family_contents(edit, row.id):
        if content.ci_id == row.id or content.is_recorded:
            continue
        found.append(RecordedChange(content.ci_id, RECORDED, old_value=False, new_value=True, had_old=True))
        baseline = baseline_of(content)
        found += [RecordedChange(content.ci_id, name, None, value, had_old=False) for name, value in baseline.items() if name not in content.recorded]
    return found


def _is_kind_of(edit: Edit, name: str, ancestor: str) -> bool:
    seen: Sequence[str] = ()
    at: str | None = name
    while at is not None and at not in seen:
        if at == ancestor:
            return True
        seen = (*seen, at)
        known = edit.context.catalogue.get(at)
        at = known.parent if known is not None else None
    return False
