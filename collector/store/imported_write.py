"""One batch of an import written: new CIs inserted together, changes of known ones, tags, and both sides compared anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.imports.row import RowFault, Wish
from collector.reconcile.decide import RECORDED
from collector.reconcile.fact import RecordedChange
from collector.store.ci import StoredCi, insert_cis, update_cis
from collector.store.content import decode, encode
from collector.store.edit import NO_VALUE, Edit
from collector.store.identifier import new_id
from collector.store.observed_view import name_of, save_search_values
from collector.store.recorded import TAGS_LIMIT
from collector.store.recorded_side import SideChange, apply_changes, load_family, recorded_of
from collector.store.recording import changes_onto, gone_before
from collector.store.settle import settle
from collector.store.verdict import mark_decided
from muster.model.state import Lifecycle


@dataclass(frozen=True)
class Place:
    """Where a part belongs."""

    owner_id: str
    local_key: str | None
    zone: str


@dataclass
class WrittenBatch:
    """`ids`: key to the CI that a row is now. `changed`: CIs known before of which something changed."""

    ids: dict[str, str] = field(default_factory=dict)
    new: int = 0
    changed: set[str] = field(default_factory=set)
    sides: list[SideChange] = field(default_factory=list)
    tags_before: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: list[RowFault] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)


@dataclass
class _Batch:
    made: list[StoredCi] = field(default_factory=list)
    changes: list[RecordedChange] = field(default_factory=list)
    lifecycles: dict[str, Lifecycle] = field(default_factory=dict)
    tagged: list[StoredCi] = field(default_factory=list)
    families: set[str] = field(default_factory=set)


def write_batch(edit: Edit, targets: Sequence[tuple[Wish, StoredCi | None]], places: Mapping[str, Place] | None = None) -> WrittenBatch:
    """Put these wishes on record, each on its CI or on a new one. `places`: of parts, by the wishes' keys."""
    written, batch = WrittenBatch(), _Batch()
    for wish, known in targets:
        if known is None:
            row = _make(edit, wish, written, batch, (places or {}).get(wish.key))
        else:
            row = known
            _change(edit, wish, known, written, batch)
        if row is not None:
            written.ids[wish.key] = row.id
    insert_cis(edit.connection, batch.made)
    edit.made_ids.update(each.id for each in batch.made)
    update_cis(edit.connection, batch.tagged, ["tags"])
    new = {each.id for each in batch.made}
    if batch.changes or batch.lifecycles:
        sides = apply_changes(edit, batch.changes, batch.lifecycles)
        written.sides = [gone_before(each) if each.ci_id in new else each for each in sides]
    touched = {each.ci_id for each in written.sides} | {each.id for each in batch.tagged}
    written.changed, written.touched = touched - new, touched
    _index_tags(edit, batch, touched)
    mark_decided(edit, written.changed)
    families = {member.id for ci_id in sorted(batch.families) for member in load_family(edit, ci_id)}
    settle(edit, touched | families)
    return written


def _make(edit: Edit, wish: Wish, written: WrittenBatch, batch: _Batch, place: Place | None) -> StoredCi | None:
    values = {name: value for name, value in wish.values.items() if value is not None}
    name = name_of(wish.ci_class, values, {})
    if not name:
        message = f"it has no name; map one of {', '.join(wish.ci_class.name_from)}"
        written.faults.append(RowFault(wish.row, "", "", message))
        return None
    row = StoredCi(
        id=new_id(edit.now),
        number=edit.take_number(),
        ci_class=wish.ci_class.name,
        name=name,
        zone=wish.zone if place is None else place.zone,
        owner_ci_id=None if place is None else place.owner_id,
        local_key=None if place is None else place.local_key,
        lifecycle=wish.lifecycle or ("planned" if place is None else "live"),
        presence="unknown",
        control_level=wish.ci_class.control,
        has_decisions=True,
        tags=_encode_tags({name: text for name, text in wish.tags.items() if text is not None}),
        created_at=edit.now,
        changed_at=edit.now,
    )
    written.new += 1
    batch.made.append(row)
    edit.note(row.id, "identity", "", NO_VALUE, {"class": row.ci_class, "recorded_by": "import"})
    batch.changes.append(RecordedChange(row.id, RECORDED, old_value=False, new_value=True, had_old=True))
    batch.changes += [RecordedChange(row.id, name, None, value, had_old=False) for name, value in values.items()]
    return row


def _change(edit: Edit, wish: Wish, row: StoredCi, written: WrittenBatch, batch: _Batch) -> None:
    if not row.is_recorded:
        batch.families.add(row.id)
    given = {name: value for name, value in wish.values.items() if value is not None}
    batch.changes += changes_onto(edit, row, wish.ci_class, given)
    recorded = recorded_of(edit, row)
    off = [name for name, value in wish.values.items() if value is None and name in recorded]
    batch.changes += [RecordedChange(row.id, name, recorded[name], None, had_old=True, has_new=False) for name in off]
    if wish.lifecycle is not None and wish.lifecycle != row.lifecycle:
        batch.lifecycles[row.id] = wish.lifecycle
    before: dict[str, str] = decode(row.tags) or {}
    after = {name: text for name, text in {**before, **wish.tags}.items() if text is not None}
    if after == before:
        return
    if len(after) > TAGS_LIMIT:
        written.faults.append(RowFault(wish.row, "", "", f"{len(after)} tags; the limit is {TAGS_LIMIT}"))
        return
    written.tags_before[row.id] = before
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            edit.note(row.id, "recorded", f"tag.{name}", before.get(name, NO_VALUE), after.get(name, NO_VALUE))
    row.tags = _encode_tags(after)
    batch.tagged.append(row)


def _index_tags(edit: Edit, batch: _Batch, touched: set[str]) -> None:
    """Search values of CIs of which tags alone changed; the others have theirs by now."""
    changed = {change.ci_id for change in batch.changes} | batch.lifecycles.keys()
    alone = [each for each in batch.tagged if each.id not in changed and each.id in touched]
    subjects: list[tuple[StoredCi, Mapping[str, Any], Mapping[str, Any]]] = [
        (each, edit.contents.get(each.effective_hash or b"", {}), recorded_of(edit, each)) for each in alone
    ]
    save_search_values(edit, subjects)


def _encode_tags(tags: Mapping[str, str]) -> bytes | None:
    return encode(dict(tags)) if tags else None
