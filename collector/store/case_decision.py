"""Decisions on identity: cases resolved or dismissed, near misses adopted, and both taken back. Design: docs/reconciliation.md.

A person's word stands beside the rules as a constraint between records and wins over them; nothing is rewritten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import combinations
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select, update

from collector.reconcile.record import LinkEvidence
from collector.store.ci import load_ci
from collector.store.content import decode
from collector.store.edit import Context, Edit
from collector.store.identifier import new_id
from collector.store.link import identify_records, save_evidence
from collector.store.loss import WHOLE_SOURCE
from collector.store.placement import follow_owners, place_records
from collector.store.schema import case_member, ci, identity_constraint, review_case, section, source, source_record
from collector.store.settle import settle
from collector.store.source_record import load_records
from collector.store.statement import parts
from collector.store.verdict import DecisionSubject, Made, mark_decided, save_decision
from muster.errors import ConflictError, InputError, NotFoundError, quote

# same: the members are one; different: they are not; release: the loss of a section is real; confirm: it is as the case says; dismiss:
# it is nothing.
CaseAction = Literal["same", "different", "release", "confirm", "dismiss"]
MEMBERS_LIMIT = 100
RECORDS_KEPT = 10_000


def resolve_case(connection: Connection, context: Context, case_id: str, action: CaseAction, *, actor: str, now: int, reason: str = "") -> str:
    """Decide a case; the decision's id.

    Raises NotFoundError, ConflictError (`already-decided`), InputError for an action that this kind of case does not have.
    """
    row = connection.execute(select(review_case).where(review_case.c.id == case_id)).first()
    if row is None:
        raise NotFoundError(f"no case {quote(case_id)}; see the review queue")
    if row.state != "open":
        raise ConflictError(f"case {case_id} is {row.state}; nothing is left to decide", code="already-decided", current=row.state)
    if (action == "release") != (row.kind == "mass_loss") and action != "dismiss":
        raise InputError(
            f"a case of kind {row.kind} has no action {action!r}; a mass loss is released or dismissed, others are not released", path="action"
        )
    edit, made = _begin(connection, context, "resolve", actor, reason, now=now)
    members = list(connection.execute(select(case_member.c.record_id).where(case_member.c.case_id == case_id)).scalars())
    constraints: tuple[int, ...] = ()
    places: dict[int, str | None] = {}
    touched: set[str] = set()
    if action in ("same", "different"):
        places = _places(edit, members)
        constraints = _constrain(edit, made, members, is_same=action == "same")
        touched = _identify(edit, set(members))
    elif action == "release":
        _release(edit, decode(row.evidence) or {})
    state = "dismissed" if action == "dismiss" else "resolved"
    connection.execute(update(review_case).where(review_case.c.id == case_id).values(state=state, closed_at=now, decision_id=made.id))
    detail = {"case": case_id, "kind": row.kind, "action": action, "places_before": {str(key): value for key, value in places.items()}}
    save_decision(edit, made, DecisionSubject(case_id=case_id, constraint_ids=constraints, detail=detail))
    mark_decided(edit, touched & _of_records(edit, members))
    settle(edit, touched)
    return made.id


def adopt_suggestion(connection: Connection, context: Context, ci_key: str, other_key: str, *, actor: str, now: int, reason: str = "") -> str:
    """The records of one CI belong to another: what a near miss suggested; the decision's id. Raises NotFoundError, ConflictError."""
    gone, kept = load_ci(connection, ci_key), load_ci(connection, other_key)
    if gone.id == kept.id or gone.owner_ci_id is not None or kept.owner_ci_id is not None:
        raise ConflictError(f"{gone.name} and {kept.name} are one already, or part of others; choose two hosts or devices", code="not-two")
    edit, made = _begin(connection, context, "adopt", actor, reason, now=now)
    ours, theirs = _records(edit, gone.id), _records(edit, kept.id)
    if not ours:
        raise ConflictError(f"no source sees {gone.name}, so there is nothing to adopt from it", code="nothing-seen")
    places = _places(edit, ours)
    constraints: tuple[int, ...] = ()
    if theirs:
        constraints = tuple(_add_constraint(edit, made, theirs[0], each, is_same=True) for each in ours)
    else:
        connection.execute(update(source_record).where(source_record.c.id.in_(ours)).values(ci_id=kept.id))
        for each in ours:
            save_evidence(edit, each, actor, LinkEvidence(rule="person"))
    mark_decided(edit, {kept.id})
    touched = _identify(edit, {*ours, *theirs}) | {gone.id, kept.id}
    if not theirs:
        touched |= place_records(edit, follow_owners(edit, ours)).touched
        connection.execute(update(ci).where(ci.c.id == gone.id, ci.c.is_recorded.is_(False)).values(redirect_to=kept.id, changed_at=now))
    detail = {"ci": gone.id, "into": kept.id, "places_before": {str(key): value for key, value in places.items()}}
    save_decision(edit, made, DecisionSubject(constraint_ids=constraints, detail=detail))
    settle(edit, touched)
    return made.id


def take_back_identity(edit: Edit, subject: DecisionSubject) -> set[str]:
    """What undoes a decision on identity: its constraints and links go, records go back where they were; the CIs touched."""
    if subject.case_id is not None:
        is_it = review_case.c.id == subject.case_id
        edit.connection.execute(update(review_case).where(is_it).values(state="open", closed_at=None, decision_id=None))
    places: dict[str, str | None] = subject.detail.get("places_before", {})
    if not places:
        return set()
    edit.connection.execute(delete(identity_constraint).where(identity_constraint.c.id.in_(subject.constraint_ids)))
    back = {int(key): ci_id for key, ci_id in places.items()}
    now = _places(edit, list(back))
    for record_id, ci_id in back.items():
        if ci_id is not None and now.get(record_id) != ci_id:
            edit.connection.execute(update(ci).where(ci.c.id == ci_id).values(redirect_to=None, changed_at=edit.now))
            edit.connection.execute(update(ci).where(ci.c.owner_ci_id == ci_id).values(redirect_to=None))
        values: dict[str, Any] = {"ci_id": ci_id, "link_made_by": "engine"}
        edit.connection.execute(update(source_record).where(source_record.c.id == record_id).values(**values))
    moved = [record_id for record_id, ci_id in back.items() if now.get(record_id) != ci_id]
    touched = {each for each in (*back.values(), *now.values()) if each is not None}
    touched |= place_records(edit, follow_owners(edit, moved)).touched
    return touched | _identify(edit, set(back))


def _begin(connection: Connection, context: Context, kind: Literal["resolve", "adopt"], actor: str, reason: str, *, now: int) -> tuple[Edit, Made]:
    made = Made(new_id(now), kind, actor, reason)
    return Edit(connection, context, now, "decision", made.id), made


def _identify(edit: Edit, record_ids: set[int]) -> set[str]:
    linked = identify_records(edit, record_ids)
    return linked.touched | place_records(edit, follow_owners(edit, linked.moved)).touched


def _places(edit: Edit, record_ids: Collection[int]) -> dict[int, str | None]:
    """Where records are now, and those that are one with them: what a decision on identity may move."""
    ids = {each.ci_id for each in load_records(edit.connection, record_ids) if each.ci_id is not None}
    found: dict[int, str | None] = {each.id: each.ci_id for each in load_records(edit.connection, record_ids)}
    for part in parts(sorted(ids)):
        query = select(source_record.c.id, source_record.c.ci_id).where(source_record.c.ci_id.in_(part)).limit(RECORDS_KEPT)
        found |= {row.id: row.ci_id for row in edit.connection.execute(query)}
    return found


def _of_records(edit: Edit, record_ids: Collection[int]) -> set[str]:
    return {each.ci_id for each in load_records(edit.connection, record_ids) if each.ci_id is not None}


def _records(edit: Edit, ci_id: str) -> list[int]:
    query = select(source_record.c.id).where(source_record.c.ci_id == ci_id).order_by(source_record.c.closed_at.is_not(None), source_record.c.id)
    return list(edit.connection.execute(query).scalars())


def _constrain(edit: Edit, made: Made, members: Iterable[int], *, is_same: bool) -> tuple[int, ...]:
    """One word for each pair of members that are in different CIs now."""
    records = [each for each in load_records(edit.connection, members) if each.ci_id is not None]
    if len(records) > MEMBERS_LIMIT:
        raise InputError(f"the case has {len(records)} members; decide on at most {MEMBERS_LIMIT} at once, two CIs at a time", path="$")
    pairs = [(left, right) for left, right in combinations(records, 2) if left.ci_id != right.ci_id]
    if not pairs:
        raise ConflictError("the members of the case are one CI already", code="not-two")
    return tuple(_add_constraint(edit, made, left.id, right.id, is_same=is_same) for left, right in pairs)


def _add_constraint(edit: Edit, made: Made, left: int, right: int, *, is_same: bool) -> int:
    values = {"kind": "must_link" if is_same else "cannot_link", "left_record_id": left, "right_record_id": right}
    statement = insert(identity_constraint).values(**values, decision_id=made.id, created_at=edit.now)
    return int(edit.connection.execute(statement.returning(identity_constraint.c.id)).scalar_one())


def _release(edit: Edit, evidence: dict[str, Any]) -> None:
    """The section's next whole report counts its loss; its digest is forgotten, so that the source sends it."""
    kind, name, instance = [*str(evidence.get("source", "")).split("/", 2), "", "", ""][:3]
    of_source = select(source.c.id).where(source.c.kind == kind, source.c.name == name, source.c.instance == instance).scalar_subquery()
    is_it = section.c.source_id == of_source
    if evidence.get("section") != WHOLE_SOURCE:
        is_it &= section.c.name == str(evidence.get("section", ""))
    values = {"held": False, "held_digest": None, "digest": None, "is_released": True}
    edit.connection.execute(update(section).where(is_it).values(**values))
