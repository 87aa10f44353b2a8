"""Observed relations: claims of sections as rows, their ends found by ref or identifiers, tried again while an end is unknown.

Design: docs/storage.md. Each row is one source's word (a witness); readers join equal ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from collector.store.content import encode, hash_body
from collector.store.delivery import Delivery
from collector.store.edit import NO_VALUE, Edit
from collector.store.endpoint import find_endpoints
from collector.store.schema import relation
from collector.store.source import load_source_keys
from collector.store.source_record import load_refs
from collector.store.statement import parts, update_rows
from muster.errors import InputError
from muster.wire.codec import decode_relation
from muster.wire.report import Endpoint, RelationClaim

RELATIONS_LIMIT = 100_000  # of one section
PENDING_AT_ONCE = 5_000
UNDIRECTED = frozenset({"connected_to"})
# A thing has one of these parents at a time; a new one ends the one before.
SINGLE_PARENT = frozenset({"hosted_by", "runs_on", "located_in"})
_claims = msgspec.msgpack.Decoder(RelationClaim)


class _Row(msgspec.Struct):
    """A relation in force. `id` 0: not stored yet."""

    id: int
    source_id: int
    section: str
    claim: RelationClaim
    claim_hash: bytes
    from_ci_id: str | None = None
    to_ci_id: str | None = None


def take_relations(edit: Edit, delivery: Delivery, names: Collection[str], whole: Collection[str]) -> None:
    """Take the relations of these sections; of those in `whole`, what is no longer claimed has ended."""
    told = [name for name in names if delivery.report.sections[name].relations is not None]
    if not told:
        return
    stored = _load(edit, (relation.c.source_id == delivery.source.id) & relation.c.section.in_(sorted(told)))
    known = {(row.section, row.claim_hash): row for row in stored}
    made: dict[tuple[str, bytes], _Row] = {}
    seen: set[tuple[str, bytes]] = set()
    for name in told:
        for claim in _decode(delivery, name):
            key = (name, hash_body(encode(claim)))
            seen.add(key)
            if key not in known and key not in made:
                made[key] = _Row(0, delivery.source.id, name, claim, key[1])
    ended = [row for key, row in known.items() if key not in seen and key[0] in whole]
    _end(edit, ended, delivery.observed_at)
    _resolve(edit, list(made.values()))
    _insert(edit, delivery, list(made.values()))


def _decode(delivery: Delivery, name: str) -> list[RelationClaim]:
    found: list[RelationClaim] = []
    for at, raw in enumerate(delivery.report.sections[name].relations or ()):
        path = f"$.sections.{name}.relations[{at}]"
        if at >= RELATIONS_LIMIT:
            delivery.reject(path, f"more than {RELATIONS_LIMIT} relations in one section; send the others in another")
            break
        try:
            claim = decode_relation(raw, delivery.content_type, path=path)
        except InputError as error:
            delivery.reject(error.path, error.message)
            continue
        if claim.from_end == claim.to_end:
            delivery.reject(path, "both ends are one thing; a relation joins two")
            continue
        found.append(claim)
    return found


def retry_pending(edit: Edit) -> None:
    """Try again to find the ends of relations that wait for one: something new has been reported."""
    pending = relation.c.from_ci_id.is_(None) | relation.c.to_ci_id.is_(None)
    _change(edit, _load(edit, pending, limit=PENDING_AT_ONCE))


def follow_refs(edit: Edit, source_id: int, refs: Collection[str]) -> None:
    """The CIs of these refs of a source are others now: its relations follow them."""
    if refs:
        rows = _load(edit, relation.c.source_id == source_id)
        _change(edit, [row for row in rows if row.claim.from_end in refs or row.claim.to_end in refs])


def _change(edit: Edit, rows: Sequence[_Row]) -> None:
    before = {row.id: (row.from_ci_id, row.to_ci_id) for row in rows}
    _resolve(edit, rows)
    changed = [row for row in rows if before[row.id] != (row.from_ci_id, row.to_ci_id)]
    update_rows(edit.connection, relation, [{"id": row.id, "from_ci_id": row.from_ci_id, "to_ci_id": row.to_ci_id} for row in changed])
    for row in changed:
        _note(edit, row, before=before[row.id])


def _load(edit: Edit, condition: Any, *, limit: int | None = None) -> list[_Row]:
    columns = [relation.c[name] for name in ("id", "source_id", "section", "claim", "claim_hash", "from_ci_id", "to_ci_id")]
    in_force = relation.c.valid_to.is_(None) & (relation.c.side == "observed")
    rows = edit.connection.execute(select(*columns).where(condition, in_force).order_by(relation.c.id).limit(limit))
    return [_Row(row[0], row[1], row[2], _claims.decode(row[3]), bytes(row[4]), row[5], row[6]) for row in rows]


def _resolve(edit: Edit, rows: Sequence[_Row]) -> None:
    """Find both ends, source by source; ends of an undirected relation stand in the order of their ids."""
    keys = load_source_keys(edit.connection, sorted({row.source_id for row in rows})) if rows else {}
    for source_id, key in keys.items():
        own = [row for row in rows if row.source_id == source_id]
        ends = [end for row in own for end in (row.claim.from_end, row.claim.to_end)]
        by_ref = {each.ref: each.ci_id for each in load_refs(edit.connection, source_id, (end for end in ends if isinstance(end, str)))}
        by_identifiers = find_endpoints(edit, key, (end for end in ends if isinstance(end, Endpoint)))
        for row in own:
            row.from_ci_id = _find(row.claim.from_end, by_ref, by_identifiers)
            row.to_ci_id = _find(row.claim.to_end, by_ref, by_identifiers)
            if row.claim.type in UNDIRECTED and row.from_ci_id is not None and row.to_ci_id is not None:
                row.from_ci_id, row.to_ci_id = sorted((row.from_ci_id, row.to_ci_id))


def _find(end: str | Endpoint, by_ref: Mapping[str, str | None], by_identifiers: Mapping[bytes, str]) -> str | None:
    return by_ref.get(end) if isinstance(end, str) else by_identifiers.get(msgspec.msgpack.encode(end))


def _insert(edit: Edit, delivery: Delivery, rows: Sequence[_Row]) -> None:
    values = [
        {
            "type": row.claim.type,
            "from_ci_id": row.from_ci_id,
            "to_ci_id": row.to_ci_id,
            "qualifier": row.claim.qualifier,
            "side": "observed",
            "source_id": row.source_id,
            "section": row.section,
            "claim_hash": row.claim_hash,
            "claim": msgspec.msgpack.encode(row.claim),
            "valid_from": delivery.observed_at,
        }
        for row in rows
    ]
    if not values:
        return
    _end_other_parents(edit, rows, delivery.observed_at)
    edit.connection.execute(insert(relation), values)
    for row in rows:
        _note(edit, row, before=(None, None))


def _end_other_parents(edit: Edit, rows: Sequence[_Row], at: int) -> None:
    moved = {(row.claim.type, row.from_ci_id): row.to_ci_id for row in rows if row.claim.type in SINGLE_PARENT and row.from_ci_id and row.to_ci_id}
    for (kind, child), parent in moved.items():
        others = (relation.c.type == kind) & (relation.c.from_ci_id == child) & (relation.c.to_ci_id != parent) & (relation.c.valid_from < at)
        _end(edit, _load(edit, others), at)


def _end(edit: Edit, rows: Iterable[_Row], at: int) -> None:
    ended = list(rows)
    for part in parts(sorted(row.id for row in ended)):
        edit.connection.execute(update(relation).where(relation.c.id.in_(part)).values(valid_to=at))
    for row in ended:
        if row.from_ci_id is not None and row.to_ci_id is not None:
            edit.note(row.from_ci_id, "relation", row.claim.type, _told(row, row.to_ci_id), NO_VALUE)
            edit.note(row.to_ci_id, "relation", row.claim.type, _told(row, row.from_ci_id), NO_VALUE)


def _note(edit: Edit, row: _Row, *, before: tuple[str | None, str | None]) -> None:
    """A line on each end once both are known. What comes with a CI's first report is no change of it."""
    if row.from_ci_id is None or row.to_ci_id is None or before == (row.from_ci_id, row.to_ci_id):
        return
    for own, other in ((row.from_ci_id, row.to_ci_id), (row.to_ci_id, row.from_ci_id)):
        if own not in edit.made_ids:
            edit.note(own, "relation", row.claim.type, NO_VALUE, _told(row, other))


def _told(row: _Row, other: str) -> dict[str, str]:
    return {"ci": other, **({"qualifier": row.claim.qualifier} if row.claim.qualifier else {})}
