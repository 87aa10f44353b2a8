"""Parts of a host that was not known before: nobody can know them either, so they are written as they will be, without any look-up.

The general path (`inventory.py`, `placement.py`, `settle.py`) gives the same rows; a test holds both against each other. It takes what
does not fit here: portable parts, parts of parts, owners that were known already, words that are not fresh.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from collector.reconcile.dependent import local_key
from collector.reconcile.fact import Observation
from collector.reconcile.merge import merge
from collector.store.bulk import insert_tuples, take_row_ids
from collector.store.ci import StoredCi, load_cis
from collector.store.content import encode, hash_body, save_contents
from collector.store.delivery import Delivery, TakenItem
from collector.store.edit import Edit
from collector.store.identifier import new_ids
from collector.store.inventory import Inventory
from collector.store.item_cache import KnownItem, NewbornForm
from collector.store.observed_view import name_of, searched_values
from collector.store.schema import ci, observation_history, search_value, source_record
from collector.store.source_record import has_waiting, load_records
from collector.store.uuid_text import to_bytes, to_text
from collector.store.word import CONTROL_LEVELS, LIFECYCLES, PRESENCES

_RECORD = (
    "id", "source_id", "section", "ref", "ci_class", "owner_record_id", "content_hash", "observed_at", "first_seen_at", "changed_at", "ci_id",
    "link_rule", "link_made_by", "linked_at",
)  # fmt: skip
_CI = (
    "id", "number", "ci_class", "name", "zone", "owner_ci_id", "local_key", "lifecycle", "presence", "control_level", "effective_hash",
    "created_at", "changed_at", "seen_at",
)  # fmt: skip
_OBSERVATION = ("record_id", "observed_at", "content_hash", "known_from")
_SEARCHED = ("ci_id", "attribute", "value")


class Candidate(msgspec.Struct):
    """An item that may be a part of a new host, with how its CI would look."""

    taken: TakenItem
    form: NewbornForm


class _Newborn(msgspec.Struct):
    taken: TakenItem
    form: NewbornForm
    owner: StoredCi
    owner_record_id: int


def choose_newborn(edit: Edit, delivery: Delivery, work: Inventory, dependents: Sequence[TakenItem]) -> list[Candidate]:
    """The items that may be parts of new hosts, by what is known before hosts are identified."""
    made = {each.ref for each in work.made if each.owner_ref is None}
    if not made or (not delivery.source.is_new and has_waiting(edit.connection, delivery.source.id)):
        return []
    owners = {each.item.owner for each in dependents}
    old = {each.section for each in work.records.values() if each.ref not in made} | {name for name, refs in work.settled.items() if refs}
    kind = delivery.source.key.kind
    kept = {name: (kind, _is_complete(delivery, name)) for name in delivery.listed if name not in old and _is_fresh(edit, delivery, name)}
    found: list[Candidate] = []
    for each in dependents:
        item, key = each.item, kept.get(each.section)
        if key is None or item.owner not in made or item.ref in owners or item.ref in work.records:
            continue
        forms = each.known.forms
        form = forms[key] if key in forms else forms.setdefault(key, _make_form(edit, delivery, each.known, is_complete=key[1]))
        if form is not None:
            found.append(Candidate(each, form))
    return found


def bear(edit: Edit, delivery: Delivery, work: Inventory, chosen: Sequence[Candidate], moved: Collection[int]) -> list[TakenItem]:
    """Write records and CIs of these parts; those whose owner turned out to be known are given back."""
    owners = _new_owners(edit, delivery, work, {each.taken.item.owner or "" for each in chosen}, moved)
    newborn: list[_Newborn] = []
    left: list[TakenItem] = []
    for each in chosen:
        ref = each.taken.item.owner or ""
        owner = owners.get(ref)
        if owner is None:
            left.append(each.taken)
        else:
            newborn.append(_Newborn(each.taken, each.form, owner, work.records[ref].id))
    if newborn:
        _write(edit, delivery, newborn)
    return left


def _new_owners(edit: Edit, delivery: Delivery, work: Inventory, refs: Iterable[str], moved: Collection[int]) -> dict[str, StoredCi]:
    """The CIs, by ref, of owners that this report made and that nothing else belongs to."""
    made = {each.id for each in work.made}
    if not made.issuperset(moved):
        return {}
    records = [work.records[each] for each in refs if _is_fresh(edit, delivery, work.records[each].section)]
    of_record = {each.id: each.ci_id for each in load_records(edit.connection, (each.id for each in records))}
    cis = load_cis(edit.connection, (each for each in of_record.values() if each in edit.made_ids))
    return {each.ref: cis[of_record[each.id] or ""] for each in records if of_record.get(each.id) in cis}


def _is_fresh(edit: Edit, delivery: Delivery, section: str) -> bool:
    """Whether what a section says now counts at once: the parts are seen."""
    word = delivery.report.sections.get(section)
    return word is not None and edit.now - delivery.observed_at <= edit.context.settings.fresh_for_ms(word.interval_seconds)


def _is_complete(delivery: Delivery, section: str) -> bool:
    word = delivery.report.sections[section]
    return word.complete and word.status == "ok" and section not in delivery.unreadable


def _make_form(edit: Edit, delivery: Delivery, known: KnownItem, *, is_complete: bool) -> NewbornForm | None:
    item = known.item
    ci_class = edit.class_of(item.ci_class)
    keys = local_key(ci_class, item)
    if ci_class.portable or not keys:
        return None
    at = delivery.observed_at
    only = Observation(
        record_id=0,
        source=delivery.source.key,
        ref=item.ref,
        observed_at=at,
        confirmed_at=at,
        is_fresh=True,
        attributes=item.attributes,
        is_complete=is_complete,
        source_id=delivery.source.id,
    )
    effective = merge(ci_class, [only], {}, edit.context.settings, edit.now).plain()
    body = encode(effective)
    return NewbornForm(
        name=name_of(ci_class, effective, {}) or item.ref,
        local_key="|".join(("local", *keys)),
        control_level=ci_class.control,
        effective=effective,
        effective_body=body,
        effective_hash=hash_body(body) if effective else None,
        searched=tuple(searched_values(ci_class, effective, {}, {})),
    )


def _write(edit: Edit, delivery: Delivery, newborn: Sequence[_Newborn]) -> None:
    connection, now, at = edit.connection, edit.now, delivery.observed_at
    bodies = {each.taken.content_hash: each.taken.body for each in newborn}
    bodies |= {each.form.effective_hash: each.form.effective_body for each in newborn if each.form.effective_hash is not None}
    save_contents(connection, bodies)
    first = take_row_ids(connection, source_record, len(newborn))
    ids = new_ids(now, len(newborn))
    insert_tuples(connection, ci, _CI, list(_ci_rows(edit, at, newborn, ids)))
    insert_tuples(
        connection, source_record, _RECORD, list(_record_rows(edit, delivery, newborn, zip(range(first, first + len(ids)), ids, strict=True)))
    )
    observed = [(number, at, each.taken.content_hash, now) for number, each in enumerate(newborn, first)]
    insert_tuples(connection, observation_history, _OBSERVATION, observed)
    searched = [(ci_id, *pair) for each, ci_id in zip(newborn, ids, strict=True) for pair in each.form.searched]
    insert_tuples(connection, search_value, _SEARCHED, searched)
    texts = list(map(to_text, ids))
    edit.made_ids.update(texts)
    edit.searched_ids.update(texts)
    edit.contents |= {each.taken.content_hash: each.taken.content for each in newborn}
    edit.contents |= {each.form.effective_hash: each.form.effective for each in newborn if each.form.effective_hash is not None}


def _record_rows(edit: Edit, delivery: Delivery, newborn: Sequence[_Newborn], numbered: Iterable[tuple[int, bytes]]) -> Iterable[tuple[Any, ...]]:
    at, source_id, now = delivery.observed_at, delivery.source.id, edit.now
    for each, (number, ci_id) in zip(newborn, numbered, strict=True):
        item, taken = each.taken.item, each.taken
        yield (
            number,
            source_id,
            taken.section,
            item.ref,
            item.ci_class,
            each.owner_record_id,
            taken.content_hash,
            at,
            at,
            at,
            ci_id,
            "first_seen",
            "engine",
            now,
        )


def _ci_rows(edit: Edit, at: int, newborn: Sequence[_Newborn], ids: Sequence[bytes]) -> Iterable[tuple[Any, ...]]:
    packed: Mapping[str, bytes] = {ci_id: to_bytes(ci_id) for ci_id in {each.owner.id for each in newborn}}
    live, seen, now = LIFECYCLES["live"], PRESENCES["seen"], edit.now
    for each, ci_id, number in zip(newborn, ids, edit.take_numbers(len(newborn)), strict=True):
        form, owner = each.form, each.owner
        yield (
            ci_id,
            number,
            each.taken.item.ci_class,
            form.name,
            owner.zone,
            packed[owner.id],
            form.local_key,
            live,
            seen,
            CONTROL_LEVELS[form.control_level],
            form.effective_hash,
            now,
            now,
            at,
        )
