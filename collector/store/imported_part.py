"""Parts that rows of an import put on record inside their owners: found by their owner's local key or as portable parts, else new."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from collector.imports.row import RowFault, Wish
from collector.reconcile.dependent import DependentKey, dependent_keys
from collector.store.ci import StoredCi, load_cis
from collector.store.content import load_contents
from collector.store.edit import Edit
from collector.store.imported_relation import StatedRelation, find_ends, key_of
from collector.store.imported_write import Place, WrittenBatch, write_batch
from collector.store.schema import ci, portable_key
from collector.store.statement import insert_missing, parts
from muster.errors import quote
from muster.wire.report import Item


def write_parts(edit: Edit, mapping: str, wishes: Sequence[Wish]) -> WrittenBatch:
    """Put these parts on record, once every row that may be an owner has its CI."""
    stated = [StatedRelation(each.row, "", each.zone, each.owner) for each in wishes if each.owner is not None]
    ends = find_ends(edit, mapping, stated)
    owners = {wish.key: ends.get(key_of(each)) for wish, each in zip(wishes, stated, strict=True)}
    faults = [_refuse(wish) for wish in wishes if owners[wish.key] is None]
    placed = [wish for wish in wishes if owners[wish.key] is not None]
    keys = {wish.key: dependent_keys(wish.ci_class, _to_item(wish), edit.context.junk) for wish in placed}
    faults += [
        RowFault(wish.row, "", "", f"nothing tells it from others of its owner; map {', '.join(wish.ci_class.local_key)}")
        for wish in placed
        if not keys[wish.key]
    ]
    placed = [wish for wish in placed if keys[wish.key]]
    known = _find_known(edit, placed, owners, keys)
    load_contents(edit.connection, (key for each in known.values() for key in (each.effective_hash, each.recorded_hash)), edit.contents)
    zones = {each.id: each.zone for each in load_cis(edit.connection, {each for each in owners.values() if each is not None}).values()}
    places = {wish.key: _place(owners[wish.key] or "", keys[wish.key], zones) for wish in placed}
    written = write_batch(edit, [(wish, known.get(wish.key)) for wish in placed], places)
    portable = [
        {"ci_class": wish.ci_class.name, "key": key.text, "ci_id": written.ids[wish.key]}
        for wish in placed
        if wish.key in written.ids
        for key in keys[wish.key]
        if key.is_portable
    ]
    insert_missing(edit.connection, portable_key, portable)
    written.faults += faults
    return written


def _refuse(wish: Wish) -> RowFault:
    assert wish.owner is not None, "a part has its owner's name, or its row was refused"
    message = f"no one CI is {wish.owner.by} {quote(wish.owner.value)}; put its owner on record first, or say by which identifier it is known"
    return RowFault(wish.row, wish.owner.column, quote(wish.owner.value), message)


def _to_item(wish: Wish) -> Item:
    values = {name.removeprefix("identifier."): value for name, value in wish.values.items() if value is not None}
    return Item(ref=wish.key[:256], ci_class=wish.ci_class.name, attributes=values)


def _place(owner_id: str, keys: Sequence[DependentKey], zones: Mapping[str, str]) -> Place:
    return Place(owner_id, next((key.text for key in keys if not key.is_portable), None), zones.get(owner_id, "default"))


def _find_known(
    edit: Edit, wishes: Sequence[Wish], owners: Mapping[str, str | None], keys: Mapping[str, Sequence[DependentKey]]
) -> dict[str, StoredCi]:
    """The part that each of these is already: the same portable part anywhere, else what has its local key in its owner."""
    portable = _load_portable(edit, {key.text for wish in wishes for key in keys[wish.key] if key.is_portable})
    inside: dict[tuple[str, str, str], str] = {}
    for part in parts(sorted({owner for wish in wishes if (owner := owners[wish.key]) is not None})):
        columns = (ci.c.id, ci.c.owner_ci_id, ci.c.ci_class, ci.c.local_key)
        is_part = ci.c.owner_ci_id.in_(part) & ci.c.redirect_to.is_(None) & ci.c.local_key.is_not(None)
        inside |= {(row.owner_ci_id, row.ci_class, row.local_key): row.id for row in edit.connection.execute(select(*columns).where(is_part))}
    ids: dict[str, str] = {}
    for wish in wishes:
        name = wish.ci_class.name
        for key in keys[wish.key]:
            found = portable.get((name, key.text)) if key.is_portable else inside.get((owners[wish.key] or "", name, key.text))
            if found is not None:
                ids[wish.key] = found
                break
    rows = load_cis(edit.connection, ids.values())
    return {key: rows[ci_id] for key, ci_id in ids.items() if ci_id in rows}


def _load_portable(edit: Edit, texts: Collection[str]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for part in parts(sorted(texts)):
        rows = edit.connection.execute(select(portable_key.c.ci_class, portable_key.c.key, portable_key.c.ci_id).where(portable_key.c.key.in_(part)))
        found |= {(row.ci_class, row.key): row.ci_id for row in rows}
    return found
