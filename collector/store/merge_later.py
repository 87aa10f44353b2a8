"""What people, and the world, made of a CI between a merge and the un-merge: listed, so that a person says whose it is.

By default it stays with, or goes to, the side whose source supplied the evidence; where none did, with the survivor. Design: docs/merges.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from collector.reconcile.decide import RECORDED
from collector.reconcile.fact import RecordedChange
from collector.store.ci import load_cis
from collector.store.content import decode, encode, load_contents
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.identifier import new_id
from collector.store.merge_move import Returned
from collector.store.merge_side import load_exact, load_pins
from collector.store.pin import remove_pin
from collector.store.recorded_side import SideChange, apply_changes, changes_of, recorded_of
from collector.store.schema import decision, difference, history, incident, made_later, pin, relation, source_record, transition
from collector.store.settle import settle
from collector.store.statement import insert_or_replace, parts
from collector.store.verdict import DecisionSubject, Made, mark_decided, save_decision
from muster.errors import ConflictError, NotFoundError, quote

KINDS = ("record", "recorded", "pin", "relation", "incident")
LISTED = 1_000  # of one un-merge
_subject = msgspec.msgpack.Decoder(DecisionSubject)
_MERGING = ("merge", "adopt", "unmerge", "split", "assign")


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """One thing made after the merge. `ci_id`: whose it is, `other_ci_id`: whose else it may be."""

    kind: str
    row_key: str
    made_at: int
    ci_id: str
    other_ci_id: str
    summary: dict[str, Any] = {}


def note_made_later(edit: Edit, unmerge_id: str, since: int, returned: Returned, tops: Mapping[str, str]) -> set[str]:
    """List what was made since, and give decisions on evidence of a restored CI's own source to that CI. `tops`: restored CI to the
    survivor. The CIs touched."""
    found: list[Later] = []
    touched: set[str] = set()
    for restored, holder in sorted(tops.items()):
        found += _records(edit, since, returned, restored, holder)
        found += _pins(edit, since, restored, holder)
        found += _relations(edit, since, restored, holder)
        found += _incidents(edit, since, restored, holder)
    for restored, holder in sorted(returned.redirects.items()):
        own = _decisions(edit, since, restored, holder)
        for each in own:
            if each.ci_id == restored:
                touched |= _give_recorded(edit, each.row_key, holder, restored)
        found += own
    rows = [{**msgspec.structs.asdict(each), "summary": encode(each.summary), "decision_id": unmerge_id, "assigned_by": None} for each in found]
    if rows:
        edit.connection.execute(insert(made_later), sorted(rows[:LISTED], key=lambda row: (row["made_at"], row["kind"], row["row_key"])))
    return touched


def _records(edit: Edit, since: int, returned: Returned, restored: str, holder: str) -> list[Later]:
    """Records that the rules linked since; where they are now is where their identifiers say."""
    columns = (source_record.c.id, source_record.c.ref, source_record.c.first_seen_at, source_record.c.ci_id)
    is_it = source_record.c.ci_id.in_([restored, holder]) & source_record.c.owner_record_id.is_(None) & (source_record.c.first_seen_at > since)
    rows = edit.connection.execute(select(*columns).where(is_it)).all()
    return [
        Later(kind="record", row_key=str(row.id), made_at=row.first_seen_at, summary={"ref": row.ref}, **_sides(row.ci_id, restored, holder))
        for row in rows
        if row.id not in returned.records
    ]


def _sides(ci_id: str, restored: str, holder: str) -> dict[str, str]:
    return {"ci_id": ci_id, "other_ci_id": holder if ci_id == restored else restored}


def _decisions(edit: Edit, since: int, restored: str, holder: str) -> list[Later]:
    """Decisions on the survivor's recorded side."""
    is_it = (history.c.ci_id == holder) & history.c.layer.in_(("recorded", "lifecycle")) & (history.c.known_from >= since)
    query = select(history.c.cause_id).where(is_it, history.c.cause_kind == "decision", history.c.cause_id != edit.cause_id).distinct()
    causes = sorted(edit.connection.execute(query).scalars())
    rows: list[Any] = []
    for part in parts(causes):
        made = select(decision).where(decision.c.id.in_(part), decision.c.kind.not_in((*_MERGING, "undo", "pin")), decision.c.undone_by.is_(None))
        rows += edit.connection.execute(made).all()
    found = []
    for row in rows:
        whose = restored if _is_evidence_of(edit, row.id, restored, holder) else holder
        summary = {"kind": row.kind, "by": row.made_by, "reason": row.reason}
        found.append(Later(kind="recorded", row_key=row.id, made_at=row.at, summary=summary, **_sides(whose, restored, holder)))
    return found


def _is_evidence_of(edit: Edit, decision_id: str, restored: str, holder: str) -> bool:
    """Whether what was accepted is what a source of the restored CI alone had seen."""
    sources = {
        each for each in edit.connection.execute(select(difference.c.source_id).where(difference.c.decision_id == decision_id)).scalars() if each
    }
    if not sources:
        return False
    query = select(source_record.c.source_id, source_record.c.ci_id).where(source_record.c.ci_id.in_([restored, holder]))
    seen: dict[str, set[int]] = {restored: set(), holder: set()}
    for source_id, ci_id in edit.connection.execute(query):
        seen[ci_id].add(source_id)
    return sources <= seen[restored] - seen[holder]


def _pins(edit: Edit, since: int, restored: str, holder: str) -> list[Later]:
    pins = load_pins(edit.connection, [holder]).get(holder, {})
    made = {each["decision_id"]: name for name, each in pins.items()}
    found = []
    for part in parts(sorted(made)):
        for row in edit.connection.execute(select(decision.c.id, decision.c.at).where(decision.c.id.in_(part), decision.c.at > since)):
            name = made[row.id]
            summary = {"attribute": name, "owner": pins[name]["owner"]}
            found.append(Later(kind="pin", row_key=name, made_at=row.at, summary=summary, **_sides(holder, restored, holder)))
    return found


def _relations(edit: Edit, since: int, restored: str, holder: str) -> list[Later]:
    touches = (relation.c.from_ci_id == holder) | (relation.c.to_ci_id == holder)
    is_it = touches & (relation.c.side == "recorded") & (relation.c.valid_from > since) & relation.c.valid_to.is_(None)
    rows = edit.connection.execute(select(relation.c.id, relation.c.type, relation.c.valid_from).where(is_it)).all()
    return [
        Later(kind="relation", row_key=str(row.id), made_at=row.valid_from, summary={"type": row.type}, **_sides(holder, restored, holder))
        for row in rows
    ]


def _incidents(edit: Edit, since: int, restored: str, holder: str) -> list[Later]:
    """An incident belongs to the CI whose check told its beginning."""
    columns = (incident.c.id, incident.c.number, incident.c.started_at, incident.c.detected_at)
    rows = edit.connection.execute(select(*columns).where(incident.c.ci_id == holder, incident.c.detected_at > since)).all()
    found = []
    for row in rows:
        began = select(transition.c.ci_id).where(transition.c.ci_id.in_([restored, holder]), transition.c.at == row.started_at)
        told = set(edit.connection.execute(began).scalars())
        whose = restored if told == {restored} else holder
        if whose == restored:
            edit.connection.execute(update(incident).where(incident.c.id == row.id).values(ci_id=restored))
        found.append(
            Later(kind="incident", row_key=row.id, made_at=row.detected_at, summary={"number": row.number}, **_sides(whose, restored, holder))
        )
    return found


def assign_later(connection: Connection, context: Context, item_id: int, ci_key: str, *, actor: str, now: int, reason: str = "") -> str:
    """Say whose something made after a merge is; the decision's id. Raises NotFoundError, ConflictError (`already-decided`, `not-a-side`)."""
    row = connection.execute(select(made_later).where(made_later.c.id == item_id)).first()
    if row is None:
        raise NotFoundError(f"nothing made after a merge has the number {quote(item_id)}")
    target = load_exact(connection, ci_key)
    if target.id not in (row.ci_id, row.other_ci_id):
        raise ConflictError(f"{target.name} (#{target.number}) is neither of the two CIs that were one", code="not-a-side")
    if row.assigned_by is not None:
        raise ConflictError("it is assigned already", code="already-decided", current=row.ci_id)
    made = Made(new_id(now), "assign", actor, reason)
    edit = Edit(connection, context, now, "decision", made.id)
    touched = _move(edit, row, target.id) if target.id != row.ci_id else set()
    values = {"ci_id": target.id, "other_ci_id": row.other_ci_id if target.id == row.ci_id else row.ci_id, "assigned_by": made.id}
    connection.execute(update(made_later).where(made_later.c.id == item_id).values(**values))
    save_decision(edit, made, DecisionSubject(detail={"kind": row.kind, "row": row.row_key, "ci": target.id}))
    mark_decided(edit, {target.id})
    settle(edit, {*touched, target.id})
    return made.id


def _move(edit: Edit, row: Any, target: str) -> set[str]:
    if row.kind == "recorded":
        return _give_recorded(edit, row.row_key, row.ci_id, target)
    if row.kind == "pin":
        held = load_pins(edit.connection, [row.ci_id]).get(row.ci_id, {}).get(row.row_key)
        if held is not None:
            remove_pin(edit, row.ci_id, row.row_key, decode(held["value"]))
            insert_or_replace(edit.connection, pin, [{"ci_id": target, "attribute": row.row_key, **held}])
            edit.note(target, "recorded", f"pin.{row.row_key}", NO_VALUE, decode(held["value"]))
    elif row.kind == "relation":
        for column in (relation.c.from_ci_id, relation.c.to_ci_id):
            is_it = (relation.c.id == int(row.row_key)) & (column == row.ci_id)
            edit.connection.execute(update(relation).where(is_it).values({column.name: target}))
    elif row.kind == "incident":
        edit.connection.execute(update(incident).where(incident.c.id == row.row_key).values(ci_id=target))
    else:
        raise ConflictError("a record is where its identifiers say; merge or split the CIs to move it", code="not-assignable")
    return {row.ci_id, target}


def _give_recorded(edit: Edit, decision_id: str, holder: str, target: str) -> set[str]:
    """What a decision put on record of one CI goes to the other, as far as it still stands."""
    row = edit.connection.execute(select(decision).where(decision.c.id == decision_id)).one()
    sides: Sequence[SideChange] = [each for each in _subject.decode(row.subject).sides if each.ci_id == holder]
    load_contents(edit.connection, [key for each in sides for key in (each.before.recorded_hash, each.after.recorded_hash)], edit.contents)
    rows = load_cis(edit.connection, [holder, target])
    now, then = recorded_of(edit, rows[holder]), recorded_of(edit, rows[target])
    moved: list[RecordedChange] = []
    for change in [each for side in sides for each in changes_of(edit, side) if each.attribute not in (RECORDED, "class") and each.has_new]:
        if change.attribute in now and encode(now[change.attribute]) == encode(change.new_value):
            moved.append(change.inverse())
            moved.append(RecordedChange(target, change.attribute, then.get(change.attribute), change.new_value, had_old=change.attribute in then))
    if moved and not rows[target].is_recorded:
        moved.append(RecordedChange(target, RECORDED, old_value=False, new_value=True, had_old=True))
    apply_changes(edit, moved, {})
    return {holder, target}
