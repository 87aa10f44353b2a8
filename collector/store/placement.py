"""Dependent items into the CIs of their owners: by portable key, else by the owner's local key, else a new CI. Design: docs/storage.md.

Parents come first; a child whose owner has no CI yet waits. A portable part found in another owner moves with its history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, update

from collector.reconcile.dependent import DependentKey, DependentMatch, OwnedKey, dependent_keys, match_dependent
from collector.store.ci import StoredCi, insert_cis, load_cis
from collector.store.content import load_contents
from collector.store.delivery import item_of
from collector.store.edit import NO_VALUE, Edit
from collector.store.identifier import new_id
from collector.store.link import redirect_cis
from collector.store.past import keep_links
from collector.store.schema import ci, portable_key, source, source_record
from collector.store.source_record import StoredRecord, load_owned, load_records
from collector.store.statement import insert_missing, parts, update_rows


@dataclass
class Placed:
    """What placing touched. `moved`: records that have another CI now."""

    touched: set[str] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    unlisted: frozenset[int] = frozenset()


@dataclass
class _Level:
    """Records of one depth with their keys and owners' CIs, and what is known around them."""

    records: list[StoredRecord]
    keys: dict[int, tuple[DependentKey, ...]]
    owners: dict[int, StoredCi]
    known: dict[DependentKey, list[OwnedKey]] = field(default_factory=dict)
    portable_of: dict[str, list[DependentKey]] = field(default_factory=dict)
    holders: dict[str, set[int]] = field(default_factory=dict)
    cis: dict[str, StoredCi] = field(default_factory=dict)


def place_records(edit: Edit, records: Iterable[StoredRecord], unlisted: Collection[int] = ()) -> Placed:
    """Give each record its CI, owners before what they own; children of what moved follow.

    `unlisted`: records that their sections do not name any more, so that what they were may be found under another ref.
    """
    placed = Placed(unlisted=frozenset(unlisted))
    remaining = {each.id: each for each in records}
    while remaining:
        inside = [each for each in remaining.values() if each.owner_record_id not in remaining]
        moved = _place_level(edit, inside or list(remaining.values()), placed)
        for each in inside or list(remaining.values()):
            del remaining[each.id]
        for child in load_owned(edit.connection, moved):
            if child.owner_record_id in moved and not child.misses and not child.is_absent:
                remaining.setdefault(child.id, child)
    return placed


def _place_level(edit: Edit, records: Sequence[StoredRecord], placed: Placed) -> set[int]:
    """Place records of one depth; the ids of those that have another CI now."""
    level = _load_level(edit, records, placed.unlisted)
    made: list[StoredCi] = []
    moved: list[StoredRecord] = []
    left: dict[str, str] = {}
    was: list[tuple[int, str | None]] = []
    for record in level.records:
        owner = level.owners[record.id]
        match = _match(level, record, owner)
        if match.ci_id is None:
            found = _make(edit, record, owner, level.keys[record.id])
            made.append(found)
        else:
            found = level.cis[match.ci_id]
            if match.moved_from is not None and _is_newest(edit, record, found):
                _move(edit, found, owner, match.moved_from, placed)
        _hold(level, record, found)
        if record.ci_id != found.id:
            if record.ci_id is not None:
                left[record.ci_id] = found.id
                was.append((record.id, record.ci_id))
            record.ci_id, record.link_rule = found.id, "first_seen" if match.ci_id is None else match.key.text.split("|")[0] if match.key else "local"
            moved.append(record)
        placed.touched.add(found.id)
    insert_cis(edit.connection, made)
    for each in made:
        if each.owner_ci_id not in edit.made_ids:
            edit.note(each.id, "identity", "", NO_VALUE, {"class": each.ci_class, "ref": each.name})
    edit.made_ids |= {each.id for each in made}
    placed.moved |= {each.id for each in moved}
    keep_links(edit, was)
    _save(edit, level, moved)
    _leave(edit, left, placed)
    return {each.id for each in moved}


def _load_level(edit: Edit, records: Sequence[StoredRecord], unlisted: Collection[int]) -> _Level:
    owner_cis = {each.id: each.ci_id for each in load_records(edit.connection, (each.owner_record_id for each in records if each.owner_record_id))}
    cis = load_cis(edit.connection, (ci_id for ci_id in owner_cis.values() if ci_id is not None))
    ready = [each for each in records if (owner_cis.get(each.owner_record_id or 0) or "") in cis]
    load_contents(edit.connection, (each.content_hash for each in ready), edit.contents)
    keys = {
        each.id: dependent_keys(edit.class_of(each.ci_class), item_of(each.ref, edit.contents[each.content_hash]), edit.context.junk)
        for each in ready
    }
    level = _Level(list(ready), keys, {each.id: cis[owner_cis[each.owner_record_id or 0] or ""] for each in ready})
    _load_known(edit, level)
    _load_holders(edit, level, unlisted)
    return level


def _load_known(edit: Edit, level: _Level) -> None:
    """The dependent CIs that these records may be: those of their owners and classes, and those with their portable keys."""
    classes = sorted({each.ci_class for each in level.records})
    owners = sorted({each.id for each in level.owners.values()})
    wanted = {key for keys in level.keys.values() for key in keys}
    texts = sorted({key.text for key in wanted if key.is_portable})
    rows: list[tuple[str, DependentKey]] = []
    for part in parts(owners):
        query = select(ci.c.id, ci.c.local_key).where(ci.c.owner_ci_id.in_(part), ci.c.ci_class.in_(classes), ci.c.redirect_to.is_(None))
        rows += [(row.id, DependentKey(False, row.local_key)) for row in edit.connection.execute(query.where(ci.c.local_key.is_not(None)))]
    for part in parts(texts):
        held = select(portable_key.c.ci_id).where(portable_key.c.ci_class.in_(classes), portable_key.c.key.in_(part))
        rows += [(each, DependentKey(True, "")) for each in edit.connection.execute(held).scalars()]
    rows = [row for row in rows if row[1].is_portable or row[1] in wanted]
    level.cis = {key: each for key, each in load_cis(edit.connection, (ci_id for ci_id, _ in rows)).items() if each.redirect_to is None}
    if any(edit.class_of(each).portable for each in classes):
        for part in parts(sorted(level.cis)):
            for row in edit.connection.execute(select(portable_key).where(portable_key.c.ci_id.in_(part))):
                level.portable_of.setdefault(row.ci_id, []).append(DependentKey(True, row.key))
    for each in level.cis.values():
        own = [DependentKey(False, each.local_key)] if each.local_key is not None else []
        for key in (*own, *level.portable_of.get(each.id, ())):
            level.known.setdefault(key, []).append(OwnedKey(each.id, each.owner_ci_id or "", key))


def _load_holders(edit: Edit, level: _Level, unlisted: Collection[int]) -> None:
    """Which records, that are there, hold these CIs now: a CI held by another item of the same source and owner is taken."""
    for part in parts(sorted(level.cis)):
        columns = (source_record.c.id, source_record.c.ci_id)
        there = source_record.c.closed_at.is_(None) & (source_record.c.misses == 0) & source_record.c.is_absent.is_(False)
        query = select(*columns, source_record.c.source_id, source_record.c.owner_record_id).where(source_record.c.ci_id.in_(part), there)
        for row in [each for each in edit.connection.execute(query) if each.id not in unlisted]:
            key = f"{row.ci_id}|{row.source_id}|{row.owner_record_id}"
            level.holders.setdefault(key, set()).add(row.id)


def _hold(level: _Level, record: StoredRecord, found: StoredCi) -> None:
    if record.ci_id is not None:
        level.holders.get(f"{record.ci_id}|{record.source_id}|{record.owner_record_id}", set()).discard(record.id)
    level.holders.setdefault(f"{found.id}|{record.source_id}|{record.owner_record_id}", set()).add(record.id)


def _match(level: _Level, record: StoredRecord, owner: StoredCi) -> DependentMatch:
    near: list[OwnedKey] = []
    for key in level.keys[record.id]:
        for each in level.known.get(key, ()):
            if level.cis[each.ci_id].ci_class == record.ci_class:
                others = level.holders.get(f"{each.ci_id}|{record.source_id}|{record.owner_record_id}", set()) - {record.id}
                near.append(OwnedKey(each.ci_id, level.cis[each.ci_id].owner_ci_id or "", key, bool(others)))
                near += _other_part(level, record, each)
    return match_dependent(level.keys[record.id], near, owner.id)


def _other_part(level: _Level, record: StoredRecord, known: OwnedKey) -> list[OwnedKey]:
    """The portable key of a CI that is another part than this record, though both are in one slot."""
    own = {key for key in level.keys[record.id] if key.is_portable}
    theirs = level.portable_of.get(known.ci_id, [])
    return [OwnedKey(known.ci_id, known.owner_ci_id, theirs[0], True)] if theirs and own and own.isdisjoint(theirs) else []


def _make(edit: Edit, record: StoredRecord, owner: StoredCi, keys: Sequence[DependentKey]) -> StoredCi:
    return StoredCi(
        id=new_id(edit.now),
        number=edit.take_number(),
        ci_class=record.ci_class,
        name=record.ref,
        zone=owner.zone,
        owner_ci_id=owner.id,
        local_key=next((key.text for key in keys if not key.is_portable), None),
        presence="unknown",
        control_level=edit.class_of(record.ci_class).control,
        created_at=edit.now,
        changed_at=edit.now,
    )


def _is_newest(edit: Edit, record: StoredRecord, found: StoredCi) -> bool:
    """Whether no other record of a part was observed after this one: the last to see it says where it is, whoever reports last."""
    there = (source_record.c.ci_id == found.id) & source_record.c.closed_at.is_(None) & (source_record.c.misses == 0)
    others = select(source_record.c.observed_at, source_record.c.ref, source.c.kind, source.c.name, source.c.instance)
    others = others.join(source, source.c.id == source_record.c.source_id).where(
        there, source_record.c.is_absent.is_(False), source_record.c.id != record.id
    )
    rows = edit.connection.execute(others).all()
    if not rows:
        return True
    latest = max(row.observed_at for row in rows)
    if latest != record.observed_at:
        return record.observed_at > int(latest)
    own = edit.connection.execute(select(source.c.kind, source.c.name, source.c.instance).where(source.c.id == record.source_id)).one()
    names = [(row.kind, row.name, row.instance, row.ref) for row in rows if row.observed_at == latest]
    return (own.kind, own.name, own.instance, record.ref) < min(names)


def _move(edit: Edit, found: StoredCi, owner: StoredCi, moved_from: str, placed: Placed) -> None:
    """A known CI came here from another owner: one line on each of the three."""
    there = {"ci": found.id, "name": found.name}
    edit.note(found.id, "identity", "owner", moved_from, owner.id)
    edit.note(moved_from, "identity", "content", there, NO_VALUE)
    edit.note(owner.id, "identity", "content", NO_VALUE, there)
    found.owner_ci_id, found.zone = owner.id, owner.zone
    edit.connection.execute(update(ci).where(ci.c.id == found.id).values(owner_ci_id=owner.id, zone=owner.zone, changed_at=edit.now))
    placed.touched |= {found.id, moved_from}


def _save(edit: Edit, level: _Level, moved: Sequence[StoredRecord]) -> None:
    """Links, and the keys by which the CIs are known from now on."""
    rows = [{"id": each.id, "ci_id": each.ci_id, "link_rule": each.link_rule, "link_made_by": "engine", "linked_at": edit.now} for each in moved]
    update_rows(edit.connection, source_record, rows)
    keys: list[dict[str, str]] = []
    renamed: list[dict[str, str]] = []
    for record in level.records:
        known = level.cis.get(record.ci_id or "")
        for key in level.keys[record.id]:
            if key.is_portable:
                keys.append({"ci_class": record.ci_class, "key": key.text, "ci_id": record.ci_id or ""})
            elif known is not None and known.local_key != key.text and known.owner_ci_id == level.owners[record.id].id:
                renamed.append({"id": known.id, "local_key": key.text})
    insert_missing(edit.connection, portable_key, keys)
    update_rows(edit.connection, ci, renamed)


def _leave(edit: Edit, left: dict[str, str], placed: Placed) -> None:
    """CIs that a record left: one that nothing else shows and that is not on record was the new one all along."""
    placed.touched |= left.keys()
    still: set[str] = set()
    for part in parts(sorted(left)):
        still.update(edit.connection.execute(select(source_record.c.ci_id).where(source_record.c.ci_id.in_(part)).distinct()).scalars())
    known = load_cis(edit.connection, left.keys() - still)
    gone = {each.id: left[each.id] for each in known.values() if not each.is_recorded}
    redirect_cis(edit, gone)
    placed.touched -= gone.keys()


def follow_owners(edit: Edit, moved: Collection[int]) -> list[StoredRecord]:
    """The records that belong to these, whose CI is another now, as far as they are there."""
    return [each for each in load_owned(edit.connection, moved) if each.owner_record_id in moved and not each.misses and not each.is_absent]
