"""Carrying out decisions on differences: the rows, the recorded side, the decision with all that undo needs, and the audit entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import insert, update

from collector.reconcile.decide import Verdict
from collector.reconcile.difference import StoredDifference
from collector.store import audit_chain
from collector.store.content import encode
from collector.store.edit import Edit
from collector.store.past import keep_changes
from collector.store.recorded_relation import RelationChange, baseline_relations, decide_relation, write_relations
from collector.store.recorded_side import SideChange, apply_changes, load_family_ids
from collector.store.schema import ci, decision, difference
from collector.store.statement import parts, update_rows
from muster.model.state import Lifecycle

DecisionKind = Literal[
    "accept", "reject", "ignore", "undo", "record", "resolve", "adopt", "pin", "merge", "unmerge", "split", "import", "assign", "delete", "baseline",
    "link", "relate",
]  # fmt: skip
AUDITED = 100  # subjects named in the audit entry


class Made(msgspec.Struct, frozen=True):
    """Who decides what and why. `made_by`: `person:NAME`, `token:NAME` or `policy:NAME`."""

    id: str
    kind: DecisionKind
    made_by: str
    reason: str = ""

    @property
    def is_by_person(self) -> bool:
        return not self.made_by.startswith("policy:")


class DifferenceBefore(msgspec.Struct, frozen=True, array_like=True):
    """What a difference was before a decision on it."""

    id: str
    state: str
    decision_id: str | None
    ignore_until: int | None
    rejected_values: tuple[Any, ...]
    change_id: str | None = None
    is_unauthorised: bool = False
    group_key: str = ""


class DecisionSubject(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided on, and all that undo needs. `case_id`, `constraint_ids`: of decisions on identity. `detail`
    is told in the audit trail, but for names that end in `_before`."""

    differences: tuple[DifferenceBefore, ...] = ()
    sides: tuple[SideChange, ...] = ()
    case_id: str | None = None
    constraint_ids: tuple[int, ...] = ()
    relations: tuple[RelationChange, ...] = ()
    detail: dict[str, Any] = {}


def carry_out(edit: Edit, made: Made, verdicts: Sequence[tuple[StoredDifference, Verdict]], *, detail: Mapping[str, Any] | None = None) -> set[str]:
    """Write verdicts as one decision; the CIs whose two sides must be compared anew."""
    changes = [change for _, verdict in verdicts for change in verdict.changes]
    lifecycles: dict[str, Lifecycle] = {each.ci_id: verdict.lifecycle for each, verdict in verdicts if verdict.lifecycle is not None}
    sides = apply_changes(edit, changes, lifecycles, by_person=made.is_by_person) if changes or lifecycles else []
    keep_changes(edit, [(each.id, each.state, verdict.state) for each, verdict in verdicts], decision_id=made.id)
    update_rows(edit.connection, difference, [_row(edit, made, each, verdict) for each, verdict in verdicts])
    before = tuple(_before(each) for each, _ in verdicts)
    relations = _write_relations(edit, made, verdicts, sides)
    save_decision(edit, made, DecisionSubject(differences=before, sides=tuple(sides), relations=tuple(relations), detail=dict(detail or {})))
    touched = {each.ci_id for each, _ in verdicts} | {side.ci_id for side in sides} | {each.from_ci_id for each in relations}
    if made.is_by_person:
        mark_decided(edit, touched)
    return touched | load_family_ids(edit, {each.ci_id for each, _ in verdicts if each.kind in ("new_ci", "absent_ci")})


def _before(each: StoredDifference) -> DifferenceBefore:
    return DifferenceBefore(
        each.id, each.state, each.decision_id, each.ignore_until, each.rejected_values, each.change_id, each.is_unauthorised, each.group_key
    )


def _write_relations(
    edit: Edit, made: Made, verdicts: Sequence[tuple[StoredDifference, Verdict]], sides: Sequence[SideChange]
) -> list[RelationChange]:
    """The relations that were decided on, and those that came on record with their CIs."""
    accepted = [each for each, verdict in verdicts if verdict.state == "accepted" and each.kind in ("new_relation", "absent_relation")]
    wanted = [change for each in accepted for change in decide_relation(each.ci_id, each.recorded, each.observed)]
    put_on_record = [side.ci_id for side in sides if side.after.is_recorded and not side.before.is_recorded]
    written = write_relations(edit, made.id, wanted)
    return written + write_relations(edit, made.id, baseline_relations(edit, put_on_record), is_told=False)


def _row(edit: Edit, made: Made, each: StoredDifference, verdict: Verdict) -> dict[str, Any]:
    is_linked = verdict.change_id is not None
    return {
        "id": each.id,
        "state": verdict.state,
        "decision_id": made.id,
        "closed_at": edit.now if verdict.state == "accepted" else None,
        "ignore_until": verdict.ignore_until,
        "next_at": verdict.ignore_until,
        "rejected_values": encode(verdict.rejected_values) if verdict.rejected_values else None,
        "change_id": verdict.change_id if is_linked else each.change_id,
        "is_unauthorised": False if is_linked else each.is_unauthorised,
        "group_key": f"{each.group_key}|{verdict.change_id}" if is_linked and verdict.change_id != each.change_id else each.group_key,
        "waiting_id": None,
        "version": each.version + 1,
    }


def save_decision(edit: Edit, made: Made, subject: DecisionSubject, *, undoes: str | None = None) -> None:
    """The decision's row and its audit entry."""
    values = {"id": made.id, "kind": made.kind, "made_by": made.made_by, "reason": made.reason, "at": edit.now, "undoes": undoes}
    edit.connection.execute(insert(decision).values(**values, subject=msgspec.msgpack.encode(subject)))
    detail = {
        "reason": made.reason,
        "differences": [each.id for each in subject.differences[:AUDITED]],
        "difference_count": len(subject.differences),
        "cis": [each.ci_id for each in subject.sides[:AUDITED]],
        "ci_count": len(subject.sides),
        **{name: value for name, value in subject.detail.items() if not name.endswith("_before")},
    }
    if undoes is not None:
        detail["undoes"] = undoes
    audit_chain.append(edit.connection, edit.now, actor=made.made_by, action=f"decision.{made.kind}", subject=made.id, detail=detail)


def mark_decided(edit: Edit, ci_ids: set[str]) -> None:
    """People made these CIs what they are: identification keeps them."""
    for part in parts(sorted(ci_ids)):
        edit.connection.execute(update(ci).where(ci.c.id.in_(part), ci.c.has_decisions.is_(False)).values(has_decisions=True))
