"""Reports that come after newer ones: they fill history where they belong and change nothing of what is in force.

A line for what was true then, and one for when the next thing known took over. Design: docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select

from collector.reconcile.fact import Observation
from collector.reconcile.kept import Word
from collector.reconcile.merge import is_statement, merge
from collector.reconcile.timeline import Line, value_at
from collector.store.ci import StoredCi, load_cis
from collector.store.content import decode, encode, load_contents
from collector.store.delivery import Delivery, TakenItem, read_items
from collector.store.edit import NO_VALUE, Edit
from collector.store.inventory import keep_contents
from collector.store.kept_value import Restated, keep_values
from collector.store.schema import history, observation_history, source_record
from collector.store.section_state import StoredSection, note_whole
from collector.store.source_record import StoredRecord, load_refs, save_observations, update_records
from collector.store.statement import parts
from muster.model.ci_class import CiClass


class _Gap(msgspec.Struct):
    """Where a late observation of a record belongs: after `before`, until `until_at`, when `after` holds. `said`: all that was, before and since."""

    record: StoredRecord
    taken: TakenItem
    before: bytes | None
    until_at: int
    after: bytes | None
    said: Sequence[tuple[int, bytes | None]]


class Late(msgspec.Struct):
    """What late sections did: the CIs of which they say something that no newer word speaks of, and items that only they name."""

    touched: set[str] = msgspec.field(default_factory=set)
    unknown: list[TakenItem] = msgspec.field(default_factory=list)


class _Filled(msgspec.Struct):
    """What a late report says of a CI, and what its source said before and since, in order."""

    ci_id: str
    content: dict[str, Any]
    said: Sequence[tuple[int, Mapping[str, Any]]]

    def spoken(self, name: str, ci_class: CiClass, at: int) -> tuple[bool, int | None]:
        """Whether the source had said something of an attribute by then, and when it next did; None: never, so that this word stands."""
        states = [said_at for said_at, told in self.said if name in told and is_statement(ci_class, name, told[name], is_complete=True)]
        return any(each <= at for each in states), min((each for each in states if each > at), default=None)


def take_late(edit: Edit, delivery: Delivery, names: Collection[str], states: Mapping[str, StoredSection]) -> Late:
    """Fill in the items of sections that are older than what is in force.

    What is not known yet is left to the newer report where that tells of all there is; a part says nothing of what it does not name.
    """
    wanted = [name for name in names if delivery.report.sections[name].items is not None]
    if not wanted:
        return Late()
    taken = read_items(edit.connection, edit.context, delivery, wanted)
    stored = load_refs(edit.connection, delivery.source.id, (each.item.ref for each in taken), with_closed=True)
    records = {each.ref: each for each in stored if each.closed_at is None}
    ended_since = {each.ref for each in stored if each.closed_at is not None and each.closed_at > delivery.observed_at}
    unknown = [each for each in taken if each.item.ref not in records.keys() | ended_since and states[each.section].is_open_to(delivery.observed_at)]
    known = [(records[each.item.ref], each) for each in taken if each.item.ref in records and records[each.item.ref].section == each.section]
    lines = _load_lines(edit, [record.id for record, _ in known])
    at = delivery.observed_at
    gaps = [_find_gap(record, each, lines.get(record.id, []), states[each.section], at) for record, each in known]
    note_whole(edit.connection, [states[name] for name in wanted if delivery.is_whole(name)], at)
    keep_contents(edit, [gap.taken for gap in gaps])
    load_contents(edit.connection, (key for gap in gaps for _, key in gap.said), edit.contents)
    held = {(record_id, line_at) for record_id, each in lines.items() for line_at, _ in each}
    changed = [gap for gap in gaps if gap.before != gap.taken.content_hash]
    fresh = [gap for gap in gaps if gap.before != gap.taken.content_hash or (gap.record.id, at) not in held]
    written: list[tuple[int, int, bytes | None]] = [(gap.record.id, at, gap.taken.content_hash) for gap in fresh]
    written += [(gap.record.id, gap.until_at, gap.after) for gap in changed if (gap.record.id, gap.until_at) not in held]
    save_observations(edit.connection, written, edit.now)
    _note_beginnings(edit, gaps, at)
    touched = _begin_earlier(edit, gaps, lines, at) | _keep_unsaid(edit, delivery, gaps, states)
    told = [(gap, [(line_at, edit.contents[key]["attributes"]) for line_at, key in gap.said if key is not None]) for gap in changed]
    _note_values(edit, delivery, [_Filled(gap.record.ci_id, gap.taken.content, said) for gap, said in told if gap.record.ci_id is not None])
    return Late(touched, unknown)


def _keep_unsaid(edit: Edit, delivery: Delivery, gaps: Iterable[_Gap], states: Mapping[str, StoredSection]) -> set[str]:
    """A key that the newer content does not name is no statement there: the late word on it stands."""
    told = {gap.record.id: gap for gap in gaps}
    load_contents(edit.connection, (gap.record.content_hash for gap in told.values()), edit.contents)
    restated = []
    for gap in told.values():
        state, taken = states[gap.taken.section], gap.taken.content["attributes"]
        late = Word(taken, delivery.is_whole(gap.taken.section), delivery.observed_at)
        now = Word(edit.contents[gap.record.content_hash]["attributes"], state.complete, gap.record.observed_at)
        restated.append(Restated(gap.record.id, gap.record.ci_class, late, now, state.interval_seconds, is_late=True))
    kept = keep_values(edit, restated)
    return {gap.record.ci_id for gap in told.values() if gap.record.id in kept and gap.record.ci_id is not None}


def _load_lines(edit: Edit, record_ids: Iterable[int]) -> dict[int, list[tuple[int, bytes | None]]]:
    """What is known of records: from when on which content, in order."""
    found: dict[int, list[tuple[int, bytes | None]]] = {}
    table = observation_history.c
    for part in parts(record_ids):
        query = select(table.record_id, table.observed_at, table.content_hash).where(table.record_id.in_(part))
        for record_id, at, key in edit.connection.execute(query.order_by(table.observed_at, table.known_from)):
            told = found.setdefault(record_id, [])
            if told and told[-1][0] == at:
                told.pop()
            told.append((at, None if key is None else bytes(key)))
    return found


def _find_gap(record: StoredRecord, taken: TakenItem, lines: list[tuple[int, bytes | None]], state: StoredSection, at: int) -> _Gap:
    """One that says what was known of that instant is kept too: it bounds what comes later still."""
    earlier = [key for line_at, key in lines if line_at <= at]
    later = [(line_at, key) for line_at, key in lines if line_at > at]
    before = earlier[-1] if earlier else None
    confirmed = [each for each in (state.observed_at, state.confirmed_at) if each > at]
    heard = [(each, [key for line_at, key in lines if line_at <= each]) for each in confirmed]
    again = [(each, keys[-1] if keys else record.content_hash) for each, keys in heard]  # it was said anew, as it stood by then
    since = sorted([*later, *again], key=lambda each: each[0])
    return _Gap(record, taken, before, *since[0], [*(line for line in lines if line[0] <= at), *since])


def _begin_earlier(edit: Edit, gaps: Iterable[_Gap], lines: Mapping[int, list[tuple[int, bytes | None]]], at: int) -> set[str]:
    """A record was there before, or was as it is for longer or shorter, than the newer reports could tell; the CIs of the last."""
    older: list[StoredRecord] = []
    touched: set[str] = set()
    for gap in gaps:
        record, key = gap.record, gap.taken.content_hash
        between = {line for line_at, line in lines.get(record.id, ()) if at < line_at <= record.changed_at}
        is_same_run = key == record.content_hash and at < record.changed_at and between <= {key}
        if at < record.first_seen_at or is_same_run:
            record.first_seen_at = min(record.first_seen_at, at)
            record.changed_at = at if is_same_run else record.changed_at
            older.append(record)
        elif record.changed_at < at and key != record.content_hash and gap.after == record.content_hash:
            record.changed_at, record.observed_at = gap.until_at, max(record.observed_at, gap.until_at)  # it was said anew then
            older.append(record)
            touched |= {record.ci_id} if record.ci_id is not None else set()
    update_records(edit.connection, older, ["first_seen_at", "changed_at", "observed_at"])
    return touched


def _note_beginnings(edit: Edit, gaps: Iterable[_Gap], at: int) -> None:
    """CIs that were there earlier than was known."""
    wanted = sorted({gap.record.ci_id for gap in gaps if gap.record.ci_id is not None})
    for part in parts(wanted):
        table = source_record.c
        query = select(table.ci_id, func.min(table.first_seen_at)).where(table.ci_id.in_(part)).group_by(table.ci_id)
        for ci_id, first in edit.connection.execute(query):
            if at < first:
                edit.note(ci_id, "identity", "begin", first, at, valid_from=at)


def _note_values(edit: Edit, delivery: Delivery, filled: Iterable[_Filled]) -> None:
    """History of the CIs, for attributes that this source speaks for: what was true then, and what was believed again from when on."""
    known = list(filled)
    cis = load_cis(edit.connection, (each.ci_id for each in known))
    load_contents(edit.connection, (row.effective_hash for row in cis.values()), edit.contents)
    lines = _load_history(edit, cis)
    for each in known:
        ci = cis.get(each.ci_id)
        if ci is None or ci.redirect_to is not None:
            continue
        ci_class = edit.class_of(ci.ci_class)
        then = merge(ci_class, [_observation(delivery, each)], {}, edit.context.settings, edit.now).plain()
        current = edit.contents[ci.effective_hash] if ci.effective_hash is not None else {}
        told = {name for ci_id, name in lines if ci_id == ci.id}
        for name in sorted({*then, *current, *told}):
            if (name in ci_class.attributes and ci_class.attributes[name].volatile) or not _speaks_for(ci, name, delivery.source.id):
                continue
            was_said, until_at = each.spoken(name, ci_class, delivery.observed_at)
            if until_at is None or (was_said and name not in then):
                continue
            believed = _Believed(lines.get((ci.id, name), ()), encode(current[name]) if name in current else None)
            _fill(edit, believed, ci.id, name, (delivery.observed_at, until_at, encode(then[name]) if name in then else None))


class _Believed(msgspec.Struct):
    """What is known of one attribute of one CI until now."""

    lines: Sequence[Line]
    current: bytes | None

    def at(self, at: int, now: int) -> bytes | None:
        return value_at(self.lines, at, now, self.current)


def _fill(edit: Edit, believed: _Believed, ci_id: str, name: str, told: tuple[int, int, bytes | None]) -> None:
    """The first line of a value says in `old` what was believed until now; the second takes up again what stands after it."""
    at, until_at, value = told
    before, after = believed.at(at, edit.now), believed.at(until_at, edit.now)
    if value is not None:  # where its source left the key out since, its word stood
        for gap_at in sorted({line.valid_from for line in believed.lines if at < line.valid_from < until_at}):
            stood = believed.at(gap_at, edit.now)
            if stood in (None, before) and stood != value:
                edit.note(ci_id, "observed", name, _plain(stood), _plain(value), valid_from=gap_at)
    if before == value:
        return
    edit.note(ci_id, "observed", name, _plain(before), _plain(value), valid_from=at)
    if after != value and not any(at < line.valid_from <= until_at for line in believed.lines):
        edit.note(ci_id, "observed", name, _plain(value), _plain(after), valid_from=until_at)


def _plain(value: bytes | None) -> Any:
    return NO_VALUE if value is None else decode(value)


def _load_history(edit: Edit, ci_ids: Iterable[str]) -> dict[tuple[str, str], list[Line]]:
    found: dict[tuple[str, str], list[Line]] = {}
    columns = [history.c[name] for name in ("ci_id", "attribute", "valid_from", "known_from", "id", "old_value", "new_value")]
    for part in parts(sorted(ci_ids)):
        query = select(*columns).where(history.c.ci_id.in_(part), history.c.layer == "observed")
        for ci_id, name, *line in edit.connection.execute(query):
            found.setdefault((ci_id, name), []).append(Line(*line))
    return found


def _observation(delivery: Delivery, filled: _Filled) -> Observation:
    return Observation(
        record_id=0,
        source=delivery.source.key,
        ref="",
        observed_at=delivery.observed_at,
        confirmed_at=delivery.observed_at,
        is_fresh=True,
        attributes=filled.content["attributes"],
    )


def _speaks_for(ci: StoredCi, name: str, source_id: int) -> bool:
    provenance = decode(ci.provenance)
    return provenance is None or provenance.get(name, [source_id])[0] == source_id
