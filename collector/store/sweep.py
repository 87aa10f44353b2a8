"""What time alone changes: sources that went silent, checks that expired, ignored differences and pins that end. Design: docs/storage.md.

Run it in the writer, every few seconds. Each part finds by an index what is due; a tick on which nothing is due reads a few empty ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from collector.reconcile.fact import RecordedChange
from collector.store.change_check import judge_due_changes
from collector.store.check import expire_checks
from collector.store.ci import load_cis
from collector.store.content import decode, load_contents
from collector.store.edit import Context, Edit
from collector.store.kept_value import find_stale
from collector.store.pin import remove_pin
from collector.store.recorded_side import apply_changes, recorded_of
from collector.store.relation_loss import expire_suggestions
from collector.store.schema import difference, pin, section, source_record
from collector.store.settle import settle
from collector.store.statement import parts

AT_ONCE = 500  # sections, checks, pins of one sweep; what is left comes with the next


@dataclass(frozen=True)
class Swept:
    """What changed. `states_changed`: CIs with a new transition, so that services must be evaluated. `is_whole`: nothing due is left."""

    stale_sections: int = 0
    expired_checks: int = 0
    ended_pins: int = 0
    reopened_differences: int = 0
    changed_ci_ids: frozenset[str] = frozenset()
    states_changed: frozenset[str] = frozenset()
    is_whole: bool = True


def sweep(connection: Connection, context: Context, now: int, *, limit: int = AT_ONCE) -> Swept:
    """Apply what is due at `now`, in one transaction."""
    edit = Edit(connection, context, now, "operation", "sweep")
    stale, of_stale = _stale_sections(edit, limit)
    unsaid, of_unsaid = find_stale(edit, limit)
    states_changed = expire_checks(edit, limit)
    pinned = _end_pins(edit, limit)
    waiting = _due_differences(edit, limit)
    expired = expire_suggestions(edit, limit)
    settle(edit, of_stale | of_unsaid | pinned | waiting)
    judged = judge_due_changes(edit, limit)
    return Swept(
        stale_sections=stale,
        expired_checks=len(states_changed),
        ended_pins=len(pinned),
        reopened_differences=len(waiting),
        changed_ci_ids=frozenset(edit.changed_ids),
        states_changed=frozenset(states_changed),
        is_whole=max(stale, unsaid, len(states_changed), len(pinned), len(waiting), expired, judged) < limit,
    )


def _stale_sections(edit: Edit, limit: int) -> tuple[int, set[str]]:
    """Sections whose last word is too old, how many, and the CIs of their records."""
    due = select(section.c.source_id, section.c.name).where(section.c.stale_at <= edit.now).order_by(section.c.stale_at).limit(limit)
    rows = edit.connection.execute(due).all()
    touched: set[str] = set()
    for row in rows:
        is_it = (section.c.source_id == row.source_id) & (section.c.name == row.name)
        edit.connection.execute(update(section).where(is_it).values(stale_at=None))
        held = (source_record.c.source_id == row.source_id) & (source_record.c.section == row.name) & source_record.c.closed_at.is_(None)
        touched.update(edit.connection.execute(select(source_record.c.ci_id).where(held, source_record.c.ci_id.is_not(None))).scalars())
    return len(rows), touched


def _end_pins(edit: Edit, limit: int) -> set[str]:
    rows = edit.connection.execute(select(pin).where(pin.c.expires_at <= edit.now).order_by(pin.c.expires_at).limit(limit)).all()
    for row in rows:
        remove_pin(edit, row.ci_id, row.attribute, decode(row.value))
    _keep_held(edit, rows)
    return {row.ci_id for row in rows}


def _keep_held(edit: Edit, rows: Sequence[Any]) -> None:
    """What was held stays on record where nothing else is recorded, so that what is observed otherwise is asked about."""
    cis = load_cis(edit.connection, {row.ci_id for row in rows})
    load_contents(edit.connection, (each.recorded_hash for each in cis.values()), edit.contents)
    changes = []
    for row in rows:
        ci = cis[row.ci_id]
        attribute = edit.class_of(ci.ci_class).attributes.get(row.attribute)
        if attribute is not None and attribute.mode in ("governed", "mixed") and row.attribute not in recorded_of(edit, ci):
            changes.append(RecordedChange(ci.id, row.attribute, None, decode(row.value), had_old=False))
    if changes:
        apply_changes(edit, changes, {}, by_person=False)


def _due_differences(edit: Edit, limit: int) -> set[str]:
    """The CIs of differences that only time changes: an ignore ends, or a flapping one has been quiet."""
    due = select(difference.c.id, difference.c.ci_id).where(difference.c.next_at <= edit.now).order_by(difference.c.next_at).limit(limit)
    rows = edit.connection.execute(due).all()
    for part in parts([row.id for row in rows]):
        edit.connection.execute(update(difference).where(difference.c.id.in_(part)).values(next_at=None))
    return {row.ci_id for row in rows}
