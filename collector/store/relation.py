"""Observed relations: claims of sections as rows, their ends found by ref or identifiers, tried again while an end is unknown.

Design: docs/storage.md. Each row is one source's word (a witness); readers join equal ones. What is no longer claimed: `relation_loss.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import insert, select

from collector.store.content import encode, hash_body
from collector.store.delivery import Delivery
from collector.store.edit import Edit
from collector.store.endpoint import find_endpoints
from collector.store.merge_edge import hold_own_edges
from collector.store.past import keep_ends
from collector.store.relation_loss import confirm_suggestions, end_relations, judge_relation_loss, note_ends, suggestion_of
from collector.store.relation_order import close_older_parents, find_refusals
from collector.store.relation_row import RelationRow, day_of
from collector.store.schema import relation
from collector.store.source import load_source_keys
from collector.store.source_record import load_refs
from collector.store.statement import update_rows
from muster.document import suggest
from muster.errors import InputError
from muster.wire.codec import decode_relation
from muster.wire.report import Endpoint, RelationClaim

RELATIONS_LIMIT = 100_000  # of one section
PENDING_AT_ONCE = 5_000
_claims = msgspec.msgpack.Decoder(RelationClaim)
_NAMES = (
    "id", "type", "source_id", "section", "claim", "claim_hash", "from_ci_id", "to_ci_id", "qualifier", "valid_from", "misses", "missed_since",
    "seen_day",
)  # fmt: skip


def take_relations(edit: Edit, delivery: Delivery, names: Collection[str], whole: Collection[str]) -> set[str]:
    """Take the relations of these sections; of those in `whole`, what is no longer claimed is missed. The CIs at which they begin."""
    told = [name for name in names if delivery.report.sections[name].relations is not None]
    if not told:
        return set()
    known = {(row.section, row.claim_hash): row for row in load_section_relations(edit, delivery.source.id, told)}
    made: dict[tuple[str, bytes], RelationRow] = {}
    seen: set[tuple[str, bytes]] = set()
    for name in told:
        for path, claim in _decode(edit, delivery, name):
            key = (name, hash_body(encode(claim)))
            seen.add(key)
            if key not in known and key not in made:
                made[key] = RelationRow(
                    type=claim.type, source_id=delivery.source.id, section=name, claim=claim, claim_hash=key[1], qualifier=claim.qualifier,
                    valid_from=delivery.observed_at, path=path,
                )  # fmt: skip
    touched = judge_relation_loss(edit, delivery, list(known.values()), seen, whole)
    confirm_suggestions(edit, [row for key, row in known.items() if key in seen], delivery.observed_at)
    _resolve(edit, list(made.values()))
    refused = find_refusals(edit, list(made.values()))
    for row in made.values():
        if row.claim_hash in refused:
            delivery.reject(row.path, refused[row.claim_hash])
    return touched | _insert(edit, [row for row in made.values() if row.claim_hash not in refused])


def load_section_relations(edit: Edit, source_id: int, names: Collection[str]) -> list[RelationRow]:
    """The relations in force of some sections of a source."""
    return _load(edit, (relation.c.source_id == source_id) & relation.c.section.in_(sorted(names)))


def _decode(edit: Edit, delivery: Delivery, name: str) -> list[tuple[str, RelationClaim]]:
    found: list[tuple[str, RelationClaim]] = []
    types = edit.context.relations
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
        kind = types.get(claim.type)
        if kind is None:
            delivery.reject(f"{path}.type", f"unknown relation {claim.type!r}{suggest(claim.type, types.names())}")
        elif kind.mode == "recorded_only":
            delivery.reject(f"{path}.type", f"{claim.type} is what people record; no source states it")
        elif claim.from_end == claim.to_end:
            delivery.reject(path, "both ends are one thing; a relation joins two")
        else:
            found.append((path, claim))
    return found


def retry_pending(edit: Edit) -> set[str]:
    """Try again to find the ends of relations that wait for one: something new has been reported. The CIs at which those found begin."""
    pending = relation.c.from_ci_id.is_(None) | relation.c.to_ci_id.is_(None)
    return _change(edit, _load(edit, pending, limit=PENDING_AT_ONCE))


def follow_refs(edit: Edit, source_id: int, refs: Collection[str]) -> set[str]:
    """The CIs of these refs of a source are others now: its relations follow them. The CIs at which these began and begin."""
    if not refs:
        return set()
    rows = _load(edit, relation.c.source_id == source_id)
    return _change(edit, [row for row in rows if _names(row, refs)])


def _names(row: RelationRow, refs: Collection[str]) -> bool:
    return any(isinstance(end, str) and end in refs for end in (row.claim.from_end, row.claim.to_end))


def _change(edit: Edit, rows: Sequence[RelationRow]) -> set[str]:
    before = {row.id: (row.from_ci_id, row.to_ci_id) for row in rows}
    _resolve(edit, rows)
    changed = [row for row in rows if before[row.id] != (row.from_ci_id, row.to_ci_id)]
    keep_ends(edit, [(row.id, *before[row.id]) for row in changed])
    update_rows(edit.connection, relation, [{"id": row.id, "from_ci_id": row.from_ci_id, "to_ci_id": row.to_ci_id} for row in changed])
    refused = find_refusals(edit, changed)
    end_relations(edit, [row for row in changed if row.claim_hash in refused], edit.now)
    taken = [row for row in changed if row.claim_hash not in refused]
    end_relations(edit, close_older_parents(edit, taken), edit.valid_from)
    for row in taken:
        note_ends(edit, row, before=before[row.id])
    began = {ends[0] for ends in (before[row.id] for row in changed)}
    return {each for each in (*began, *(row.from_ci_id for row in changed)) if each is not None}


def _load(edit: Edit, condition: Any, *, limit: int | None = None) -> list[RelationRow]:
    in_force = relation.c.valid_to.is_(None) & (relation.c.side == "observed")
    query = select(*(relation.c[name] for name in _NAMES)).where(condition, in_force).order_by(relation.c.id).limit(limit)
    return [
        RelationRow(**{**row._mapping, "claim": _claims.decode(row.claim), "claim_hash": bytes(row.claim_hash)})  # noqa: SLF001 -- the documented way
        for row in edit.connection.execute(query)
    ]


def _resolve(edit: Edit, rows: Sequence[RelationRow]) -> None:
    """Find both ends, source by source; ends of an undirected relation stand in the order of their ids."""
    keys = load_source_keys(edit.connection, sorted({row.source_id for row in rows})) if rows else {}
    for source_id, key in keys.items():
        own = [row for row in rows if row.source_id == source_id]
        ends = [end for row in own for end in (row.claim.from_end, row.claim.to_end)]
        by_ref = {each.ref: each.ci_id for each in load_refs(edit.connection, source_id, (end for end in ends if isinstance(end, str)))}
        by_identifiers = find_endpoints(edit, key, (end for end in ends if isinstance(end, Endpoint)))
        for row in own:
            row.source = key
            row.from_ci_id = _find(row.claim.from_end, by_ref, by_identifiers)
            row.to_ci_id = _find(row.claim.to_end, by_ref, by_identifiers)
            kind = edit.context.relations.get(row.type)
            if kind is not None and kind.undirected and row.from_ci_id is not None and row.to_ci_id is not None:
                row.from_ci_id, row.to_ci_id = sorted((row.from_ci_id, row.to_ci_id))
    hold_own_edges(edit, rows)


def _find(end: str | Endpoint, by_ref: Mapping[str, str | None], by_identifiers: Mapping[bytes, str]) -> str | None:
    return by_ref.get(end) if isinstance(end, str) else by_identifiers.get(msgspec.msgpack.encode(end))


def _insert(edit: Edit, rows: Sequence[RelationRow]) -> set[str]:
    if not rows:
        return set()
    superseded = close_older_parents(edit, rows)
    end_relations(edit, superseded, edit.valid_from)
    edit.connection.execute(insert(relation), [_values(edit, row) for row in rows])
    for row in rows:
        if row.valid_to is None:
            note_ends(edit, row, before=(None, None))
    return _beginnings((*rows, *superseded))


def _values(edit: Edit, row: RelationRow) -> dict[str, Any]:
    seen_day, expires_at = suggestion_of(edit, row)
    return {
        "type": row.type,
        "from_ci_id": row.from_ci_id,
        "to_ci_id": row.to_ci_id,
        "qualifier": row.qualifier,
        "side": "observed",
        "source_id": row.source_id,
        "section": row.section,
        "claim_hash": row.claim_hash,
        "claim": msgspec.msgpack.encode(row.claim),
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "known_from": edit.now,
        "end_known_from": None if row.valid_to is None else edit.now,
        "seen_days": 0 if seen_day is None else 1,
        "seen_day": seen_day,
        "expires_at": expires_at,
    }


def _beginnings(rows: Iterable[RelationRow]) -> set[str]:
    return {row.from_ci_id for row in rows if row.from_ci_id is not None}


__all__ = ["day_of", "follow_refs", "load_section_relations", "retry_pending", "take_relations"]
