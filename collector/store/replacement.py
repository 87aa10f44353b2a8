"""Same role, new hardware: what says what a CI is for goes to the one that took its place; what says what it is made of stays.

The old CI keeps its serial, its history and its dates; that it should retire is proposed when it is gone, as always. Design:
docs/merges.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update

from collector.reconcile.decide import RECORDED
from collector.reconcile.fact import RecordedChange
from collector.store.ci import StoredCi, load_cis
from collector.store.content import decode
from collector.store.edit import Edit
from collector.store.past import keep_ends
from collector.store.recorded import set_tags
from collector.store.recorded_side import SideChange, apply_changes, recorded_of
from collector.store.schema import relation
from collector.store.statement import update_rows

# Names by which people and services find the role; every recorded-only attribute is of the role too.
ROLE_ATTRIBUTES = ("name", "hostname", "fqdn", "sysname", "location", "description")


@dataclass
class MovedRole:
    """What moved: recorded sides, the CIs touched, and what undo needs beside the sides."""

    sides: list[SideChange] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    detail: dict[str, Any] = field(default_factory=dict)


def move_role(edit: Edit, old_id: str, new_id: str) -> MovedRole:
    """Give the new CI what the old one has on record of its role: names, owner, place, tags and recorded relations."""
    rows = load_cis(edit.connection, [old_id, new_id])
    old, new = rows[old_id], rows[new_id]
    changes = _role_changes(edit, old, new)
    moved = MovedRole(sides=apply_changes(edit, changes, {}) if changes else [], touched={old_id, new_id})
    fresh = load_cis(edit.connection, [new_id])[new_id]
    before: dict[str, str] = decode(fresh.tags) or {}
    tags = {**before, **(decode(old.tags) or {})}
    if tags != before:
        set_tags(edit, fresh, tags)
    relations = _move_relations(edit, old_id, new_id)
    edit.note(old_id, "identity", "replaced_by", None, new_id)
    edit.note(new_id, "identity", "replaces", None, old_id)
    moved.detail = {"old": old_id, "new": new_id, "role_before": {"ci": new_id, "old": old_id, "tags": before, "relations": relations}}
    return moved


def _role_changes(edit: Edit, old: StoredCi, new: StoredCi) -> list[RecordedChange]:
    recorded, known = recorded_of(edit, old), recorded_of(edit, new)
    attributes = edit.class_of(old.ci_class).attributes
    role = [name for name in sorted(recorded) if name in ROLE_ATTRIBUTES or (name in attributes and attributes[name].mode == "recorded_only")]
    found = [
        RecordedChange(new.id, name, known.get(name), recorded[name], had_old=name in known) for name in role if known.get(name) != recorded[name]
    ]
    if old.is_recorded and not new.is_recorded:
        found.insert(0, RecordedChange(new.id, RECORDED, old_value=False, new_value=True, had_old=True))
    return found


def _move_relations(edit: Edit, old_id: str, new_id: str) -> list[tuple[int, str]]:
    """Recorded relations in force get the new CI as their end; (relation, column) of those that moved."""
    moved: list[tuple[int, str]] = []
    for column in (relation.c.from_ci_id, relation.c.to_ci_id):
        is_it = (column == old_id) & (relation.c.side == "recorded") & relation.c.valid_to.is_(None)
        rows = edit.connection.execute(select(relation.c.id, relation.c.from_ci_id, relation.c.to_ci_id).where(is_it)).all()
        keep_ends(edit, [(row.id, row.from_ci_id, row.to_ci_id) for row in rows])
        edit.connection.execute(update(relation).where(is_it).values({column.name: new_id}))
        moved += [(row.id, column.name) for row in rows]
    return moved


def take_back_role(edit: Edit, before: Mapping[str, Any]) -> set[str]:
    """Tags and relations as they were; recorded values go back with the decision. The CIs touched."""
    row = load_cis(edit.connection, [before["ci"]])[before["ci"]]
    if (decode(row.tags) or {}) != before["tags"]:
        set_tags(edit, row, before["tags"])
    rows: Iterable[tuple[int, str]] = before["relations"]
    for relation_id, column in rows:
        ends = edit.connection.execute(select(relation.c.from_ci_id, relation.c.to_ci_id).where(relation.c.id == relation_id)).one()
        keep_ends(edit, [(relation_id, ends.from_ci_id, ends.to_ci_id)])
        update_rows(edit.connection, relation, [{"id": relation_id, column: before["old"]}])
    edit.note(before["old"], "identity", "replaced_by", before["ci"], None)
    return {before["ci"], before["old"]}
