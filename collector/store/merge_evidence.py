"""After an un-merge, what came since the merge goes to the side whose records told it: parts, observed relations, states of checks.

Design: docs/merges.md. What people made since then is not evidence; `merge_later.py` lists it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import delete, insert, or_, select, update

from collector.store.check import update_operation
from collector.store.ci import load_cis
from collector.store.edit import NO_VALUE, Edit
from collector.store.endpoint import find_endpoints
from collector.store.merge_move import Returned
from collector.store.past import correct_owners
from collector.store.schema import check_state, ci, relation, relation_past, source_record, transition
from collector.store.source import load_source_keys
from collector.store.source_record import StoredRecord, load_records
from collector.store.statement import parts, update_rows
from muster.wire.report import Endpoint, RelationClaim

_claims = msgspec.msgpack.Decoder(RelationClaim)


def follow_evidence(edit: Edit, returned: Returned, since: int) -> set[str]:
    """Give both sides what their own records told since the merge; the CIs touched."""
    touched = _follow_parts(edit, returned, since)
    _follow_relations(edit, returned, since)
    _follow_states(edit, returned, since)
    return touched


def _follow_parts(edit: Edit, returned: Returned, since: int) -> set[str]:
    """A part first seen after the merge belongs where the owner of all of its records is now."""
    owner = source_record.alias("owner")
    joined = source_record.join(ci, ci.c.id == source_record.c.ci_id).join(owner, owner.c.id == source_record.c.owner_record_id)
    told: dict[str, set[str | None]] = {}
    held_by: dict[str, str] = {}
    for part in parts(sorted(set(returned.redirects.values()))):
        is_later = ci.c.owner_ci_id.in_(part) & (ci.c.created_at >= since) & ci.c.redirect_to.is_(None)
        columns = (ci.c.id, ci.c.owner_ci_id, owner.c.ci_id.label("told"))
        for row in edit.connection.execute(select(*columns).select_from(joined).where(is_later)):
            told.setdefault(row.id, set()).add(row.told)
            held_by[row.id] = row.owner_ci_id
    moved: dict[str, str] = {}
    for part_id, owners in told.items():
        only = next(iter(owners)) if len(owners) == 1 else None
        if only is not None and only != held_by[part_id] and returned.redirects.get(only) == held_by[part_id]:
            moved[part_id] = only
    zones = {row.id: row.zone for row in load_cis(edit.connection, moved.values()).values()}
    correct_owners(edit, {part_id: (held_by[part_id], target) for part_id, target in moved.items()})
    rows = [{"id": each, "owner_ci_id": target, "zone": zones[target], "changed_at": edit.now} for each, target in sorted(moved.items())]
    update_rows(edit.connection, ci, rows)
    return {*moved, *moved.values(), *(held_by[each] for each in moved)}


def find_misplaced(edit: Edit, ci_ids: Collection[str]) -> list[StoredRecord]:
    """Records of parts that hang on another CI than their owners' records: what one side told of a part that is the other's again."""
    owner = source_record.alias("owner")
    joined = source_record.join(ci, ci.c.id == source_record.c.ci_id).join(owner, owner.c.id == source_record.c.owner_record_id)
    found: set[int] = set()
    for part in parts(sorted(ci_ids)):
        is_it = or_(ci.c.owner_ci_id.in_(part), owner.c.ci_id.in_(part)) & (ci.c.owner_ci_id != owner.c.ci_id)
        found.update(edit.connection.execute(select(source_record.c.id).select_from(joined).where(is_it)).scalars())
    return load_records(edit.connection, found)


def _follow_relations(edit: Edit, returned: Returned, since: int) -> None:
    """Observed relations that were first told after the merge: each end is the CI that its record, or its identifiers, mean now."""
    sides = {*returned.redirects, *returned.redirects.values()}
    rows: dict[int, Any] = {}
    for part in parts(sorted(set(returned.redirects.values()))):
        touches = or_(relation.c.from_ci_id.in_(part), relation.c.to_ci_id.in_(part))
        query = select(relation).where(touches, relation.c.side == "observed", relation.c.valid_from >= since)
        rows |= {row.id: row for row in edit.connection.execute(query)}
    known = [(row, _claims.decode(row.claim)) for row in rows.values() if row.source_id is not None]
    by_ref = _find_refs(edit, known, sides)
    by_end = _find_ends(edit, known)
    changed: list[dict[str, Any]] = []
    for row, claim in known:
        ends = _ends_now(row, claim, by_ref, by_end, sides)
        # What is now known to be a relation of a CI with itself never was one.
        is_own = ends["from_ci_id"] is not None and ends["from_ci_id"] == ends["to_ci_id"]
        if (ends["from_ci_id"], ends["to_ci_id"]) != (row.from_ci_id, row.to_ci_id) or (is_own and row.valid_to is None):
            valid_to, told_at = (row.valid_from, edit.now) if is_own else (row.valid_to, row.end_known_from)
            changed.append({"id": row.id, **ends, "valid_to": valid_to, "end_known_from": told_at})
            _note_relation(edit, row, claim, ends)
    past = [{"relation_id": row.id, "from_ci_id": row.from_ci_id, "to_ci_id": row.to_ci_id, "known_to": edit.now} for row in rows.values()]
    moved = {row["id"] for row in changed}
    if moved:
        edit.connection.execute(insert(relation_past), [row for row in past if row["relation_id"] in moved])
    update_rows(edit.connection, relation, changed)


def _ends_now(
    row: Any, claim: RelationClaim, by_ref: Mapping[tuple[int, Any], str], by_end: Mapping[tuple[int, Any], str], sides: Collection[str]
) -> dict[str, str | None]:
    """Both ends; only one that the merge had joined, or kept waiting, is looked at again."""
    ends: dict[str, str | None] = {}
    for column, end in (("from_ci_id", claim.from_end), ("to_ci_id", claim.to_end)):
        found = by_ref.get((row.source_id, end)) if isinstance(end, str) else by_end.get((row.source_id, msgspec.msgpack.encode(end)))
        stands: str | None = getattr(row, column)
        ends[column] = found if found is not None and (stands is None or stands in sides) else stands
    return ends


def _find_refs(edit: Edit, known: Iterable[tuple[Any, RelationClaim]], sides: Collection[str]) -> dict[tuple[int, Any], str]:
    """By source and ref the CI that the ref means; of several records of a ref the one in force, else one of the two sides."""
    wanted: dict[int, set[str]] = {}
    for row, claim in known:
        wanted.setdefault(row.source_id, set()).update(end for end in (claim.from_end, claim.to_end) if isinstance(end, str))
    found: dict[tuple[int, Any], str] = {}
    columns = (source_record.c.ref, source_record.c.ci_id, source_record.c.closed_at)
    for source_id, refs in wanted.items():
        for part in parts(sorted(refs)):
            is_it = (source_record.c.source_id == source_id) & source_record.c.ref.in_(part) & source_record.c.ci_id.is_not(None)
            for row in edit.connection.execute(select(*columns).where(is_it).order_by(source_record.c.closed_at.is_(None), source_record.c.id)):
                if row.closed_at is None or row.ci_id in sides:
                    found[source_id, row.ref] = row.ci_id
    return found


def _find_ends(edit: Edit, known: Iterable[tuple[Any, RelationClaim]]) -> dict[tuple[int, Any], str]:
    wanted: dict[int, list[Endpoint]] = {}
    for row, claim in known:
        wanted.setdefault(row.source_id, []).extend(end for end in (claim.from_end, claim.to_end) if isinstance(end, Endpoint))
    keys = load_source_keys(edit.connection, sorted(wanted)) if wanted else {}
    return {(source_id, key): ci_id for source_id, ends in wanted.items() for key, ci_id in find_endpoints(edit, keys[source_id], ends).items()}


def _note_relation(edit: Edit, row: Any, claim: RelationClaim, ends: Mapping[str, str | None]) -> None:
    for own, other in (("from_ci_id", "to_ci_id"), ("to_ci_id", "from_ci_id")):
        before, after = getattr(row, own), ends[own]
        if before == after or before is None or after is None:
            continue
        edit.note(before, "relation", claim.type, {"ci": getattr(row, other)}, NO_VALUE, valid_from=row.valid_from)
        edit.note(after, "relation", claim.type, NO_VALUE, {"ci": ends[other]}, valid_from=row.valid_from)


def _follow_states(edit: Edit, returned: Returned, since: int) -> None:
    """States told since the merge by a source that only sees one side; what a source that sees both told stays where it is."""
    touched: set[str] = set()
    for restored, holder in sorted(returned.redirects.items()):
        sources = _sources_of(edit, restored) - _sources_of(edit, holder)
        if not sources:
            continue
        is_it = transition.c.source_id.in_(sorted(sources)) & (transition.c.ci_id == holder) & (transition.c.known_from >= since)
        moved = edit.connection.execute(update(transition).where(is_it).values(ci_id=restored)).rowcount
        moved += _follow_checks(edit, restored, holder, sources)
        touched |= {restored, holder} if moved else set()
    update_operation(edit, touched)


def _follow_checks(edit: Edit, restored: str, holder: str, sources: Collection[int]) -> int:
    is_it = (check_state.c.ci_id == holder) & check_state.c.source_id.in_(sorted(sources))
    moved = edit.connection.execute(select(check_state.c.id, check_state.c.check_name, check_state.c.source_id).where(is_it)).all()
    for row in moved:
        own = (check_state.c.ci_id == restored) & (check_state.c.check_name == row.check_name) & (check_state.c.source_id == row.source_id)
        edit.connection.execute(delete(check_state).where(own))
        edit.connection.execute(update(check_state).where(check_state.c.id == row.id).values(ci_id=restored))
    return len(moved)


def _sources_of(edit: Edit, ci_id: str) -> set[int]:
    """The sources that see a CI."""
    is_it = (source_record.c.ci_id == ci_id) & source_record.c.closed_at.is_(None)
    return set(edit.connection.execute(select(source_record.c.source_id).where(is_it).distinct()).scalars())
