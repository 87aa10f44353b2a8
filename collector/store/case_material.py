"""What a case file about a CI is made of: the journalled reports and the decisions of the CI and of those that it was compared with.

Reading alone. What leaves the collector of it is scrubbed first (`collector/simulation/export.py`). Design: docs/cases.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import zstandard
from msgspec import Struct
from sqlalchemy import Connection, func, or_, select

from collector.store.ci import load_ci
from collector.store.content import decode, load_contents
from collector.store.schema import (
    audit,
    case_member,
    ci,
    decision,
    difference,
    history,
    identity_claim,
    identity_constraint,
    link_past,
    merged_ci,
    pin,
    report,
    review_case,
    source,
    source_record,
)
from collector.store.statement import parts
from collector.store.verdict import DecisionSubject
from muster.errors import InputError
from muster.model.identifier import UNIQUE_KINDS
from muster.wire.codec import is_json

CIS_LIMIT = 50
REPORTS_LIMIT = 20_000  # looked at; what is kept is fewer
DECISIONS_LIMIT = 5_000
_subject = msgspec.msgpack.Decoder(DecisionSubject)


class Record(Struct, frozen=True):
    """An independent record of the neighbourhood, also one that is closed."""

    id: int
    source_id: int
    source: str
    ref: str
    ci_id: str | None
    is_open: bool


class TakenReport(Struct, frozen=True):
    """A journalled report, decoded; instants as the collector corrected them."""

    source_id: int
    sequence: int
    observed_at: int
    received_at: int
    body: dict[str, Any]


class TakenDecision(Struct, frozen=True):
    """A decision with its subject. `rows`: (CI, kind, attribute) of the differences that it was on."""

    id: str
    kind: str
    made_by: str
    at: int
    undoes: str | None
    subject: DecisionSubject
    rows: tuple[tuple[str, str, str], ...] = ()
    joined: tuple[int, ...] = ()  # records that it linked or parted
    case_kind: str = ""
    case_members: tuple[int, ...] = ()
    values: dict[str, Any] = {}  # what it put on record by hand, or pinned

    @property
    def made_ci(self) -> bool:
        """Whether it put a CI on record that was not there."""
        detail = self.subject.detail
        own = [side for side in self.subject.sides if side.ci_id == detail.get("ci")]
        return (
            self.kind == "record" and "class" in detail and any(side.before.lifecycle == "disposed" and not side.before.is_recorded for side in own)
        )


class Material(Struct, frozen=True):
    """All of it. `past`: records that belonged to a CI once; `recorded`: CIs on record that no source ever saw, class, zone and values."""

    ci_ids: frozenset[str]
    records: tuple[Record, ...]
    past: dict[str, tuple[int, ...]]
    recorded: dict[str, dict[str, Any]]
    decisions: tuple[TakenDecision, ...]
    zones: dict[str, str] = {}
    first: dict[int, str] = {}  # record → the CI that it belonged to first

    def made_on_record(self) -> set[str]:
        """CIs that a person's word made, before any source saw them."""
        return {str(each.subject.detail["ci"]) for each in self.decisions if each.made_ci}


def load_material(connection: Connection, key: str) -> Material:
    """Everything but the reports. Raises NotFoundError, InputError where the neighbourhood is too large for a file."""
    row = load_ci(connection, key)
    if row.owner_ci_id is not None:
        row = load_ci(connection, row.owner_ci_id)
    ids = _close(connection, row.id)
    records = _load_records(connection, ids)
    past = _load_past(connection, ids)
    zones = {row.id: row.zone for row in connection.execute(select(ci.c.id, ci.c.zone).where(ci.c.id.in_(sorted(ids))))}
    recorded = _load_recorded(connection, ids, records, past)
    query = select(link_past.c.record_id, link_past.c.ci_id).where(link_past.c.record_id.in_([each.id for each in records])).order_by(link_past.c.id)
    first: dict[int, str] = {}
    for link in connection.execute(query):
        first.setdefault(link.record_id, link.ci_id)
    return Material(frozenset(ids), records, past, recorded, _load_decisions(connection, ids, records), zones, first)


def _load_past(connection: Connection, ids: Collection[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    query = select(link_past.c.ci_id, link_past.c.record_id).where(link_past.c.ci_id.in_(sorted(ids))).order_by(link_past.c.id)
    for row in connection.execute(query):
        found[row.ci_id] = (*found.get(row.ci_id, ()), row.record_id)
    return found


def _close(connection: Connection, ci_id: str) -> set[str]:
    """The CI, those that share an identifier or a case with it, and so on."""
    found: set[str] = set()
    wanted = {ci_id}
    while wanted:
        found |= wanted
        if len(found) > CIS_LIMIT:
            raise InputError(f"more than {CIS_LIMIT} CIs share identifiers or cases with it; a case file would be too large to read", path="id")
        own = select(source_record.c.id).where(source_record.c.ci_id.in_(sorted(wanted)), source_record.c.owner_record_id.is_(None))
        records = list(connection.execute(own).scalars())
        near: set[str] = set(connection.execute(select(ci.c.redirect_to).where(ci.c.id.in_(sorted(wanted)), ci.c.redirect_to.is_not(None))).scalars())
        near.update(connection.execute(select(ci.c.id).where(ci.c.redirect_to.in_(sorted(wanted)), ci.c.owner_ci_id.is_(None))).scalars())
        near.update(connection.execute(select(merged_ci.c.loser_id).where(merged_ci.c.survivor_id.in_(sorted(wanted)))).scalars())
        for part in parts(records):
            near |= _near(connection, part)
        wanted = near - found
    return found


def _near(connection: Connection, record_ids: Sequence[int]) -> set[str]:
    mine, theirs = identity_claim.alias("mine"), identity_claim.alias("theirs")
    same = (mine.c.kind == theirs.c.kind) & (mine.c.value == theirs.c.value) & mine.c.kind.in_(sorted(UNIQUE_KINDS)) & (mine.c.state != "junk")
    query = select(source_record.c.ci_id).join(theirs, theirs.c.record_id == source_record.c.id).join(mine, same)
    found = set(connection.execute(query.where(mine.c.record_id.in_(record_ids), source_record.c.ci_id.is_not(None)).distinct()).scalars())
    cases = select(case_member.c.case_id).where(case_member.c.record_id.in_(record_ids))
    members = select(source_record.c.ci_id).join(case_member, case_member.c.record_id == source_record.c.id)
    independent = (source_record.c.ci_id.is_not(None)) & source_record.c.owner_record_id.is_(None)
    found.update(connection.execute(members.where(case_member.c.case_id.in_(cases), independent)).scalars())
    pairs = select(identity_constraint.c.left_record_id, identity_constraint.c.right_record_id).where(
        or_(identity_constraint.c.left_record_id.in_(record_ids), identity_constraint.c.right_record_id.in_(record_ids))
    )
    others = {each for row in connection.execute(pairs) for each in row}
    held = select(source_record.c.ci_id).where(source_record.c.id.in_(sorted(others)), source_record.c.ci_id.is_not(None))
    found.update(connection.execute(held).scalars())
    return {str(each) for each in found}


def _load_records(connection: Connection, ids: Collection[str]) -> tuple[Record, ...]:
    columns = (source_record.c.id, source_record.c.source_id, source_record.c.ref, source_record.c.ci_id, source_record.c.closed_at)
    query = select(*columns, source.c.kind, source.c.name, source.c.instance).join(source, source.c.id == source_record.c.source_id)
    query = query.where(source_record.c.ci_id.in_(sorted(ids)), source_record.c.owner_record_id.is_(None), source_record.c.owner_ref.is_(None))
    rows = connection.execute(query.order_by(source_record.c.id))
    return tuple(Record(row.id, row.source_id, f"{row.kind}/{row.name}/{row.instance}", row.ref, row.ci_id, row.closed_at is None) for row in rows)


def _load_recorded(
    connection: Connection, ids: Collection[str], records: Sequence[Record], past: Mapping[str, tuple[int, ...]]
) -> dict[str, dict[str, Any]]:
    seen = {*past, *(each.ci_id for each in records if each.ci_id is not None)}
    rows = connection.execute(select(ci).where(ci.c.id.in_(sorted(set(ids) - seen)))).all()
    bodies = load_contents(connection, (bytes(row.recorded_hash) for row in rows if row.recorded_hash is not None))
    return {row.id: {"class": row.ci_class, "zone": row.zone, "values": bodies.get(bytes(row.recorded_hash or b""), {})} for row in rows}


def _load_decisions(connection: Connection, ids: Collection[str], records: Sequence[Record]) -> tuple[TakenDecision, ...]:
    """Those that history or a difference of these CIs names, and those on their cases, oldest first."""
    wanted: set[str] = set()
    for part in parts(sorted(ids)):
        caused = select(history.c.cause_id).where(history.c.ci_id.in_(part), history.c.cause_kind == "decision").distinct()
        wanted.update(connection.execute(caused.limit(DECISIONS_LIMIT)).scalars())
        on = select(difference.c.decision_id).where(difference.c.ci_id.in_(part), difference.c.decision_id.is_not(None)).distinct()
        wanted.update(connection.execute(on.limit(DECISIONS_LIMIT)).scalars())
    of_cases = select(review_case.c.decision_id).join(case_member, case_member.c.case_id == review_case.c.id)
    for record_part in parts([each.id for each in records]):
        query = of_cases.where(case_member.c.record_id.in_(record_part), review_case.c.decision_id.is_not(None))
        wanted.update(connection.execute(query).scalars())
        joined = or_(identity_constraint.c.left_record_id.in_(record_part), identity_constraint.c.right_record_id.in_(record_part))
        wanted.update(connection.execute(select(identity_constraint.c.decision_id).where(joined)).scalars())
    rows = [row for part in parts(sorted(wanted)) for row in connection.execute(select(decision).where(decision.c.id.in_(part)))]
    places: dict[str, int] = {}  # of one instant, the audit trail knows the order
    for part in parts(sorted(wanted)):
        query = select(audit.c.subject, func.min(audit.c.id)).where(audit.c.subject.in_(part), audit.c.action.like("decision.%"))
        places |= {row[0]: row[1] for row in connection.execute(query.group_by(audit.c.subject))}
    ordered = sorted(rows, key=lambda row: (row.at, places.get(row.id, 0), row.undoes is not None, row.id))[:DECISIONS_LIMIT]
    return tuple(_take_decision(connection, row) for row in ordered)


def _take_decision(connection: Connection, row: Any) -> TakenDecision:
    subject = _subject.decode(row.subject)
    found: list[tuple[str, str, str]] = []
    for part in parts([each.id for each in subject.differences]):
        columns = (difference.c.ci_id, difference.c.kind, difference.c.attribute)
        found += [tuple(each) for each in connection.execute(select(*columns).where(difference.c.id.in_(part)))]
    joined = select(identity_constraint.c.right_record_id).where(identity_constraint.c.decision_id == row.id)
    kind, members = "", ()
    if subject.case_id is not None:
        kind = connection.execute(select(review_case.c.kind).where(review_case.c.id == subject.case_id)).scalar() or ""
        query = select(case_member.c.record_id).where(case_member.c.case_id == subject.case_id).order_by(case_member.c.record_id)
        members = tuple(connection.execute(query).scalars())
    return TakenDecision(
        id=row.id,
        kind=row.kind,
        made_by=row.made_by,
        at=row.at,
        undoes=row.undoes,
        subject=subject,
        rows=tuple(found),
        joined=tuple(connection.execute(joined).scalars()),
        case_kind=str(kind),
        case_members=members,
        values=_load_values(connection, row.id, row.kind, subject),
    )


def _load_values(connection: Connection, decision_id: str, kind: str, subject: DecisionSubject) -> dict[str, Any]:
    """Values that a person wrote: on record, None where taken off; or of a pin that still holds."""
    if kind == "pin":
        rows = connection.execute(select(pin.c.attribute, pin.c.value).where(pin.c.decision_id == decision_id))
        return {row.attribute: decode(row.value) for row in rows}
    side = next((each for each in subject.sides if each.ci_id == subject.detail.get("ci")), None)
    if kind != "record" or side is None:
        return {}
    bodies = load_contents(connection, (side.before.recorded_hash, side.after.recorded_hash))
    before, after = bodies.get(side.before.recorded_hash or b"", {}), bodies.get(side.after.recorded_hash or b"", {})
    return {name: after.get(name) for name in sorted({*before, *after}) if before.get(name) != after.get(name)}


def iterate_reports(connection: Connection, source_ids: Collection[int]) -> Iterator[TakenReport]:
    """The journalled reports of these sources in the order of arrival, one in memory at a time."""
    query = select(report).where(report.c.source_id.in_(sorted(source_ids))).order_by(report.c.received_at, report.c.id).limit(REPORTS_LIMIT)
    inflate = zstandard.ZstdDecompressor()
    for row in connection.execution_options(yield_per=100).execute(query):
        body = inflate.decompress(row.body)
        codec: Any = msgspec.json if is_json(row.content_type) else msgspec.msgpack
        yield TakenReport(row.source_id, row.sequence, row.observed_at, row.received_at, codec.decode(body))


def load_sources(connection: Connection, ids: Collection[int]) -> dict[int, tuple[str, str, str, str]]:
    """(kind, name, instance, zone) by number."""
    columns = (source.c.id, source.c.kind, source.c.name, source.c.instance, source.c.zone)
    rows = connection.execute(select(*columns).where(source.c.id.in_(sorted(ids))))
    return {row.id: (row.kind, row.name, row.instance, row.zone) for row in rows}
