"""Decisions on identity: cases resolved or dismissed, near misses adopted, and words that keep CIs apart. Design: docs/reconciliation.md.

A person's word stands beside the rules as a constraint between records and wins over them; nothing is rewritten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from collector.reconcile.case import CaseAction, check_action
from collector.reconcile.union import propose_survivor
from collector.store.case_member_ci import load_member_cis
from collector.store.ci import load_ci, load_cis
from collector.store.claim import release_values
from collector.store.content import decode
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.link import identify_records
from collector.store.loss import WHOLE_SOURCE
from collector.store.merge import carry_out_merge
from collector.store.merge_side import independent_records, load_sides
from collector.store.past import keep_links
from collector.store.placement import follow_owners, place_records
from collector.store.recorded_side import SideChange, apply_changes
from collector.store.replacement import move_role, take_back_role
from collector.store.schema import case_member, ci, identity_constraint, review_case, section, source, source_record, trusted_value
from collector.store.settle import settle
from collector.store.source_record import load_records
from collector.store.statement import insert_missing, parts, update_rows
from collector.store.verdict import DecisionSubject, Made, mark_decided, save_decision
from muster.errors import ConflictError, InputError, NotFoundError, quote
from muster.model.state import Lifecycle

MEMBERS_LIMIT = 100  # records of one CI
PAIRS_LIMIT = 10_000
RECORDS_KEPT = 10_000


class MemberChoice(msgspec.Struct, frozen=True):
    """`keep`: which CI stays (`same`; None: the proposal) or takes the role (`replace`; None: the newest). `members`: which of the case's
    CIs are meant, where not all."""

    keep: str | None = None
    members: tuple[str, ...] = ()


def resolve_case(
    connection: Connection,
    context: Context,
    case_id: str,
    action: CaseAction,
    *,
    actor: str,
    now: int,
    reason: str = "",
    choice: MemberChoice | None = None,
) -> str:
    """Decide a case; the decision's id.

    Raises NotFoundError, ConflictError (`already-decided`, `not-two`, and what forbids a merge), InputError for an action that this kind
    of case does not have.
    """
    row = connection.execute(select(review_case).where(review_case.c.id == case_id)).first()
    if row is None:
        raise NotFoundError(f"no case {quote(case_id)}; see `muster case list`")
    if row.state != "open":
        raise ConflictError(f"case {case_id} is {row.state}; nothing is left to decide", code="already-decided", current=row.state)
    check_action(row.kind, action)
    made = Made(new_id(now), "merge" if action == "same" else "resolve", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    choice = choice or MemberChoice()
    chosen = _choose(edit, row, choice.members) if action in ("same", "different", "replace", "revive") else []
    touched = _carry_out(edit, made, row, action, chosen, keep=choice.keep)
    state = "dismissed" if action == "dismiss" else "resolved"
    connection.execute(update(review_case).where(review_case.c.id == case_id).values(state=state, closed_at=now, decision_id=made.id))
    settle(edit, touched)
    return made.id


def _choose(edit: Edit, row: Any, members: Sequence[str]) -> list[str]:
    """The CIs of a case as they are now, or those of them that are named."""
    known = load_member_cis(edit.connection, row)
    if not members:
        return known
    named = [load_ci(edit.connection, each).id for each in members]
    strangers = [each for each, ci_id in zip(members, named, strict=True) if ci_id not in known]
    if strangers:
        raise InputError(f"{quote(strangers[0])} is no member of the case", path="members")
    return named


def _carry_out(edit: Edit, made: Made, row: Any, action: CaseAction, chosen: list[str], *, keep: str | None) -> set[str]:
    if action == "same":
        return _make_same(edit, made, row, chosen, keep)
    touched: set[str] = set()
    sides: list[SideChange] = []
    constraints: tuple[int, ...] = ()
    detail: dict[str, Any] = {"case": row.id, "kind": row.kind, "action": action}
    if action in ("different", "replace"):
        places, constraints, moved = _keep_apart(edit, made, chosen)
        detail["places_before"] = {str(key): value for key, value in places.items()}
        touched |= moved
    if action == "replace":
        kept, others = _two(edit, chosen, keep or max(load_cis(edit.connection, chosen).values(), key=lambda each: each.number).id)
        moved_role = move_role(edit, others[0], kept)
        sides, touched = moved_role.sides, touched | moved_role.touched
        detail |= moved_role.detail
    elif action == "revive":
        live: dict[str, Lifecycle] = dict.fromkeys(chosen, "live")
        sides = apply_changes(edit, [], live)
        touched |= set(chosen)
    elif action == "release":
        told, released = _release(edit, made, row)
        detail, touched = detail | told, touched | released
    save_decision(edit, made, DecisionSubject(sides=tuple(sides), case_id=row.id, constraint_ids=constraints, detail=detail))
    mark_decided(edit, set(chosen) if action == "different" else touched)
    return touched


def _two(edit: Edit, chosen: list[str], keep: str | None) -> tuple[str, list[str]]:
    """The CI that stays and the others."""
    if len(chosen) < 2:
        raise ConflictError("the members of the case are one CI already", code="not-two")
    kept = propose_survivor(load_sides(edit, list(load_cis(edit.connection, chosen).values()))) if keep is None else load_ci(edit.connection, keep).id
    if kept not in chosen:
        raise InputError(f"{quote(keep)} is no member of the case", path="keep")
    return kept, [each for each in chosen if each != kept]


def _make_same(edit: Edit, made: Made, row: Any, chosen: list[str], keep: str | None) -> set[str]:
    kept, others = _two(edit, chosen, keep)
    return carry_out_merge(edit, made, [kept, *others], {}, case_id=row.id)


def adopt_suggestion(connection: Connection, context: Context, ci_key: str, other_key: str, *, actor: str, now: int, reason: str = "") -> str:
    """The records of one CI belong to another: what a near miss suggested; the decision's id. Raises NotFoundError, ConflictError."""
    gone, kept = load_ci(connection, ci_key), load_ci(connection, other_key)
    if gone.id == kept.id or gone.owner_ci_id is not None or kept.owner_ci_id is not None:
        raise ConflictError(f"{gone.name} and {kept.name} are one already, or part of others; choose two hosts or devices", code="not-two")
    if not independent_records(connection, [gone.id])[gone.id]:
        raise ConflictError(f"no source sees {gone.name}, so there is nothing to adopt from it", code="nothing-seen")
    made = Made(new_id(now), "adopt", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    settle(edit, carry_out_merge(edit, made, [kept.id, gone.id], {}))
    return made.id


def take_back_identity(edit: Edit, subject: DecisionSubject) -> set[str]:
    """What undoes a decision on a case: its constraints go, records go back where they were; the CIs touched."""
    if subject.case_id is not None:
        is_it = review_case.c.id == subject.case_id
        edit.connection.execute(update(review_case).where(is_it).values(state="open", closed_at=None, decision_id=None))
    edit.connection.execute(delete(identity_constraint).where(identity_constraint.c.id.in_(subject.constraint_ids)))
    if "trusted" in subject.detail:
        kind, scope, value = subject.detail["trusted"]
        is_trusted = (trusted_value.c.kind == kind) & (trusted_value.c.scope == scope) & (trusted_value.c.value == value)
        edit.connection.execute(delete(trusted_value).where(is_trusted))
    touched = _take_back_role(edit, subject)
    places: dict[str, str | None] = subject.detail.get("places_before", {})
    if not places:
        return touched
    back = {int(key): ci_id for key, ci_id in places.items()}
    now = _places(edit, list(back))
    for record_id, ci_id in back.items():
        if ci_id is not None and now.get(record_id) != ci_id:
            _lead_back(edit, ci_id)
            keep_links(edit, [(record_id, now.get(record_id))])
        values: dict[str, Any] = {"ci_id": ci_id, "link_made_by": "engine"}
        edit.connection.execute(update(source_record).where(source_record.c.id == record_id).values(**values))
    moved = [record_id for record_id, ci_id in back.items() if now.get(record_id) != ci_id]
    touched |= {each for each in (*back.values(), *now.values()) if each is not None}
    touched |= place_records(edit, follow_owners(edit, moved)).touched
    return touched | _identify(edit, set(back))


def _lead_back(edit: Edit, ci_id: str) -> None:
    """A CI and its parts are themselves again."""
    is_it = ((ci.c.id == ci_id) | (ci.c.owner_ci_id == ci_id)) & ci.c.redirect_to.is_not(None)
    for row in edit.connection.execute(select(ci.c.id, ci.c.redirect_to).where(is_it)).all():
        edit.note(row.id, "identity", "redirect_to", row.redirect_to, NO_VALUE)
    edit.connection.execute(update(ci).where(is_it).values(redirect_to=None, changed_at=edit.now))


def _identify(edit: Edit, record_ids: set[int]) -> set[str]:
    linked = identify_records(edit, record_ids)
    return linked.touched | place_records(edit, follow_owners(edit, linked.moved)).touched


def _places(edit: Edit, record_ids: Collection[int]) -> dict[int, str | None]:
    """Where records are now, and those that are one with them: what a decision on identity may move."""
    known = load_records(edit.connection, record_ids)
    found: dict[int, str | None] = {each.id: each.ci_id for each in known}
    for part in parts(sorted({each.ci_id for each in known if each.ci_id is not None})):
        query = select(source_record.c.id, source_record.c.ci_id).where(source_record.c.ci_id.in_(part)).limit(RECORDS_KEPT)
        found |= {row.id: row.ci_id for row in edit.connection.execute(query)}
    return found


def _keep_apart(edit: Edit, made: Made, chosen: Sequence[str]) -> tuple[dict[int, str | None], tuple[int, ...], set[str]]:
    """One word for each pair of records of different CIs; where one CI has no record, that people decided on both says it.

    What the places were, the constraints' ids, the CIs touched.
    """
    if len(chosen) < 2:
        raise ConflictError("the members of the case are one CI already", code="not-two")
    records = independent_records(edit.connection, chosen)
    named = {ci_id: each[:MEMBERS_LIMIT] for ci_id, each in records.items()}
    places = _places(edit, [record_id for each in named.values() for record_id in each])
    pairs = [pair for one, other in combinations(chosen, 2) for pair in product(named[one], named[other])]
    if len(pairs) > PAIRS_LIMIT:
        raise InputError(f"the case keeps {len(pairs)} pairs of records apart; decide on two CIs at a time", path="members")
    if not all(named.values()):
        update_rows(edit.connection, ci, [{"id": each, "has_decisions": True} for each in chosen])
    rows = [{"kind": "cannot_link", "left_record_id": left, "right_record_id": right} for left, right in pairs]
    ids: tuple[int, ...] = ()
    if rows:
        statement = insert(identity_constraint).returning(identity_constraint.c.id)
        shared = {"decision_id": made.id, "created_at": edit.now}
        ids = tuple(edit.connection.execute(statement, [{**row, **shared} for row in rows]).scalars())
    return places, ids, _identify(edit, {record_id for each in named.values() for record_id in each})


def _release(edit: Edit, made: Made, row: Any) -> tuple[dict[str, Any], set[str]]:
    """What a person lets through, as undo needs it, and the CIs touched."""
    evidence: dict[str, Any] = decode(row.evidence) or {}
    if row.kind == "quarantine":
        return _trust(edit, made, row, evidence)
    _let_loss_through(edit, evidence)
    return {}, set()


def _trust(edit: Edit, made: Made, row: Any, evidence: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The value identifies again, whoever holds it."""
    key = (str(evidence["identifier"]), str(evidence["scope"]), str(evidence["value"]))
    words = dict(zip(("kind", "scope", "value"), key, strict=True))
    insert_missing(edit.connection, trusted_value, [{**words, "decision_id": made.id}])
    release_values(edit.connection, [key])
    members = list(edit.connection.execute(select(case_member.c.record_id).where(case_member.c.case_id == row.id)).scalars())
    places = _places(edit, members)
    return {"trusted": list(key), "places_before": {str(each): ci_id for each, ci_id in places.items()}}, _identify(edit, set(members))


def _let_loss_through(edit: Edit, evidence: Mapping[str, Any]) -> None:
    """The section's next whole report counts its loss; its digest is forgotten, so that the source sends it."""
    kind, name, instance = [*str(evidence.get("source", "")).split("/", 2), "", "", ""][:3]
    of_source = select(source.c.id).where(source.c.kind == kind, source.c.name == name, source.c.instance == instance).scalar_subquery()
    is_it = section.c.source_id == of_source
    if evidence.get("section") != WHOLE_SOURCE:
        is_it &= section.c.name == str(evidence.get("section", ""))
    values = {"held": False, "held_digest": None, "digest": None, "is_released": True}
    edit.connection.execute(update(section).where(is_it).values(**values))


def _take_back_role(edit: Edit, subject: DecisionSubject) -> set[str]:
    """What a replacement moved beside recorded values goes back."""
    return take_back_role(edit, subject.detail["role_before"]) if "role_before" in subject.detail else set()
