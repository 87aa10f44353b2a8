"""One configuration item with its facts and their provenance, identifiers, links, relations, checks. A fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, or_, select

from collector.reconcile.explain import explain_link, render
from collector.reconcile.fact import Observation
from collector.reconcile.record import LinkEvidence, SourceKey
from collector.store.content import decode, load_contents
from collector.store.read_ci import find_row, to_summaries
from collector.store.read_fact import load_facts
from collector.store.read_service import services_by_ci
from collector.store.reading import Reading, load_refs, load_source_refs
from collector.store.schema import check_state, ci, identity_claim, relation, section, source, source_record
from collector.store.witness import last_seen_at
from muster.ports import CheckView, CiDetail, CiRef, IdentifierView, LinkView, RelationView, SourceRef

_evidence = msgspec.msgpack.Decoder(LinkEvidence)
RELATION_LIMIT = 1_000


def load_detail(reading: Reading, key: str) -> CiDetail:
    """The CI of an id or number. Raises NotFoundError."""
    row = find_row(reading, key)
    records = _records(reading, row.id)
    sources = load_source_refs(reading.connection, (each.source_id for each in records))
    observations = _observations(reading, records)
    return CiDetail(
        summary=to_summaries(reading, [row])[0],
        control_level=row.control_level,
        version=row.version,
        label=reading.label_of(row.ci_class, ""),
        tags=decode(row.tags) or {},
        facts=load_facts(reading, row, observations, sources),
        identifiers=_identifiers(reading, records, sources),
        links=[_link(reading, each, sources[each.source_id]) for each in records],
        relations=_relations(reading, row.id),
        contents=_contents(reading, row.id),
        checks=_checks(reading, row.id),
        services=services_by_ci(reading).get(row.id, []),
        redirected_from=list(reading.connection.execute(select(ci.c.id).where(ci.c.redirect_to == row.id).order_by(ci.c.number)).scalars()),
    )


def _records(reading: Reading, ci_id: str) -> Sequence[Any]:
    """The source records that the CI is made of, with how fresh and whole their sections are."""
    joined = source_record.join(source, source.c.id == source_record.c.source_id).outerjoin(
        section, (section.c.source_id == source_record.c.source_id) & (section.c.name == source_record.c.section)
    )
    columns = (
        source_record, source.c.kind, source.c.name, source.c.instance, source.c.zone, source.c.state,
        section.c.confirmed_at, section.c.interval_seconds, section.c.complete, section.c.status,
    )  # fmt: skip
    query = select(*columns).select_from(joined).where(source_record.c.ci_id == ci_id, source_record.c.closed_at.is_(None))
    return reading.connection.execute(query.order_by(source.c.kind, source.c.name, source_record.c.ref, source_record.c.id)).all()


def _is_fresh(reading: Reading, record: Any) -> bool:
    confirmed_at = record.confirmed_at if record.confirmed_at is not None else record.observed_at
    return not record.is_absent and record.state not in ("revoked", "replaced") and reading.is_fresh(confirmed_at, record.interval_seconds)


def _observations(reading: Reading, records: Sequence[Any]) -> list[Observation]:
    contents = load_contents(reading.connection, (bytes(each.content_hash) for each in records))
    return [
        Observation(
            record_id=each.id,
            source=SourceKey(each.kind, each.name, each.instance, each.zone),
            ref=each.ref,
            observed_at=each.changed_at if _is_fresh(reading, each) else last_seen_at(each),
            confirmed_at=each.confirmed_at if each.confirmed_at is not None else each.observed_at,
            is_fresh=_is_fresh(reading, each),
            attributes=contents.get(bytes(each.content_hash), {}).get("attributes", {}),
            is_complete=bool(each.complete),
            source_id=each.source_id,
        )
        for each in records
        if not each.is_absent
    ]


def _identifiers(reading: Reading, records: Sequence[Any], sources: Mapping[int, SourceRef]) -> list[IdentifierView]:
    """Claims of all records, equal ones joined; those that may identify first."""
    source_of = {each.id: sources[each.source_id] for each in records}
    if not source_of:
        return []
    grouped: defaultdict[tuple[str, str, str], list[Any]] = defaultdict(list)
    query = select(identity_claim).where(identity_claim.c.record_id.in_(sorted(source_of))).order_by(identity_claim.c.record_id)
    for row in reading.connection.execute(query):
        grouped[row.kind, row.scope, row.value].append(row)
    views = [
        IdentifierView(
            kind=kind,
            scope=scope,
            value=value,
            raw=rows[0].raw,
            state=min((row.state for row in rows), key=_STATE_ORDER.index),
            why=next((row.why for row in rows if row.why), ""),
            sources=list({source_of[row.record_id].id: source_of[row.record_id] for row in rows}.values()),
            first_seen_at=min(row.first_seen_at for row in rows),
            last_seen_at=max(reading.now if row.last_seen_at is None else row.last_seen_at for row in rows),
        )
        for (kind, scope, value), rows in grouped.items()
    ]
    return sorted(views, key=lambda view: (_STATE_ORDER.index(view.state), view.kind, view.scope, view.value))


_STATE_ORDER = ("active", "disputed", "quarantined", "junk", "historic")


def _link(reading: Reading, record: Any, named: SourceRef) -> LinkView:
    evidence = _evidence.decode(record.link_evidence) if record.link_evidence is not None else None
    text = f"{named.kind}/{named.name}/{named.instance}"
    return LinkView(
        source=named,
        ref=record.ref,
        rule=record.link_rule or "",
        made_by=record.link_made_by or "engine",
        evidence={} if evidence is None else msgspec.to_builtins(evidence),
        explanation="" if evidence is None else "\n".join(render(line) for line in explain_link(evidence, text, record.ref)),
        linked_at=record.linked_at,
        is_fresh=_is_fresh(reading, record),
        is_absent=record.is_absent,
    )


def _relations(reading: Reading, ci_id: str) -> list[RelationView]:
    """Relations in force, those that several sources witness joined."""
    touches = or_(relation.c.from_ci_id == ci_id, relation.c.to_ci_id == ci_id)
    query = select(relation).where(touches, relation.c.valid_to.is_(None)).order_by(relation.c.type, relation.c.id).limit(RELATION_LIMIT)
    rows = reading.connection.execute(query).all()
    others = load_refs(reading.connection, (each for row in rows for each in (row.from_ci_id, row.to_ci_id)))
    sources = load_source_refs(reading.connection, (row.source_id for row in rows))
    grouped: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in rows:
        is_out = row.from_ci_id == ci_id
        other = row.to_ci_id if is_out else row.from_ci_id
        pending = bytes(row.claim_hash) if other is None else b""
        grouped[row.type, "out" if is_out else "in", other, row.qualifier, row.side, pending].append(row)
    return [_relation(key, members, others, sources) for key, members in grouped.items()]


def load_part_relations(reading: Reading, key: str) -> list[RelationView]:
    """Relations in force of a CI's parts to what is no part of it, such as its ports' links. Raises NotFoundError."""
    row = find_row(reading, key)
    parts_of_it = select(ci.c.id).where(ci.c.owner_ci_id == row.id)
    touches = or_(relation.c.from_ci_id.in_(parts_of_it), relation.c.to_ci_id.in_(parts_of_it))
    query = select(relation).where(touches, relation.c.valid_to.is_(None)).order_by(relation.c.type, relation.c.id).limit(RELATION_LIMIT)
    rows = reading.connection.execute(query).all()
    ends = {each for found in rows for each in (found.from_ci_id, found.to_ci_id) if each is not None}
    owner_query = select(ci.c.id, ci.c.owner_ci_id).where(ci.c.id.in_(sorted(ends)))
    owner_of: dict[str, str | None] = {found.id: found.owner_ci_id for found in reading.connection.execute(owner_query)} if ends else {}
    refs = load_refs(reading.connection, [*ends, *owner_of.values()])
    sources = load_source_refs(reading.connection, (found.source_id for found in rows))
    grouped: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for found in rows:
        is_out = owner_of.get(found.from_ci_id) == row.id
        own, other = (found.from_ci_id, found.to_ci_id) if is_out else (found.to_ci_id, found.from_ci_id)
        if owner_of.get(other or "") == row.id:
            continue
        pending = bytes(found.claim_hash) if other is None else b""
        grouped[own, found.type, "out" if is_out else "in", other, found.qualifier, found.side, pending].append(found)
    views = []
    for (own, *word), members in grouped.items():
        view = _relation(tuple(word), members, refs, sources)
        views.append(msgspec.structs.replace(view, own=refs.get(own), other_owner=refs.get(owner_of.get(view.other.id if view.other else "") or "")))
    return views


def _relation(key: tuple[Any, ...], rows: Sequence[Any], others: Mapping[str, CiRef], sources: Mapping[int, SourceRef]) -> RelationView:
    kind, direction, other, qualifier, side, _ = key
    return RelationView(
        type=kind,
        direction=direction,
        other=others.get(other),
        qualifier=qualifier,
        side=side,
        sources=list({row.source_id: sources[row.source_id] for row in rows if row.source_id in sources}.values()),
        valid_from=min(row.valid_from for row in rows),
        valid_to=None,
        claim=decode(rows[0].claim) if other is None else {},
    )


def _contents(reading: Reading, ci_id: str) -> dict[str, int]:
    query = select(ci.c.ci_class, func.count()).where(ci.c.owner_ci_id == ci_id, ci.c.redirect_to.is_(None), ci.c.presence != "absent")
    return {row[0]: row[1] for row in reading.connection.execute(query.group_by(ci.c.ci_class).order_by(ci.c.ci_class))}


def _checks(reading: Reading, ci_id: str) -> list[CheckView]:
    rows = reading.connection.execute(select(check_state).where(check_state.c.ci_id == ci_id).order_by(check_state.c.check_name)).all()
    sources = load_source_refs(reading.connection, (row.source_id for row in rows))
    return [
        CheckView(check=row.check_name, state=row.state, since=row.since_at, last_at=row.last_at, reason=row.reason, source=sources[row.source_id])
        for row in rows
    ]
