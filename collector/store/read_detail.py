"""One configuration item with its facts and their provenance, identifiers, links, relations, checks. A fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select

from collector.reconcile.explain import explain_link, render
from collector.reconcile.fact import Observation
from collector.reconcile.record import LinkEvidence, SourceKey
from collector.store.content import decode, load_contents
from collector.store.kept_value import spread
from collector.store.read_ci import find_row, to_summaries
from collector.store.read_fact import load_facts
from collector.store.read_relation import load_relations
from collector.store.read_service import services_by_ci
from collector.store.reading import Reading, load_source_refs
from collector.store.schema import check_state, ci, identity_claim, kept_value, section, source, source_record
from collector.store.tombstone import find_deletion
from collector.store.witness import last_seen_at
from muster.ports import CheckView, CiDetail, IdentifierView, LinkView, SourceRef

_evidence = msgspec.msgpack.Decoder(LinkEvidence)


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
        relations=load_relations(reading, row.id),
        contents=_contents(reading, row.id),
        checks=_checks(reading, row.id),
        services=services_by_ci(reading).get(row.id, []),
        redirected_from=_redirected_from(reading, row.id),
        deleted=find_deletion(reading.connection, row.id) if row.redirect_to == row.id else None,
    )


def _redirected_from(reading: Reading, ci_id: str) -> list[str]:
    """All that lead here, over however many merges, by number."""
    found: dict[str, int] = {}
    level = [ci_id]
    while level:
        query = select(ci.c.id, ci.c.number).where(ci.c.redirect_to.in_(level), ci.c.id != ci.c.redirect_to)
        following = {row.id: row.number for row in reading.connection.execute(query) if row.id not in found and row.id != ci_id}
        found |= following
        level = sorted(following)
    return sorted(found, key=lambda each: found[each])


def _records(reading: Reading, ci_id: str) -> Sequence[Any]:
    """The source records that the CI is made of, with how fresh and whole their sections are."""
    joined = source_record.join(source, source.c.id == source_record.c.source_id).outerjoin(
        section, (section.c.source_id == source_record.c.source_id) & (section.c.name == source_record.c.section)
    )
    joined = joined.outerjoin(kept_value, kept_value.c.record_id == source_record.c.id)
    columns = (
        source_record, source.c.kind, source.c.name, source.c.instance, source.c.zone, source.c.state,
        section.c.confirmed_at, section.c.interval_seconds, section.c.complete, section.c.status, section.c.observed_at.label("told_at"),
        kept_value.c.body.label("kept"),
    )  # fmt: skip
    query = select(*columns).select_from(joined).where(source_record.c.ci_id == ci_id, source_record.c.closed_at.is_(None))
    return reading.connection.execute(query.order_by(source.c.kind, source.c.name, source_record.c.ref, source_record.c.id)).all()


def _is_fresh(reading: Reading, record: Any) -> bool:
    confirmed_at = record.confirmed_at if record.confirmed_at is not None else record.observed_at
    return not record.is_absent and record.state not in ("revoked", "replaced") and reading.is_fresh(confirmed_at, record.interval_seconds)


def _observations(reading: Reading, records: Sequence[Any]) -> list[Observation]:
    contents = load_contents(reading.connection, (bytes(each.content_hash) for each in records))
    found: list[Observation] = []
    for each in records:
        if each.is_absent:
            continue
        newest = Observation(
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
        found.append(newest)
        if each.kept is not None:
            found += spread(newest, bytes(each.kept), fresh_since=reading.now - reading.settings.fresh_for_ms(each.interval_seconds or 600))
    return found


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
