"""The recorded side of CIs: what is on record, changed by decisions, and all that is needed to take a change back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import select, update

from collector.reconcile.claim import RECORDED_ATTRIBUTES, RECORDED_PREFIX
from collector.reconcile.decide import RECORDED, Content
from collector.reconcile.fact import EffectiveValue, Merged, RecordedChange
from collector.store.ci import StoredCi, load_cis, update_cis
from collector.store.claim import save_claims_on_record
from collector.store.content import encode, hash_body, load_contents, save_contents
from collector.store.edit import NO_VALUE, Edit
from collector.store.observed_view import name_of, save_search_values
from collector.store.schema import ci, section, source_record
from collector.store.statement import parts
from muster.model.state import Lifecycle

CLASS = "class"  # the attribute that stands for the recorded class
_WRITTEN = ("recorded_hash", "is_recorded", "recorded_class", "recorded_from", "lifecycle", "has_decisions", "version", "changed_at", "name")
_LEVELS = 16


class Side(msgspec.Struct, frozen=True, array_like=True):
    """The recorded side at one moment, by reference to its content."""

    is_recorded: bool
    recorded_class: str | None
    lifecycle: Lifecycle
    recorded_hash: bytes | None


class SideChange(msgspec.Struct, frozen=True, array_like=True):
    """What one decision made of one CI's recorded side: enough to take it back, without a row for each value."""

    ci_id: str
    before: Side
    after: Side


def side_of(row: StoredCi) -> Side:
    return Side(row.is_recorded, row.recorded_class, row.lifecycle, row.recorded_hash)


def load_family(edit: Edit, ci_id: str) -> list[StoredCi]:
    """A CI and all that it holds, owners first."""
    found = list(load_cis(edit.connection, [ci_id]).values())
    level = {ci_id}
    for _ in range(_LEVELS):
        ids: set[str] = set()
        for part in parts(sorted(level)):
            ids.update(edit.connection.execute(select(ci.c.id).where(ci.c.owner_ci_id.in_(part), ci.c.redirect_to.is_(None))).scalars())
        level = ids - {each.id for each in found}
        if not level:
            break
        found += load_cis(edit.connection, level).values()
    return found


def load_family_ids(edit: Edit, ci_ids: Collection[str]) -> set[str]:
    """The ids of CIs and of all that they hold."""
    found, level = set(ci_ids), set(ci_ids)
    for _ in range(_LEVELS):
        below: set[str] = set()
        for part in parts(sorted(level)):
            below.update(edit.connection.execute(select(ci.c.id).where(ci.c.owner_ci_id.in_(part), ci.c.redirect_to.is_(None))).scalars())
        level = below - found
        if not level:
            break
        found |= level
    return found


def load_family_contents(edit: Edit, ci_id: str) -> list[Content]:
    """A CI and all that it holds, as an acceptance takes them: those that are gone are left out."""
    family = [each for each in load_family(edit, ci_id) if each.id == ci_id or each.presence != "absent"]
    load_contents(edit.connection, (key for each in family for key in (each.effective_hash, each.recorded_hash)), edit.contents)
    return [Content(each.id, edit.class_of(each.ci_class), _merged(edit, each), recorded_of(edit, each), each.is_recorded) for each in family]


def load_families(edit: Edit, ci_ids: Collection[str]) -> dict[str, list[Content]]:
    """`load_family_contents` of several CIs, none of which is part of another, by their ids."""
    root = {ci_id: ci_id for ci_id in ci_ids}
    level = load_cis(edit.connection, ci_ids)
    members = dict(level)
    for _ in range(_LEVELS):
        owner_of: dict[str, str] = {}
        for part in parts(sorted(level)):
            query = select(ci.c.id, ci.c.owner_ci_id).where(ci.c.owner_ci_id.in_(part), ci.c.redirect_to.is_(None))
            owner_of |= {row.id: row.owner_ci_id for row in edit.connection.execute(query)}
        level = load_cis(edit.connection, owner_of.keys() - root.keys())
        root |= {ci_id: root[owner_of[ci_id]] for ci_id in level}
        members |= level
        if not level:
            break
    kept = [each for each in members.values() if each.id in ci_ids or each.presence != "absent"]
    load_contents(edit.connection, (key for each in kept for key in (each.effective_hash, each.recorded_hash)), edit.contents)
    found: dict[str, list[Content]] = {ci_id: [] for ci_id in ci_ids}
    for each in kept:
        content = Content(each.id, edit.class_of(each.ci_class), _merged(edit, each), recorded_of(edit, each), each.is_recorded)
        found[root[each.id]].append(content)
    return found


def _merged(edit: Edit, row: StoredCi) -> Merged:
    effective = edit.contents.get(row.effective_hash or b"", {})
    return Merged({name: EffectiveValue(value, None, "only_source", 0) for name, value in effective.items()})


def recorded_of(edit: Edit, row: StoredCi) -> dict[str, Any]:
    """What is recorded of a CI."""
    if row.recorded_hash is None:
        return {}
    load_contents(edit.connection, [row.recorded_hash], edit.contents)
    return dict(edit.contents[row.recorded_hash])


def apply_changes(edit: Edit, changes: Iterable[RecordedChange], lifecycles: Mapping[str, Lifecycle], *, by_person: bool = True) -> list[SideChange]:
    """Write recorded values and lifecycles with history, claims and search values; what each CI was and is."""
    by_ci: dict[str, list[RecordedChange]] = {ci_id: [] for ci_id in lifecycles}
    for change in changes:
        by_ci.setdefault(change.ci_id, []).append(change)
    cis = load_cis(edit.connection, by_ci)
    load_contents(edit.connection, (key for each in cis.values() for key in (each.effective_hash, each.recorded_hash)), edit.contents)
    before = {each.id: side_of(each) for each in cis.values()}
    bodies: dict[bytes, bytes] = {}
    put_on_record = {change.ci_id for each in by_ci.values() for change in each if change.attribute == RECORDED and change.new_value}
    for row in cis.values():
        # What goes on record for the first time is one line, and none where its owner's tells it.
        is_baseline = row.id in put_on_record and row.recorded_from is None
        _apply(edit, row, by_ci[row.id], bodies, is_baseline=is_baseline, is_told=not is_baseline or row.owner_ci_id not in put_on_record)
        if row.id in lifecycles and lifecycles[row.id] != row.lifecycle:
            edit.note(row.id, "lifecycle", "", row.lifecycle, lifecycles[row.id])
            row.lifecycle = lifecycles[row.id]
        row.has_decisions = row.has_decisions or by_person
    save_contents(edit.connection, bodies)
    update_cis(edit.connection, list(cis.values()), _WRITTEN)
    _ask_again(edit, [ci_id for ci_id, lifecycle in lifecycles.items() if lifecycle in ("retired", "disposed")])
    _index(edit, list(cis.values()), {ci_id: {change.attribute for change in each} for ci_id, each in by_ci.items()})
    return [SideChange(each.id, before[each.id], side_of(each)) for each in cis.values()]


def _ask_again(edit: Edit, ci_ids: Collection[str]) -> None:
    """The sections that hold what goes out of use are asked for in full when they come again, so that its return is noticed."""
    for part in parts(sorted(ci_ids)):
        own = source_record.c.ci_id.in_(part) & source_record.c.closed_at.is_(None) & source_record.c.owner_record_id.is_(None)
        for row in edit.connection.execute(select(source_record.c.source_id, source_record.c.section).where(own).distinct()).all():
            is_it = (section.c.source_id == row.source_id) & (section.c.name == row.section)
            edit.connection.execute(update(section).where(is_it).values(digest=None))


def _apply(edit: Edit, row: StoredCi, changes: Collection[RecordedChange], bodies: dict[bytes, bytes], *, is_baseline: bool, is_told: bool) -> None:
    recorded = recorded_of(edit, row)
    for change in changes:
        old = change.old_value if change.had_old else NO_VALUE
        new = change.new_value if change.has_new else NO_VALUE
        if change.attribute == RECORDED:
            row.is_recorded = bool(change.new_value)
            row.recorded_from = edit.now if row.recorded_from is None and row.is_recorded else row.recorded_from
            row.recorded_class = (row.recorded_class or row.ci_class) if row.is_recorded else None
        elif change.attribute == CLASS:
            row.recorded_class = str(change.new_value) if change.has_new else None
        elif change.has_new:
            recorded[change.attribute] = change.new_value
        else:
            recorded.pop(change.attribute, None)
        # A baseline is one line: its values stand in the content that the decision refers to.
        if is_told and (not is_baseline or change.attribute == RECORDED):
            edit.note(row.id, "recorded", change.attribute, old, new)
    body = encode(recorded)
    key = hash_body(body)
    edit.contents[key] = recorded
    bodies[key] = body
    row.recorded_hash = key if recorded else None
    row.version, row.changed_at = row.version + 1, edit.now
    effective = edit.contents.get(row.effective_hash or b"", {})
    row.name = name_of(edit.class_of(row.ci_class), effective, recorded) or row.name


def _index(edit: Edit, rows: Iterable[StoredCi], written: Mapping[str, Collection[str]]) -> None:
    """What finds the CIs: identity claims of their recorded side, and search values, as far as what was written says something of them."""
    found: list[StoredCi] = []
    claimed: list[tuple[str, str, dict[str, Any]]] = []
    for row in rows:
        names = set(written.get(row.id, ()))
        if row.owner_ci_id is None and (RECORDED in names or any(each in RECORDED_ATTRIBUTES or each.startswith(RECORDED_PREFIX) for each in names)):
            claimed.append((row.id, row.zone, recorded_of(edit, row)))
        attributes = edit.class_of(row.ci_class).attributes
        if names & {RECORDED, CLASS} or any(each in attributes and attributes[each].indexed for each in names):
            found.append(row)
    save_claims_on_record(edit, claimed)
    save_search_values(edit, [(row, edit.contents.get(row.effective_hash or b"", {}), recorded_of(edit, row)) for row in found])


def changes_of(edit: Edit, change: SideChange) -> list[RecordedChange]:
    """One decision's changes on one CI, value by value."""
    before = dict(edit.contents.get(change.before.recorded_hash or b"", {}))
    after = dict(edit.contents.get(change.after.recorded_hash or b"", {}))
    found = []
    if change.before.is_recorded != change.after.is_recorded:
        found.append(RecordedChange(change.ci_id, RECORDED, change.before.is_recorded, change.after.is_recorded, had_old=True))
    elif change.before.recorded_class != change.after.recorded_class:
        found.append(RecordedChange(change.ci_id, CLASS, change.before.recorded_class, change.after.recorded_class, had_old=True))
    for name in sorted({*before, *after}):
        if name in before and name in after and encode(before[name]) == encode(after[name]):
            continue
        found.append(RecordedChange(change.ci_id, name, before.get(name), after.get(name), had_old=name in before, has_new=name in after))
    return found
