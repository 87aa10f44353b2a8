"""CIs that were deleted: nothing of them counts any more, and what is left says that they were. Design: docs/merges.md.

The row stays for its history and leads to itself, so that an old address still answers; records close and their claims are set aside,
so that the same device, should it report again, is found anew: as observed only, with a pointer to the tombstone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select, update

from collector.store.ci import StoredCi, load_cis
from collector.store.claim import save_recorded_claims
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.merge_before import DifferenceRow, keep_differences, restore_differences, supersede_differences
from collector.store.merge_side import load_exact
from collector.store.past import keep_ends_where
from collector.store.recorded_side import load_family, recorded_of
from collector.store.schema import (
    ci,
    decision,
    identity_claim,
    link_past,
    portable_key,
    recorded_claim,
    relation,
    section,
    source_record,
    tombstone,
)
from collector.store.settle import settle
from collector.store.statement import parts, update_rows
from collector.store.verdict import DecisionSubject, Made, save_decision
from muster.errors import ConflictError
from muster.ports import Deletion

WHY = "deleted"  # of claims that are set aside


def delete_ci(connection: Connection, context: Context, ci_key: str, *, actor: str, now: int, reason: str = "") -> str:
    """Delete a host, a device or a CI on record, with its parts; the decision's id. Raises NotFoundError, ConflictError (`deleted`, `part`,
    `already-merged`)."""
    row = load_exact(connection, ci_key)
    if row.redirect_to is not None:
        code = "deleted" if row.redirect_to == row.id else "already-merged"
        raise ConflictError(f"{row.name} (#{row.number}) is no CI of its own any more", code=code, current=row.redirect_to)
    if row.owner_ci_id is not None:
        raise ConflictError(f"{row.name} is part of another CI and goes with it, or when its source no longer sees it", code="part")
    made = Made(new_id(now), "delete", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    family = load_family(edit, row.id)
    differences = keep_differences(edit, [each.id for each in family])
    supersede_differences(edit, [each.id for each in family])
    records = _close_records(edit, [each.id for each in family])
    _end_relations(edit, [each.id for each in family])
    _bury(edit, made, family)
    told = {"ci": row.id, "number": row.number, "class": row.ci_class, "name": row.name, "created_at": row.created_at, "parts": len(family) - 1}
    save_decision(edit, made, DecisionSubject(detail={**told, "differences_before": differences, "records_before": records}))
    edit.flush()
    return made.id


def _close_records(edit: Edit, ci_ids: Collection[str]) -> list[int]:
    """Records in force close, and their sections are asked for again: what a source repeats must not be taken for what is known."""
    found: list[int] = []
    places: set[tuple[int, str]] = set()
    for part in parts(sorted(ci_ids)):
        is_it = source_record.c.ci_id.in_(part) & source_record.c.closed_at.is_(None)
        for row in edit.connection.execute(select(source_record.c.id, source_record.c.source_id, source_record.c.section).where(is_it)):
            found.append(row.id)
            places.add((row.source_id, row.section))
        held = select(source_record.c.id).where(source_record.c.ci_id.in_(part))
        is_usable = identity_claim.c.record_id.in_(held) & identity_claim.c.state.in_(("active", "historic", "quarantined"))
        edit.connection.execute(update(identity_claim).where(is_usable).values(state="disputed", why=WHY))
        edit.connection.execute(delete(recorded_claim).where(recorded_claim.c.ci_id.in_(part)))
        edit.connection.execute(delete(portable_key).where(portable_key.c.ci_id.in_(part)))
        edit.connection.execute(update(source_record).where(is_it).values(closed_at=edit.now))
    for source_id, name in sorted(places):
        is_it = (section.c.source_id == source_id) & (section.c.name == name)
        edit.connection.execute(update(section).where(is_it).values(digest=None))
    return found


def _end_relations(edit: Edit, ci_ids: Collection[str]) -> None:
    """What people recorded ends; what others see of it waits for the end to appear again."""
    for part in parts(sorted(ci_ids)):
        touches = or_(relation.c.from_ci_id.in_(part), relation.c.to_ci_id.in_(part)) & relation.c.valid_to.is_(None)
        edit.connection.execute(update(relation).where(touches, relation.c.side == "recorded").values(valid_to=edit.now))
        keep_ends_where(edit, touches)
        for column in (relation.c.from_ci_id, relation.c.to_ci_id):
            edit.connection.execute(update(relation).where(column.in_(part), relation.c.valid_to.is_(None)).values({column.name: None}))


def _bury(edit: Edit, made: Made, family: Sequence[StoredCi]) -> None:
    rows = [
        {
            "ci_id": each.id,
            "number": each.number,
            "ci_class": each.ci_class,
            "name": each.name,
            "created_at": each.created_at,
            "deleted_at": edit.now,
            "decision_id": made.id,
        }
        for each in family
    ]
    edit.connection.execute(insert(tombstone), rows)
    for each in family:
        edit.note(each.id, "identity", "deleted", NO_VALUE, made.id)
    update_rows(edit.connection, ci, [{"id": each.id, "redirect_to": each.id, "changed_at": edit.now} for each in family])


def take_back_deletion(connection: Connection, context: Context, row: Any, *, actor: str, now: int, reason: str = "") -> str:
    """A deleted CI is there again, with its parts and what was asked of it; what its sources see now comes with their next reports."""
    subject = msgspec.msgpack.decode(row.subject, type=DecisionSubject)
    made = Made(new_id(now), "undo", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    buried = list(connection.execute(select(tombstone.c.ci_id).where(tombstone.c.decision_id == row.id)).scalars())
    connection.execute(delete(tombstone).where(tombstone.c.decision_id == row.id))
    update_rows(connection, ci, [{"id": each, "redirect_to": None, "changed_at": now} for each in buried])
    _reopen_records(edit, subject.detail["records_before"], buried)
    for each in load_cis(connection, buried).values():
        edit.note(each.id, "identity", "deleted", row.id, NO_VALUE, valid_from=row.at)  # as known from now on it never was
        if each.owner_ci_id is None:
            save_recorded_claims(edit, each.id, each.zone, recorded_of(edit, each))
    restore_differences(edit, msgspec.convert(subject.detail["differences_before"], list[DifferenceRow], strict=False))
    save_decision(edit, made, DecisionSubject(), undoes=row.id)
    settle(edit, set(buried))
    return made.id


def _reopen_records(edit: Edit, record_ids: Iterable[int], buried: Collection[str]) -> None:
    """Records whose refs nothing else has taken meanwhile, and that were not found anew as another CI."""
    other = source_record.alias("other")
    same = (other.c.source_id == source_record.c.source_id) & (other.c.ref == source_record.c.ref) & other.c.closed_at.is_(None)
    for part in parts(sorted(record_ids)):
        is_it = source_record.c.id.in_(part) & source_record.c.ci_id.in_(sorted(buried)) & ~select(other.c.id).where(same).exists()
        back = list(edit.connection.execute(select(source_record.c.id).where(is_it)).scalars())
        edit.connection.execute(update(source_record).where(source_record.c.id.in_(back)).values(closed_at=None))
        is_aside = identity_claim.c.record_id.in_(back) & (identity_claim.c.state == "disputed") & (identity_claim.c.why == WHY)
        ended = identity_claim.c.last_seen_at.is_not(None)
        edit.connection.execute(update(identity_claim).where(is_aside, ended).values(state="historic", why=None))
        edit.connection.execute(update(identity_claim).where(is_aside, ~ended).values(state="active", why=None))


def find_deletion(connection: Connection, ci_id: str) -> Deletion | None:
    """Who deleted a CI, when and why; None: nobody did."""
    query = select(tombstone.c.deleted_at, decision.c.made_by, decision.c.reason, decision.c.id).join(
        decision, decision.c.id == tombstone.c.decision_id
    )
    row = connection.execute(query.where(tombstone.c.ci_id == ci_id)).one_or_none()
    return None if row is None else Deletion(*row)


def find_tombstones(connection: Connection, ci_ids: Collection[str]) -> dict[str, list[str]]:
    """By CI the deleted ones whose records it has now: what it was before somebody deleted it."""
    found: dict[str, list[str]] = {}
    joined = link_past.join(tombstone, tombstone.c.ci_id == link_past.c.ci_id).join(source_record, source_record.c.id == link_past.c.record_id)
    for part in parts(sorted(ci_ids)):
        is_it = source_record.c.ci_id.in_(part) & (source_record.c.ci_id != tombstone.c.ci_id)
        query = select(source_record.c.ci_id, tombstone.c.ci_id, tombstone.c.number).select_from(joined).where(is_it).distinct()
        for ci_id, buried, _ in sorted(connection.execute(query).all(), key=lambda row: (row[0], row[2])):
            found.setdefault(ci_id, []).append(buried)
    return found
