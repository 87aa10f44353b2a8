"""A person's decision on differences as policy lets it: with a reason where one is asked for, and with a second person where one must confirm.

What needs a second person waits, whole, and is carried out when somebody else confirms it. Design: docs/policies.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, insert, select, update

from collector.reconcile.authorise import PolicySet, Requirement, find_requirements
from collector.reconcile.compare import value_token
from collector.reconcile.difference import DifferenceSeed, StoredDifference
from collector.store import audit_chain
from collector.store.ci import load_cis
from collector.store.ci_facts import facts_of
from collector.store.content import load_contents
from collector.store.decision import (
    Choice,
    accept_differences,
    choose,
    ignore_differences,
    link_differences,
    reject_differences,
)
from collector.store.edit import Context, Edit
from collector.store.identifier import new_id
from collector.store.policy_set import load_policies
from collector.store.schema import difference, waiting_decision
from collector.store.statement import parts
from muster.errors import ConflictError, InputError, NotFoundError, quote

ReviewKind = Literal["accept", "reject", "ignore", "link"]
AUDITED = 100


class ReviewWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants. `until`: of an ignore; `change_id`: of a link."""

    kind: ReviewKind
    choice: Choice
    reason: str = ""
    until: int | None = None
    change_id: str | None = None


class Reviewed(msgspec.Struct, frozen=True):
    """What came of it: a decision, or one that waits for a second person."""

    decision_id: str | None = None
    waiting_id: str | None = None


class _Terms(msgspec.Struct, frozen=True):
    """A waiting decision as it is kept: the differences with the values that the first person saw."""

    tokens: dict[str, str | None]
    until: int | None = None
    change_id: str | None = None


_terms = msgspec.msgpack.Decoder(_Terms)


def review_differences(connection: Connection, context: Context, wish: ReviewWish, *, actor: str, now: int) -> Reviewed:
    """Decide, or wait for a second person; deciding the same on what waits, as another person, confirms it.

    Raises NotFoundError, InputError (`$.reason` where a policy asks for one), ConflictError (`observed-moved`, `already-decided`,
    `second-person` where the same person would confirm, `waits` where something else waits).
    """
    policies = load_policies(connection, context)
    edit = Edit(connection, context, now, "decision", "review")
    chosen = choose(edit, wish.choice)
    waiting = {each.waiting_id for each in chosen if each.waiting_id is not None}
    if waiting:
        return Reviewed(decision_id=_confirm_same(connection, context, wish, chosen, actor=actor, now=now))
    needed = find_needs(edit, policies, chosen)
    for rule in needed:
        if rule.reason and not wish.reason.strip():
            raise InputError(f"policy {rule.id!r} asks for a reason; say why", path="$.reason")
    second = next((rule for rule in needed if rule.second_person), None)
    if second is not None:
        return Reviewed(waiting_id=_wait(edit, wish, chosen, second, actor=actor))
    tokens = {each.id: wish.choice.tokens.get(each.id) for each in chosen}
    return Reviewed(decision_id=carry_out_review(connection, context, wish, tokens, actor=actor, now=now))


def carry_out_review(connection: Connection, context: Context, wish: ReviewWish, tokens: Mapping[str, str | None], *, actor: str, now: int) -> str:
    """The decision itself; its id."""
    choice, terms = Choice(tokens), {"actor": actor, "now": now}
    match wish.kind:
        case "accept":
            return accept_differences(connection, context, choice, reason=wish.reason, **terms)  # type: ignore[arg-type]  # an actor and an instant
        case "reject":
            return reject_differences(connection, context, choice, reason=wish.reason, **terms)  # type: ignore[arg-type]  # as above
        case "ignore":
            return ignore_differences(connection, context, choice, until=wish.until, reason=wish.reason, **terms)  # type: ignore[arg-type]  # as above
        case "link":
            if not wish.change_id:
                raise InputError("name the change to link it to", path="$.change")
            return link_differences(connection, context, choice, change_id=wish.change_id, reason=wish.reason, **terms)  # type: ignore[arg-type]  # as above


def find_needs(edit: Edit, policies: PolicySet, chosen: Sequence[StoredDifference]) -> list[Requirement]:
    """The requirements that hold for any of these differences, in the order of the files."""
    if not policies.requirements:
        return []
    cis = load_cis(edit.connection, {each.ci_id for each in chosen})
    load_contents(edit.connection, (key for each in cis.values() for key in (each.effective_hash, each.recorded_hash)), edit.contents)
    found: dict[str, Requirement] = {}
    for each in chosen:
        ci = cis[each.ci_id]
        effective, recorded = (edit.contents.get(key or b"", {}) for key in (ci.effective_hash, ci.recorded_hash))
        seed = DifferenceSeed(ci_id=each.ci_id, kind=each.kind, attribute=each.attribute, recorded=each.recorded, observed=each.observed)
        facts = facts_of(edit.context.catalogue, ci, recorded, effective)
        found |= {rule.id: rule for rule in find_requirements(policies, seed, facts, edit.now)}
    return [rule for rule in policies.requirements if rule.id in found]


def _wait(edit: Edit, wish: ReviewWish, chosen: Sequence[StoredDifference], rule: Requirement, *, actor: str) -> str:
    for each in chosen:
        token = wish.choice.tokens.get(each.id)
        if token is not None and token != value_token(each.observed):
            message = f"difference {each.id}: observed is now {quote(each.observed)}; look at it and decide again"
            raise ConflictError(message, code="observed-moved", current=each.observed)
    waiting_id = new_id(edit.now)
    terms = _Terms({each.id: value_token(each.observed) for each in chosen}, wish.until, wish.change_id)
    edit.connection.execute(
        insert(waiting_decision).values(
            id=waiting_id,
            kind=wish.kind,
            made_by=actor,
            reason=wish.reason,
            at=edit.now,
            state="waiting",
            requirement=rule.id,
            terms=msgspec.msgpack.encode(terms),
        )
    )
    _mark(edit.connection, terms.tokens, waiting_id)
    _audit(edit.connection, edit.now, actor, "waiting", waiting_id, detail={"kind": wish.kind, "requirement": rule.id, **_told(terms)})
    return waiting_id


def _mark(connection: Connection, ids: Collection[str], waiting_id: str | None) -> None:
    for part in parts(sorted(ids)):
        values = {"waiting_id": waiting_id, "version": difference.c.version + 1}
        connection.execute(update(difference).where(difference.c.id.in_(part)).values(**values))


def _confirm_same(connection: Connection, context: Context, wish: ReviewWish, chosen: Sequence[StoredDifference], *, actor: str, now: int) -> str:
    """The second person decides the same on all that waits together. Raises ConflictError for anything else."""
    (waiting_id, *others) = sorted({each.waiting_id or "" for each in chosen})
    row = _load(connection, waiting_id) if waiting_id and not others else None
    if row is None or row.kind != wish.kind or _terms.decode(row.terms).tokens.keys() != {each.id for each in chosen}:
        raise ConflictError("another decision on it waits for a second person; confirm or withdraw that one first", code="waits", current=waiting_id)
    return confirm_decision(connection, context, waiting_id, actor=actor, now=now)


def confirm_decision(connection: Connection, context: Context, waiting_id: str, *, actor: str, now: int) -> str:
    """The second person's word: the decision is carried out as the first one meant it; its id.

    Raises NotFoundError, ConflictError (`second-person`, `already-decided`, `observed-moved` where a value moved since).
    """
    row = _load(connection, waiting_id)
    if row.made_by == actor:
        raise ConflictError("you decided this yourself; another person must confirm it", code="second-person", current=row.made_by)
    terms = _terms.decode(row.terms)
    told = f"confirmed by {actor.removeprefix('person:')}"
    wish = ReviewWish(
        kind=row.kind, choice=Choice(), reason=f"{row.reason} ({told})" if row.reason else told, until=terms.until, change_id=terms.change_id
    )
    _mark(connection, terms.tokens, None)
    decision_id = carry_out_review(connection, context, wish, terms.tokens, actor=row.made_by, now=now)
    _close(connection, waiting_id, "confirmed", actor, now)
    _audit(connection, now, actor, "confirmed", waiting_id, detail={"decision": decision_id, **_told(terms)})
    return decision_id


def withdraw_decision(connection: Connection, waiting_id: str, *, actor: str, now: int) -> None:
    """It is not decided after all. Raises NotFoundError, ConflictError (`already-decided`)."""
    row = _load(connection, waiting_id)
    terms = _terms.decode(row.terms)
    _mark(connection, terms.tokens, None)
    _close(connection, waiting_id, "withdrawn", actor, now)
    _audit(connection, now, actor, "withdrawn", waiting_id, detail=_told(terms))


def _load(connection: Connection, waiting_id: str) -> Any:
    row = connection.execute(select(waiting_decision).where(waiting_decision.c.id == waiting_id)).first()
    if row is None:
        raise NotFoundError(f"no decision {quote(waiting_id)} waits for a second person")
    if row.state != "waiting":
        raise ConflictError(f"decision {waiting_id} was {row.state} already", code="already-decided", current=row.state)
    return row


def _close(connection: Connection, waiting_id: str, state: str, actor: str, now: int) -> None:
    values = {"state": state, "decided_by": actor, "decided_at": now}
    connection.execute(update(waiting_decision).where(waiting_decision.c.id == waiting_id).values(**values))


def _told(terms: _Terms) -> dict[str, Any]:
    return {"differences": sorted(terms.tokens)[:AUDITED], "difference_count": len(terms.tokens)}


def _audit(connection: Connection, now: int, actor: str, word: str, waiting_id: str, *, detail: dict[str, Any]) -> None:
    audit_chain.append(connection, now, actor=actor, action=f"decision.{word}", subject=waiting_id, detail=detail)
