"""CIs that were on record before any source saw them, at the moment that one does: what they hold comes on record with them.

As with a new CI that is accepted: nobody reviews the parts of a host one by one that a list or a person announced.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from collector.reconcile.decide import RECORDED, Content, baseline_of
from collector.reconcile.fact import RecordedChange
from collector.store.ci import StoredCi, load_cis
from collector.store.edit import Edit
from collector.store.identifier import new_id
from collector.store.observed_view import View
from collector.store.recorded_side import apply_changes, recorded_of
from collector.store.schema import source_record
from collector.store.statement import parts
from collector.store.verdict import DecisionSubject, Made, save_decision

FIRST_CONTACT = "first_contact"
_REASON = "what a CI holds that was on record before any source saw it"


def bring_parts(edit: Edit, views: Sequence[View], owners: Mapping[str, StoredCi]) -> None:
    """Put on record, as one decision of the policy `first_contact`, the new parts of owners on record that are seen for the first time."""
    if edit.cause_kind != "report":
        return
    new = [view for view in views if view.ci.owner_ci_id is not None and not view.ci.is_recorded and view.ci.id in edit.made_ids]
    first_met = _find_first_met(edit, {view.ci.owner_ci_id or "" for view in new if _is_recorded(owners, view)})
    brought = [view for view in new if view.ci.owner_ci_id in first_met]
    if not brought:
        return
    changes: list[RecordedChange] = []
    for view in brought:
        changes.append(RecordedChange(view.ci.id, RECORDED, old_value=False, new_value=True, had_old=True))
        baseline = baseline_of(Content(view.ci.id, edit.class_of(view.ci.ci_class), view.merged))
        changes += [RecordedChange(view.ci.id, name, None, value, had_old=False) for name, value in baseline.items()]
    made = Made(new_id(edit.now), "accept", f"policy:{FIRST_CONTACT}", _REASON)
    sides = apply_changes(edit, changes, {}, by_person=False)
    save_decision(edit, made, DecisionSubject(sides=tuple(sides), detail={"owners": sorted(first_met)[:100]}))
    stored = load_cis(edit.connection, [view.ci.id for view in brought])
    for view in brought:
        row = stored[view.ci.id]
        for name in row.__struct_fields__:
            setattr(view.ci, name, getattr(row, name))
        view.recorded = recorded_of(edit, view.ci)


def _is_recorded(owners: Mapping[str, StoredCi], view: View) -> bool:
    owner = owners.get(view.ci.owner_ci_id or "")
    return owner is not None and owner.is_recorded


def _find_first_met(edit: Edit, owner_ids: Collection[str]) -> set[str]:
    """Which of these CIs have all their records from this very writing."""
    found = set(owner_ids)
    for part in parts(sorted(found)):
        earlier = source_record.c.ci_id.in_(part) & (source_record.c.linked_at < edit.now)
        found -= set(edit.connection.execute(select(source_record.c.ci_id).where(earlier).distinct()).scalars())
    return found
