"""The whole state of a small store as plain rows: what a case prints and a test compares. Design: docs/cases.md.

Not for a store of any size: everything is read into memory.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
from sqlalchemy import Connection, false, func, select

from collector.store.content import decode, load_contents
from collector.store.schema import (
    audit,
    case_member,
    ci,
    decision,
    difference,
    observation_history,
    relation,
    review_case,
    section,
    source,
    source_record,
    tombstone,
)
from collector.store.tombstone import find_tombstones


class CiRow(msgspec.Struct, frozen=True, kw_only=True):
    """A CI with its two sides. `records`: (source as `kind/name/instance`, ref, whether it is absent); `provenance`: attribute to source."""

    id: str
    number: int
    ci_class: str
    name: str
    zone: str
    owner_id: str | None
    lifecycle: str
    presence: str
    operation: str
    control: str
    is_recorded: bool
    is_provisional: bool
    redirect_to: str | None
    effective: dict[str, Any]
    recorded: dict[str, Any]
    tags: dict[str, str]
    records: tuple[tuple[str, str, bool], ...]
    provenance: dict[str, str]
    has_changed: bool  # a source told something else of it once, or no longer tells of it
    linked_at: frozenset[int]  # when its records came to it
    returned_from: tuple[str, ...] = ()  # names of deleted CIs that it was once


class RelationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A relation in force as one source, or the record, has it."""

    type: str
    from_id: str | None
    to_id: str | None
    qualifier: str
    side: str
    source: str | None


class DifferenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A difference of any state."""

    id: str
    kind: str
    ci_id: str
    attribute: str
    recorded: Any
    observed: Any
    state: str
    group_key: str
    decision_id: str | None
    opened_at: int
    closed_at: int | None = None
    change_id: str | None = None
    is_unauthorised: bool = False
    flaps: int = 0


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A case of any state."""

    id: str
    kind: str
    member_ids: tuple[str, ...]
    state: str
    evidence: Any
    decision_id: str | None
    closed_at: int | None = None
    has_changed: bool = False  # as of a CI, of one of its records


class DecisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A decision of a person or a policy."""

    id: str
    kind: str
    made_by: str
    reason: str
    at: int
    undone_by: str | None


class WholeState(msgspec.Struct, frozen=True):
    """Everything; `held`: records without a CI, as (source, ref)."""

    cis: tuple[CiRow, ...]
    relations: tuple[RelationRow, ...]
    differences: tuple[DifferenceRow, ...]
    cases: tuple[CaseRow, ...]
    decisions: tuple[DecisionRow, ...]
    held: tuple[tuple[str, str], ...]


def load_whole_state(connection: Connection) -> WholeState:
    """Read all of it, in the order of making."""
    names = {
        row.id: f"{row.kind}/{row.name}/{row.instance}"
        for row in connection.execute(select(source.c.id, source.c.kind, source.c.name, source.c.instance))
    }
    records: defaultdict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    held: list[tuple[str, str]] = []
    changed = _load_changed(connection)
    changed_cis: set[str] = set()
    linked: defaultdict[str, set[int]] = defaultdict(set)
    columns = (
        source_record.c.id,
        source_record.c.source_id,
        source_record.c.ref,
        source_record.c.is_absent,
        source_record.c.ci_id,
        source_record.c.closed_at,
        source_record.c.linked_at,
    )
    for row in connection.execute(select(*columns)):
        if row.ci_id is not None and row.id in changed:
            changed_cis.add(row.ci_id)
        if row.ci_id is not None and row.linked_at is not None:
            linked[row.ci_id].add(row.linked_at)
        if row.closed_at is not None:
            continue
        if row.ci_id is None:
            held.append((names[row.source_id], row.ref))
        else:
            records[row.ci_id].append((names[row.source_id], row.ref, row.is_absent))
    left = select(*columns).where(source_record.c.closed_at.is_not(None), source_record.c.ci_id.is_not(None)).order_by(source_record.c.id)
    closed = [row for row in connection.execute(left) if row.ci_id not in records]
    for row in closed:  # what another thing took the ref of is still told by its last record
        records[row.ci_id].append((names[row.source_id], row.ref, True))
    returned = _load_returned(connection)
    return WholeState(
        cis=tuple(
            msgspec.structs.replace(each, linked_at=frozenset(linked[each.id]), returned_from=returned.get(each.id, ()))
            for each in _load_cis(connection, records, names, changed_cis)
        ),
        relations=_load_relations(connection, names),
        differences=_load_differences(connection),
        cases=_load_cases(connection, changed),
        decisions=tuple(
            DecisionRow(id=row.id, kind=row.kind, made_by=row.made_by, reason=row.reason, at=row.at, undone_by=row.undone_by)
            for row in _in_order(connection)
        ),
        held=tuple(sorted(held)),
    )


def _in_order(connection: Connection) -> list[Any]:
    """Decisions as they were made: ids of one millisecond stand in no order, the audit trail does."""
    query = select(audit.c.subject, func.min(audit.c.id)).where(audit.c.action.like("decision.%")).group_by(audit.c.subject)
    places: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return sorted(connection.execute(select(decision)).all(), key=lambda row: (row.at, places.get(row.id, 0)))


def _load_returned(connection: Connection) -> dict[str, tuple[str, ...]]:
    names = {row.ci_id: row.name for row in connection.execute(select(tombstone.c.ci_id, tombstone.c.name))}
    found = find_tombstones(connection, list(connection.execute(select(ci.c.id)).scalars())) if names else {}
    return {ci_id: tuple(names[each] for each in buried) for ci_id, buried in found.items()}


def _load_changed(connection: Connection) -> set[int]:
    """Records of which the source told different things at different times, or that ended."""
    told = select(observation_history.c.record_id).group_by(observation_history.c.record_id).having(func.count() > 1)
    ended = select(source_record.c.id).where(source_record.c.closed_at.is_not(None) | source_record.c.is_absent.is_(True))
    return {*connection.execute(told).scalars(), *connection.execute(ended).scalars()}


def _load_cases(connection: Connection, changed: set[int]) -> tuple[CaseRow, ...]:
    of_changed = {row.case_id for row in connection.execute(select(case_member)) if row.record_id in changed}
    rows = connection.execute(select(review_case).order_by(review_case.c.opened_at, review_case.c.id))
    return tuple(msgspec.structs.replace(to_case(row), has_changed=row.id in of_changed) for row in rows)


def _load_cis(connection: Connection, records: dict[str, list[tuple[str, str, bool]]], names: dict[int, str], changed: set[str]) -> tuple[CiRow, ...]:
    rows = connection.execute(select(ci).order_by(ci.c.number)).all()
    contents = load_contents(connection, (bytes(key) for row in rows for key in (row.effective_hash, row.recorded_hash) if key is not None))
    found = []
    for row in rows:
        own = tuple(sorted(records.get(row.id, ())))
        effective = contents[bytes(row.effective_hash)] if row.effective_hash is not None else {}
        found.append(
            CiRow(
                id=row.id,
                number=row.number,
                ci_class=row.ci_class,
                name=row.name,
                zone=row.zone,
                owner_id=row.owner_ci_id,
                lifecycle=row.lifecycle,
                presence=row.presence,
                operation=row.operation,
                control=row.control_level,
                is_recorded=row.is_recorded,
                is_provisional=row.is_provisional,
                redirect_to=row.redirect_to,
                effective=effective,
                recorded=contents[bytes(row.recorded_hash)] if row.recorded_hash is not None else {},
                tags=decode(row.tags) or {},
                records=own,
                provenance=_provenance(decode(row.provenance), effective, own, names),
                has_changed=row.id in changed,
                linked_at=frozenset(),
            )
        )
    return tuple(found)


def _provenance(stored: Any, effective: dict[str, Any], records: tuple[tuple[str, str, bool], ...], names: dict[int, str]) -> dict[str, str]:
    """Where each effective value comes from: `agent/web01/a1: precedence`."""
    if stored:
        return {name: ": ".join(each for each in (names.get(stored[name][0], ""), stored[name][1]) if each) for name in effective if name in stored}
    sources = sorted({each[0] for each in records})
    return dict.fromkeys(effective, f"{sources[0]}: only_source") if len(sources) == 1 else {}


def _load_relations(connection: Connection, names: dict[int, str]) -> tuple[RelationRow, ...]:
    of_it = (section.c.source_id == relation.c.source_id) & (section.c.name == relation.c.section)
    is_own = func.coalesce(relation.c.from_ci_id == relation.c.to_ci_id, false())  # two that a person made one
    query = select(relation, section.c.stale_at).outerjoin(section, of_it).where(relation.c.valid_to.is_(None), ~is_own).order_by(relation.c.id)
    rows = connection.execute(query).all()
    standing = {_ends(row) for row in rows if _stands(row)}
    return tuple(
        RelationRow(
            type=row.type, from_id=row.from_ci_id, to_id=row.to_ci_id, qualifier=row.qualifier, side=row.side, source=names.get(row.source_id or 0)
        )
        for row in rows
        if _stands(row) or _ends(row) not in standing
    )


def _ends(row: Any) -> tuple[Any, ...]:
    return (row.type, row.from_ci_id, row.to_ci_id, row.qualifier, row.side)


def _stands(row: Any) -> bool:
    """Whether its witness still says so: it is heard, and has not left it out."""
    return row.side == "recorded" or (row.stale_at is not None and not row.misses)


def _load_differences(connection: Connection) -> tuple[DifferenceRow, ...]:
    return tuple(to_difference(row) for row in connection.execute(select(difference).order_by(difference.c.opened_at, difference.c.id)))


def to_difference(row: Any) -> DifferenceRow:
    """A row of `difference`, decoded."""
    return DifferenceRow(
        id=row.id,
        kind=row.kind,
        ci_id=row.ci_id,
        attribute=row.attribute,
        recorded=decode(row.recorded),
        observed=decode(row.observed),
        state=row.state,
        group_key=row.group_key,
        decision_id=row.decision_id,
        opened_at=row.opened_at,
        change_id=row.change_id,
        is_unauthorised=row.is_unauthorised,
        flaps=row.flaps,
    )


def to_case(row: Any) -> CaseRow:
    """A row of `review_case`, decoded."""
    return CaseRow(
        id=row.id,
        kind=row.kind,
        member_ids=tuple(decode(row.members) or ()),
        state=row.state,
        evidence=decode(row.evidence),
        decision_id=row.decision_id,
        closed_at=row.closed_at,
    )
