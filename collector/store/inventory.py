"""Items of a report against the records of its source: what is new, changed, exchanged or waits for its owner. Design: docs/storage.md.

An item whose content is as before costs nothing. What is identified or placed anew because of it is done by `link.py` and
`placement.py` with what `take_items` returns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from collector.reconcile.dependent import dependent_keys, is_exchanged
from collector.reconcile.kept import Word
from collector.reconcile.record import CaseSeed
from collector.store.content import load_contents, save_contents
from collector.store.delivery import Delivery, TakenItem, item_of
from collector.store.edit import Edit
from collector.store.kept_value import Restated, keep_values
from collector.store.source_record import (
    StoredRecord,
    insert_records,
    load_owned,
    load_records,
    load_refs,
    load_sections,
    load_waiting,
    save_observations,
    update_records,
)
from collector.store.standing import Standing

WRITTEN = ("section", "ci_class", "owner_record_id", "owner_ref", "content_hash", "observed_at", "changed_at", "closed_at")


@dataclass
class Inventory:
    """What a report did to the records of its source.

    `records`: open ones by ref. `to_identify`: independent records whose claims changed. `to_place`: dependent ones whose key or owner
    changed. `touched`: CIs whose observed view may have changed. `cases`: found while a ref was matched. `replaced`: refs under which
    another thing answers now. `unwritten`: made, and what was observed of them is not written yet. `settled`: refs by section that are
    listed and there as before, and not among `records`. `restated`: contents that are others now, until what they left out is kept.
    """

    records: dict[str, StoredRecord] = field(default_factory=dict)
    to_identify: set[int] = field(default_factory=set)
    to_place: dict[int, StoredRecord] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    cases: list[CaseSeed] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    changed: list[StoredRecord] = field(default_factory=list)
    made: list[StoredRecord] = field(default_factory=list)
    unwritten: list[StoredRecord] = field(default_factory=list)
    settled: dict[str, list[str]] = field(default_factory=dict)
    restated: list[Restated] = field(default_factory=list)

    def touch(self, record: StoredRecord) -> None:
        if record.ci_id is not None:
            self.touched.add(record.ci_id)


def load_inventory(edit: Edit, delivery: Delivery, names: Collection[str], taken: Sequence[TakenItem], standing: Standing) -> Inventory:
    """The open records of these sections, and those that the items name or belong to.

    Of a section most of which is as before only the rest; where much is gone all of it, so that a brake can tell of it.
    """
    source_id = delivery.source.id
    if delivery.source.is_new:
        return Inventory()
    limit = edit.context.settings.mass_loss_min_items
    part = {name: standing.left(name) for name in names if name in standing.held and len(standing.held[name]) < limit}
    found = {each.ref: each for each in load_records(edit.connection, (each for ids in part.values() for each in ids))}
    whole = [name for name in names if name not in part]
    if whole:
        found |= {each.ref: each for each in load_sections(edit.connection, source_id, whole)}
    found = standing.owners | found
    named = {each.item.ref for each in taken} | {each.item.owner for each in taken if each.item.owner is not None}
    found |= {each.ref: each for each in load_refs(edit.connection, source_id, named - found.keys())}
    return Inventory(records=found, settled={name: standing.settled[name] for name in part})


def keep_contents(edit: Edit, taken: Iterable[TakenItem]) -> None:
    """The contents of items that are new or changed, each once."""
    fresh = {each.content_hash: each for each in taken}
    save_contents(edit.connection, {key: each.body for key, each in fresh.items()})
    edit.contents |= {key: each.content for key, each in fresh.items()}


def is_as_before(record: StoredRecord | None, item: TakenItem) -> bool:
    """Whether a record holds this content already, in this section."""
    return record is not None and record.content_hash == item.content_hash and record.section == item.section


def take_dependents(edit: Edit, delivery: Delivery, work: Inventory, taken: Sequence[TakenItem]) -> None:
    """Items that are part of others, owners before what they own; one without a known owner waits."""
    changed = [each for each in taken if not _is_settled(work, each)]
    known = [work.records[each.item.ref] for each in changed if each.item.ref in work.records]
    load_contents(edit.connection, (each.content_hash for each in known), edit.contents)
    keep_contents(edit, [each for each in changed if not is_as_before(work.records.get(each.item.ref), each)])
    remaining = list(changed)
    coming = {each.item.ref for each in changed if each.item.ref not in work.records}
    while remaining:
        ready = [each for each in remaining if each.item.owner not in coming] or remaining
        _take_level(edit, delivery, work, ready)
        coming -= {each.item.ref for each in ready}
        done = {id(each) for each in ready}
        remaining = [each for each in remaining if id(each) not in done]


def _is_settled(work: Inventory, taken: TakenItem) -> bool:
    """Nothing to do: same content, same owner, and it was there all along."""
    record = work.records.get(taken.item.ref)
    if record is None or not is_as_before(record, taken) or record.misses or record.is_absent or record.ci_id is None:
        return False
    owner = work.records.get(taken.item.owner or "")
    return owner is not None and owner.id == record.owner_record_id


def _take_level(edit: Edit, delivery: Delivery, work: Inventory, taken: Sequence[TakenItem]) -> None:
    at = delivery.observed_at
    changed: list[StoredRecord] = []
    made: list[StoredRecord] = []
    closed: list[StoredRecord] = []
    for each in taken:
        record, owner = work.records.get(each.item.ref), work.records.get(each.item.owner or "")
        if record is not None and _is_other_part(edit, record, each):
            record.closed_at = at
            closed.append(record)
            work.replaced.add(record.ref)
            work.touch(record)
            record = None
        owner_id, owner_ref = (owner.id, None) if owner is not None else (None, each.item.owner)
        if record is None:
            record = _new_record(delivery, each, owner_id, owner_ref)
            made.append(record)
            continue
        must_place = record.misses or record.is_absent or record.ci_id is None or _has_other_key(edit, record, each)
        if must_place or (owner_id, owner_ref) != (record.owner_record_id, record.owner_ref):
            work.to_place[record.id] = record
        record.owner_record_id, record.owner_ref = owner_id, owner_ref
        change_record(edit, delivery, work, record, each)
        changed.append(record)
        work.touch(record)
    update_records(edit.connection, closed, ["closed_at"])
    add_records(edit, work, made)
    work.to_place |= {each.id: each for each in made}
    work.changed += changed


def _new_record(delivery: Delivery, taken: TakenItem, owner_id: int | None, owner_ref: str | None) -> StoredRecord:
    return StoredRecord(
        id=0,
        source_id=delivery.source.id,
        section=taken.section,
        ref=taken.item.ref,
        ci_class=taken.item.ci_class,
        owner_record_id=owner_id,
        owner_ref=owner_ref,
        content_hash=taken.content_hash,
        observed_at=delivery.observed_at,
        first_seen_at=delivery.observed_at,
        changed_at=delivery.observed_at,
    )


def new_record(delivery: Delivery, taken: TakenItem) -> StoredRecord:
    """A record of an independent item, not stored yet."""
    return _new_record(delivery, taken, None, None)


def change_record(edit: Edit, delivery: Delivery, work: Inventory, record: StoredRecord, taken: TakenItem, *, was_other: bool = False) -> None:
    """The record as the item says it now is. `was_other`: its content until now turned out to be another thing's."""
    at = delivery.observed_at
    if record.content_hash != taken.content_hash:
        work.restated.append(_restate(edit, delivery, record, taken, was_other=was_other))
        record.changed_at = at
    record.section, record.ci_class, record.content_hash, record.observed_at = taken.section, taken.item.ci_class, taken.content_hash, at


def _restate(edit: Edit, delivery: Delivery, record: StoredRecord, taken: TakenItem, *, was_other: bool) -> Restated:
    """What a record said, and when it was heard to say so last, beside what it says."""
    heard = delivery.heard.get(record.section)
    is_there = heard is not None and heard.complete and not record.is_absent and not record.misses
    heard_at = max(record.observed_at, heard.confirmed_at) if heard is not None and is_there else record.observed_at
    said = {} if was_other else edit.contents[record.content_hash]["attributes"]
    before = Word(said, heard is None or heard.complete, heard_at)
    now = Word(taken.content["attributes"], delivery.is_whole(taken.section), delivery.observed_at)
    return Restated(record.id, taken.item.ci_class, before, now, delivery.report.sections[taken.section].interval_seconds)


def add_records(edit: Edit, work: Inventory, made: Sequence[StoredRecord]) -> None:
    """Store new records, and find what waited for them."""
    insert_records(edit.connection, made)
    work.records |= {each.ref: each for each in made}
    work.made += made
    work.unwritten += made
    if not made:
        return
    refs = {each.ref: each for each in made}
    for waiting in load_waiting(edit.connection, made[0].source_id, refs):
        child = work.records.get(waiting.ref, waiting)
        child.owner_record_id, child.owner_ref = refs[child.owner_ref or ""].id if child.owner_ref in refs else child.owner_record_id, None
        work.to_place[child.id] = child
        work.changed.append(child)


def adopt_children(edit: Edit, work: Inventory, successors: dict[int, StoredRecord]) -> None:
    """What belonged to a record that was closed belongs to the one that has its ref now."""
    for owned in load_owned(edit.connection, successors):
        if owned.owner_record_id not in successors:
            continue
        child = work.records.get(owned.ref, owned)
        child.owner_record_id = successors[child.owner_record_id or 0].id
        work.to_place[child.id] = child
        work.changed.append(child)
        work.touch(child)


def save_inventory(edit: Edit, delivery: Delivery, work: Inventory) -> None:
    """Write the records that changed, and what was observed of the new and changed ones."""
    changed = list({each.id: each for each in work.changed}.values())
    update_records(edit.connection, changed, WRITTEN)
    at = delivery.observed_at
    moved = [each for each in (*changed, *work.unwritten) if each.changed_at == at]
    save_observations(edit.connection, ((each.id, at, each.content_hash) for each in moved), edit.now)
    keep_values(edit, work.restated)
    work.restated.clear()
    work.changed.clear()
    work.unwritten.clear()


def _is_other_part(edit: Edit, record: StoredRecord, taken: TakenItem) -> bool:
    if is_as_before(record, taken) or record.content_hash not in edit.contents:
        return False
    old = item_of(record.ref, edit.contents[record.content_hash])
    junk = edit.context.junk
    before = dependent_keys(edit.class_of(record.ci_class), old, junk)
    return is_exchanged(before, dependent_keys(edit.class_of(taken.item.ci_class), taken.item, junk))


def _has_other_key(edit: Edit, record: StoredRecord, taken: TakenItem) -> bool:
    if is_as_before(record, taken):
        return False
    old = item_of(record.ref, edit.contents[record.content_hash])
    junk = edit.context.junk
    before = dependent_keys(edit.class_of(record.ci_class), old, junk)
    return record.ci_class != taken.item.ci_class or before != dependent_keys(edit.class_of(taken.item.ci_class), taken.item, junk)
