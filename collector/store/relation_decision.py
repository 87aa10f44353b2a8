"""Relations that people write on record by hand, and take off it. Each is a decision that can be taken back. Design: docs/reconciliation.md."""

from __future__ import annotations

from sqlalchemy import Connection

from collector.store.edit import Context, Edit
from collector.store.identifier import new_id
from collector.store.recorded_relation import RelationWish, check_wish, plan_wish, recorded_ends, write_relations
from collector.store.settle import settle
from collector.store.verdict import DecisionSubject, Made, mark_decided, save_decision
from muster.errors import ConflictError


def relate(connection: Connection, context: Context, wish: RelationWish, *, actor: str, now: int, is_removed: bool = False, reason: str = "") -> str:
    """Put a relation on record, or take it off; the decision's id.

    Raises NotFoundError, InputError with the path, ConflictError (`not-recorded` where an end is not on record, `already-recorded`).
    """
    change = check_wish(connection, context, wish)
    made = Made(new_id(now), "relate", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    ends = {change.from_ci_id, change.to_ci_id}
    missing = ends - recorded_ends(edit, ends)
    if missing and not is_removed:
        raise ConflictError(
            "a relation on record joins what is on record; accept or record both CIs first", code="not-recorded", current=sorted(missing)
        )
    done = write_relations(edit, made.id, plan_wish(edit, change, is_removed=is_removed))
    detail = {"type": wish.type, "from": change.from_ci_id, "to": change.to_ci_id, "is_removed": is_removed}
    save_decision(edit, made, DecisionSubject(relations=tuple(done), detail=detail))
    mark_decided(edit, ends)
    settle(edit, {change.from_ci_id})
    return made.id
