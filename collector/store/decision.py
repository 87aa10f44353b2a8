"""Decisions of people: on differences singly and in bulk, and on cases of identity. Each is one transaction in the writer.

Who, when and why stand in `decision` and in the audit trail, with all that `undo_decision` needs. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from collector.reconcile.compare import value_token
from collector.reconcile.decide import RECORDED, Verdict, accept, ignore, link, reject, undo
from collector.reconcile.difference import StoredDifference
from collector.reconcile.lifecycle import ACTIVE_STATES
from collector.store.case_decision import adopt_suggestion, resolve_case, take_back_identity
from collector.store.ci import load_cis
from collector.store.content import encode, load_contents
from collector.store.edit import Context, Edit
from collector.store.filter import compile_text
from collector.store.identifier import new_id
from collector.store.imported_row import take_back_import
from collector.store.past import correct_back, keep_changes
from collector.store.pin import take_back_pin
from collector.store.read_difference import FIELDS
from collector.store.recorded import take_back_tags
from collector.store.recorded_relation import take_back_relations
from collector.store.recorded_side import CLASS, SideChange, apply_changes, changes_of, load_families, load_family_ids, recorded_of
from collector.store.schema import ci, decision, difference
from collector.store.settle import settle
from collector.store.statement import parts, update_rows
from collector.store.stored_change import load_document
from collector.store.stored_difference import load_by_ids
from collector.store.tombstone import take_back_deletion
from collector.store.unmerge import unmerge
from collector.store.verdict import DecisionSubject, DifferenceBefore, Made, carry_out, save_decision
from muster.errors import ConflictError, InputError, NotFoundError, quote
from muster.model.state import Lifecycle

__all__ = [
    "Choice", "accept_differences", "adopt_suggestion", "choose", "ignore_differences", "link_differences", "reject_differences", "resolve_case",
    "undo_decision",
]  # fmt: skip

AT_ONCE = 10_000
_subject = msgspec.msgpack.Decoder(DecisionSubject)


class Choice(msgspec.Struct, frozen=True):
    """Which differences. `tokens`: id to the `observed_token` that was seen with it (None: whatever is observed now); `group`: every
    open one of this group key beside them; `query`: every open one that a query of the review queue finds.
    """

    tokens: Mapping[str, str | None] = {}
    group: str | None = None
    query: str = ""


def accept_differences(connection: Connection, context: Context, choice: Choice, *, actor: str, now: int, reason: str = "") -> str:
    """Recorded becomes what is observed; the decision's id.

    Raises NotFoundError, ConflictError (`observed-moved` with the value now seen, `already-decided`): then nothing is accepted.
    """
    edit, made = _begin(connection, context, "accept", actor, reason, now=now)
    chosen = choose(edit, choice)
    whole = {each.ci_id for each in chosen if each.kind == "new_ci"}
    families = load_families(edit, whole)

    def decide(each: StoredDifference) -> Verdict:
        """A new CI takes its contents with it, but for those that are decided on by themselves."""
        family = families[each.ci_id] if each.kind == "new_ci" else []
        return accept(each, choice.tokens.get(each.id), [content for content in family if content.ci_id == each.ci_id or content.ci_id not in whole])

    return _decide(edit, made, chosen, decide)


def reject_differences(connection: Connection, context: Context, choice: Choice, *, actor: str, now: int, reason: str = "") -> str:
    """Observed is wrong or was not authorised: it stays in sight until the world agrees; the decision's id. Raises as accepting does."""
    edit, made = _begin(connection, context, "reject", actor, reason, now=now)
    chosen = choose(edit, choice)
    _check_tokens(chosen, choice)
    return _decide(edit, made, chosen, reject)


def ignore_differences(connection: Connection, context: Context, choice: Choice, *, actor: str, now: int, until: int | None, reason: str = "") -> str:
    """Not now: silent until an instant (None: until it goes away by itself); the decision's id. Raises as accepting does."""
    edit, made = _begin(connection, context, "ignore", actor, reason, now=now)
    chosen = choose(edit, choice)
    _check_tokens(chosen, choice)
    return _decide(edit, made, chosen, lambda each: ignore(each, until, now))


def undo_decision(connection: Connection, context: Context, decision_id: str, *, actor: str, now: int, reason: str = "") -> str:
    """Take a decision back whole; the id of the undoing one.

    Raises NotFoundError, ConflictError (`already-undone`; `recorded-moved` where a later decision changed the same value).
    """
    row = connection.execute(select(decision).where(decision.c.id == decision_id)).first()
    if row is None:
        raise NotFoundError(f"no decision {quote(decision_id)}")
    if row.undone_by is not None or row.kind == "undo":
        raise ConflictError(f"decision {decision_id} is taken back already or is itself an undo; decide anew instead", code="already-undone")
    if row.kind == "baseline":
        raise ConflictError(f"decision {decision_id} took a baseline, which stays as it is; take another", code="immutable")
    if row.kind in ("merge", "unmerge", "split", "adopt"):
        return unmerge(connection, context, decision_id, actor=actor, now=now, reason=reason)
    if row.kind == "delete":
        return _undelete(connection, context, row, actor=actor, now=now, reason=reason)
    subject = _subject.decode(row.subject)
    edit, made = _begin(connection, context, "undo", actor, reason, now=now)
    sides = _take_back_sides(edit, subject.sides)
    touched = {each.ci_id for each in sides} | _restore(edit, row, subject.differences)
    touched |= take_back_identity(edit, subject) | take_back_pin(edit, subject) | take_back_tags(edit, subject) | take_back_import(edit, subject)
    touched |= take_back_relations(edit, made.id, subject.relations)
    correct_back(edit, row.at)
    save_decision(edit, made, DecisionSubject(sides=tuple(sides)), undoes=decision_id)
    connection.execute(update(decision).where(decision.c.id == decision_id).values(undone_by=made.id))
    whole = {change.ci_id for change in sides if change.before.is_recorded != change.after.is_recorded}
    settle(edit, touched | load_family_ids(edit, whole))
    return made.id


def _undelete(connection: Connection, context: Context, row: Any, *, actor: str, now: int, reason: str) -> str:
    made = take_back_deletion(connection, context, row, actor=actor, now=now, reason=reason)
    connection.execute(update(decision).where(decision.c.id == row.id).values(undone_by=made))
    return made


def _begin(connection: Connection, context: Context, kind: str, actor: str, reason: str, *, now: int) -> tuple[Edit, Made]:
    made = Made(new_id(now), kind, actor, reason)  # type: ignore[arg-type]  # one of its words
    return Edit(connection, context, now, "decision", made.id), made


def link_differences(connection: Connection, context: Context, choice: Choice, *, actor: str, now: int, change_id: str, reason: str = "") -> str:
    """They belong to a change: no longer unauthorised, and of its group; the decision's id. Raises as accepting does."""
    load_document(connection, change_id)
    edit, made = _begin(connection, context, "link", actor, reason, now=now)
    chosen = choose(edit, choice)
    _check_tokens(chosen, choice)
    carry_out(edit, made, [(each, link(each, change_id)) for each in chosen], detail={"change": change_id})
    settle(edit, ())
    return made.id


def choose(edit: Edit, choice: Choice) -> list[StoredDifference]:
    """The differences of a choice, in the order of opening. Raises InputError for none or too many, NotFoundError."""
    ids = set(choice.tokens)
    if choice.query:
        condition = compile_text(choice.query, edit.context.catalogue, edit.now, FIELDS) & (difference.c.state == "open")
        joined = difference.join(ci, ci.c.id == difference.c.ci_id)
        ids.update(edit.connection.execute(select(difference.c.id).select_from(joined).where(condition).limit(AT_ONCE + 1)).scalars())
    if choice.group is not None:
        query = select(difference.c.id).where(difference.c.group_key == choice.group, difference.c.state == "open")
        ids.update(edit.connection.execute(query.limit(AT_ONCE + 1)).scalars())
    if not ids:
        if choice.group is None and not choice.query:
            raise InputError("nothing is chosen; name differences, a group or a query", path="$")
        raise NotFoundError(f"no open difference of {quote(choice.group or choice.query)}; see `muster difference list`")
    if len(ids) > AT_ONCE:
        raise InputError(f"more than {AT_ONCE} differences at once; decide on a part of them first", path="$")
    return load_by_ids(edit, ids)


def _check_tokens(chosen: Iterable[StoredDifference], choice: Choice) -> None:
    for each in chosen:
        token = choice.tokens.get(each.id)
        if token is not None and token != value_token(each.observed):
            message = f"difference {each.id}: observed is now {quote(each.observed)}; look at it and decide again"
            raise ConflictError(message, code="observed-moved", current=each.observed)


def _decide(edit: Edit, made: Made, chosen: Iterable[StoredDifference], decide: Callable[[StoredDifference], Verdict]) -> str:
    touched = carry_out(edit, made, [(each, decide(each)) for each in chosen])
    settle(edit, touched if made.kind == "accept" else ())  # nothing else writes on record
    return made.id


def _restore(edit: Edit, undone: Any, differences: Iterable[DifferenceBefore]) -> set[str]:
    """Differences as they were before the decision, unless something newer is said of them or of their subject."""
    known = {each.id: each for each in differences}
    rows: list[Any] = []
    for part in parts(sorted(known)):
        rows += edit.connection.execute(select(difference).where(difference.c.id.in_(part), difference.c.decision_id == undone.id)).all()
    newer = _load_active(edit, {row.ci_id for row in rows})
    restored = [row for row in rows if newer.get((row.ci_id, row.kind, row.attribute), row.id) == row.id]
    for decision_id in {known[row.id].decision_id for row in restored}:
        changes = [(row.id, row.state, known[row.id].state) for row in restored if known[row.id].decision_id == decision_id]
        keep_changes(edit, changes, valid_from=undone.at, decision_id=decision_id)
    update_rows(edit.connection, difference, [_before_row(row, known[row.id]) for row in restored])
    return {row.ci_id for row in rows}


def _load_active(edit: Edit, ci_ids: Iterable[str]) -> dict[tuple[str, str, str], str]:
    """The difference of each subject that is not closed."""
    found: dict[tuple[str, str, str], str] = {}
    columns = (difference.c.ci_id, difference.c.kind, difference.c.attribute, difference.c.id)
    for part in parts(sorted(ci_ids)):
        query = select(*columns).where(difference.c.ci_id.in_(part), difference.c.state.in_(sorted(ACTIVE_STATES)))
        found |= {(row.ci_id, row.kind, row.attribute): row.id for row in edit.connection.execute(query)}
    return found


def _before_row(row: Any, before: DifferenceBefore) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": before.state,
        "decision_id": before.decision_id,
        "ignore_until": before.ignore_until,
        "next_at": before.ignore_until,
        "rejected_values": encode(before.rejected_values) if before.rejected_values else None,
        "change_id": before.change_id,
        "is_unauthorised": before.is_unauthorised,
        "group_key": before.group_key or row.group_key,
        "closed_at": None,
        "version": row.version + 1,
    }


def _take_back_sides(edit: Edit, sides: Iterable[SideChange]) -> list[SideChange]:
    known = list(sides)
    if not known:
        return []
    load_contents(edit.connection, (key for each in known for key in (each.before.recorded_hash, each.after.recorded_hash)), edit.contents)
    current: dict[tuple[str, str], object] = {}
    for row in load_cis(edit.connection, (each.ci_id for each in known)).values():
        current |= {(row.id, name): value for name, value in recorded_of(edit, row).items()}
        current |= {(row.id, RECORDED): row.is_recorded, (row.id, CLASS): row.recorded_class}
    changes = [change for each in known for change in changes_of(edit, each)]
    lifecycles: dict[str, Lifecycle] = {each.ci_id: each.before.lifecycle for each in known if each.before.lifecycle != each.after.lifecycle}
    return apply_changes(edit, undo(changes, current), lifecycles)
