"""Reports that come after newer ones: they fill history where they belong and change nothing of what is in force.

A line for what was true then, and one for when the next thing known took over. Design: docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import select

from collector.store.ci import StoredCi, load_cis
from collector.store.content import decode, encode, load_contents
from collector.store.delivery import Delivery, TakenItem, read_items
from collector.store.edit import NO_VALUE, Edit
from collector.store.inventory import keep_contents
from collector.store.schema import observation_history
from collector.store.section_state import StoredSection
from collector.store.source_record import StoredRecord, load_refs, save_observations, update_records
from collector.store.statement import parts


class _Gap(msgspec.Struct):
    """Where a late observation of a record belongs: after `before`, until `until_at`, when `after` holds."""

    record: StoredRecord
    taken: TakenItem
    before: bytes | None
    until_at: int
    after: bytes | None


def take_late(edit: Edit, delivery: Delivery, names: Collection[str], states: Mapping[str, StoredSection]) -> None:
    """Fill in the items of sections that are older than what is in force. What is not known yet is left to the newer report."""
    wanted = [name for name in names if delivery.report.sections[name].items is not None]
    if not wanted:
        return
    taken = read_items(edit.connection, edit.context, delivery, wanted)
    records = {each.ref: each for each in load_refs(edit.connection, delivery.source.id, (each.item.ref for each in taken))}
    known = [(records[each.item.ref], each) for each in taken if each.item.ref in records and records[each.item.ref].section == each.section]
    lines = _load_lines(edit, [record.id for record, _ in known])
    at = delivery.observed_at
    gaps = [_find_gap(record, each, lines.get(record.id, []), states[each.section], at) for record, each in known]
    keep_contents(edit, [gap.taken for gap in gaps])
    load_contents(edit.connection, (key for gap in gaps for key in (gap.before, gap.after)), edit.contents)
    written: list[tuple[int, int, bytes | None]] = [(gap.record.id, at, gap.taken.content_hash) for gap in gaps]
    held = {(record_id, line_at) for record_id, each in lines.items() for line_at, _ in each}
    changed = [gap for gap in gaps if gap.before != gap.taken.content_hash]
    written += [(gap.record.id, gap.until_at, gap.after) for gap in changed if (gap.record.id, gap.until_at) not in held]
    save_observations(edit.connection, written, edit.now)
    _begin_earlier(edit, gaps, lines, at)
    _note(edit, delivery, changed)


def _load_lines(edit: Edit, record_ids: Iterable[int]) -> dict[int, list[tuple[int, bytes | None]]]:
    """What is known of records: from when on which content, in order."""
    found: dict[int, list[tuple[int, bytes | None]]] = {}
    table = observation_history.c
    for part in parts(record_ids):
        query = select(table.record_id, table.observed_at, table.content_hash).where(table.record_id.in_(part)).order_by(table.observed_at)
        for record_id, at, key in edit.connection.execute(query):
            found.setdefault(record_id, []).append((at, None if key is None else bytes(key)))
    return found


def _find_gap(record: StoredRecord, taken: TakenItem, lines: list[tuple[int, bytes | None]], state: StoredSection, at: int) -> _Gap:
    """One that says what was known of that instant is kept too: it bounds what comes later still."""
    earlier = [key for line_at, key in lines if line_at <= at]
    later = [(line_at, key) for line_at, key in lines if line_at > at]
    before = earlier[-1] if earlier else None
    confirmed = [each for each in (state.observed_at, state.confirmed_at) if each > at]
    until_at, after = min([*later, *((each, before or record.content_hash) for each in confirmed)], key=lambda each: each[0])
    return _Gap(record, taken, before, until_at, after)


def _begin_earlier(edit: Edit, gaps: Iterable[_Gap], lines: Mapping[int, list[tuple[int, bytes | None]]], at: int) -> None:
    """A record was there before, or was as it is for longer, than the newer reports could tell."""
    older: list[StoredRecord] = []
    for gap in gaps:
        record, key = gap.record, gap.taken.content_hash
        between = {line for line_at, line in lines.get(record.id, ()) if at < line_at <= record.changed_at}
        is_same_run = key == record.content_hash and at < record.changed_at and between <= {key}
        if at < record.first_seen_at or is_same_run:
            record.first_seen_at = min(record.first_seen_at, at)
            record.changed_at = at if is_same_run else record.changed_at
            older.append(record)
    update_records(edit.connection, older, ["first_seen_at", "changed_at"])


def _note(edit: Edit, delivery: Delivery, gaps: Iterable[_Gap]) -> None:
    """History of the CIs, for attributes that this source speaks for."""
    known = list(gaps)
    cis = load_cis(edit.connection, (gap.record.ci_id for gap in known if gap.record.ci_id is not None))
    for gap in known:
        ci = cis.get(gap.record.ci_id or "")
        if ci is None or ci.redirect_to is not None:
            continue
        then, before, after = gap.taken.content["attributes"], _attributes(edit, gap.before), _attributes(edit, gap.after)
        attributes = edit.class_of(ci.ci_class).attributes
        for name in sorted({*then, *(before or {})}):
            if (name in attributes and attributes[name].volatile) or not _speaks_for(ci, name, delivery.source.id):
                continue
            if before is not None:
                _note_value(edit, ci.id, name, before, then, at=delivery.observed_at)
            if after is not None:
                _note_value(edit, ci.id, name, then, after, at=gap.until_at)


def _attributes(edit: Edit, key: bytes | None) -> dict[str, Any] | None:
    return None if key is None else edit.contents[key]["attributes"]


def _note_value(edit: Edit, ci_id: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any], *, at: int) -> None:
    before, after = old.get(name, NO_VALUE), new.get(name, NO_VALUE)
    if before is NO_VALUE or after is NO_VALUE or encode(before) != encode(after):
        edit.note(ci_id, "observed", name, before, after, valid_from=at)


def _speaks_for(ci: StoredCi, name: str, source_id: int) -> bool:
    provenance = decode(ci.provenance)
    return provenance is None or provenance.get(name, [source_id])[0] == source_id
