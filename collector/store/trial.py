"""What a report would do, found out by taking it and taking all of it back: nothing of it is ever committed. Design: docs/cases.md.

Run it in the writer: `await writer.run(lambda connection: try_report(connection, context, told, now))`. It holds the writer as long as
taking the report does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select

from collector.reconcile.explain import explain_link, render
from collector.reconcile.record import LinkEvidence
from collector.store.content import decode, load_contents
from collector.store.edit import Context
from collector.store.ingest import Envelope, receive_report
from collector.store.schema import case_member, ci, difference, report, review_case, source, source_record
from collector.store.statement import parts
from muster.ports import CiRef
from muster.wire.report import Answer, ReceivedReport

TOLD_LIMIT = 1_000  # of each list; the others are counted
CIS_LIMIT = 100_000
_evidence = msgspec.msgpack.Decoder(LinkEvidence)


class TriedLink(Struct, frozen=True, rename={"ci_class": "class"}):
    """A record that would belong to another CI than now. `ci` None: it would wait for its owner; `was` None: the record would be new."""

    ref: str
    ci_class: str
    ci: CiRef | None
    was: CiRef | None
    rule: str
    explanation: str


class TriedValue(Struct, frozen=True):
    """An effective value, or the presence (`attribute` empty), that would change. None: no value."""

    ci: CiRef
    attribute: str
    old: Any
    new: Any


class TriedDifference(Struct, frozen=True):
    """A difference that would open, change or close. `was` None: it would be new."""

    ci: CiRef
    kind: str
    attribute: str
    recorded: Any
    observed: Any
    was: str | None
    state: str


class TriedCase(Struct, frozen=True):
    """A case that would open, change its members or close. `was` None: it would be new."""

    kind: str
    members: list[CiRef]
    was: str | None
    state: str


class Trial(Struct, frozen=True):
    """All that a report would do. `is_duplicate`: this very report is known. `left_out`: how many more of each list there are."""

    source: str
    answer: Answer
    is_duplicate: bool
    made: list[CiRef]
    links: list[TriedLink]
    values: list[TriedValue]
    differences: list[TriedDifference]
    cases: list[TriedCase]
    left_out: dict[str, int] = {}


class _Picture(Struct, frozen=True):
    """The CIs that a report may touch, as they stand."""

    cis: dict[str, tuple[CiRef, str, dict[str, Any]]]  # id → reference, presence, effective
    records: dict[tuple[int, str], Any]  # (record, ref) → row
    differences: dict[str, Any]
    cases: dict[str, Any]


def try_report(connection: Connection, context: Context, body: bytes, content_type: str, told: ReceivedReport, *, now: int) -> Trial:
    """What taking this report would do, its sequence aside: it is tried as the source's next.

    Raises as `ingest.receive_report` does; InputError where it touches too many CIs to be shown.
    """
    next_one = msgspec.structs.replace(told, sequence=_next_sequence(connection, told))
    savepoint = connection.begin_nested()
    try:
        receipt = receive_report(connection, context, Envelope(next_one, body, content_type, now))
        ids = {*receipt.changed_ci_ids, *_section_cis(connection, receipt.source_id, told.sections)}
        ids |= _case_cis(connection, ids)
        after = _take_picture(connection, receipt.source_id, ids)
    finally:
        savepoint.rollback()
    before = _take_picture(connection, receipt.source_id, {*ids, *after.cis})
    name = f"{told.source.kind}/{told.source.name}/{told.source.instance}"
    return _compare(name, receipt.answer, before, after, is_duplicate=receipt.is_duplicate)


def _next_sequence(connection: Connection, told: ReceivedReport) -> int:
    named = (source.c.kind == told.source.kind) & (source.c.name == told.source.name) & (source.c.instance == told.source.instance)
    query = select(func.max(report.c.sequence)).join(source, source.c.id == report.c.source_id).where(named)
    return int(connection.execute(query).scalar() or 0) + 1


def _section_cis(connection: Connection, source_id: int, names: Collection[str]) -> set[str]:
    found: set[str] = set()
    for part in parts(sorted(names)):
        held = (source_record.c.source_id == source_id) & source_record.c.section.in_(part) & source_record.c.ci_id.is_not(None)
        found.update(connection.execute(select(source_record.c.ci_id).where(held).limit(CIS_LIMIT)).scalars())
    return found


def _case_cis(connection: Connection, ids: Collection[str]) -> set[str]:
    """The CIs that share an open case with one of these."""
    found: set[str] = set()
    for part in parts(sorted(ids)):
        of_them = (
            select(case_member.c.case_id).join(source_record, source_record.c.id == case_member.c.record_id).where(source_record.c.ci_id.in_(part))
        )
        query = select(source_record.c.ci_id).join(case_member, case_member.c.record_id == source_record.c.id)
        query = query.join(review_case, review_case.c.id == case_member.c.case_id)
        query = query.where(case_member.c.case_id.in_(of_them), review_case.c.state == "open", source_record.c.ci_id.is_not(None))
        found.update(connection.execute(query.limit(CIS_LIMIT)).scalars())
    return found


def _take_picture(connection: Connection, source_id: int, ids: Collection[str]) -> _Picture:
    rows: dict[str, Any] = {}
    records: dict[tuple[int, str], Any] = {}
    differences: dict[str, Any] = {}
    case_ids: set[str] = set()
    for part in parts(sorted(ids)):
        rows |= {row.id: row for row in connection.execute(select(ci).where(ci.c.id.in_(part)))}
        differences |= {row.id: row for row in connection.execute(select(difference).where(difference.c.ci_id.in_(part)))}
        own = select(source_record).where(source_record.c.ci_id.in_(part), source_record.c.closed_at.is_(None))
        records |= {(row.id, row.ref): row for row in connection.execute(own)}
        member = select(case_member.c.case_id).join(source_record, source_record.c.id == case_member.c.record_id)
        case_ids.update(connection.execute(member.where(source_record.c.ci_id.in_(part))).scalars())
    waiting = (source_record.c.source_id == source_id) & source_record.c.ci_id.is_(None) & source_record.c.closed_at.is_(None)
    records |= {(row.id, row.ref): row for row in connection.execute(select(source_record).where(waiting).limit(CIS_LIMIT))}
    cases: dict[str, Any] = {}
    for part in parts(sorted(case_ids)):
        cases |= {row.id: row for row in connection.execute(select(review_case).where(review_case.c.id.in_(part)))}
    bodies = load_contents(connection, (bytes(row.effective_hash) for row in rows.values() if row.effective_hash is not None))
    cis = {
        row.id: (
            CiRef(row.id, row.number, row.ci_class, row.name),
            row.presence,
            bodies[bytes(row.effective_hash)] if row.effective_hash is not None else {},
        )
        for row in rows.values()
        if row.redirect_to is None
    }
    return _Picture(cis, records, differences, cases)


def _compare(name: str, answer: Answer, before: _Picture, after: _Picture, *, is_duplicate: bool) -> Trial:
    refs = {key: each[0] for key, each in {**before.cis, **after.cis}.items()}
    lists: dict[str, list[Any]] = {
        "made": [each[0] for key, each in after.cis.items() if key not in before.cis],
        "links": _links(name, before, after, refs),
        "values": _values(before, after),
        "differences": _differences(before, after, refs),
        "cases": _cases(before, after, refs),
    }
    return Trial(
        source=name,
        answer=answer,
        is_duplicate=is_duplicate,
        left_out={key: len(found) - TOLD_LIMIT for key, found in lists.items() if len(found) > TOLD_LIMIT},
        **{key: found[:TOLD_LIMIT] for key, found in lists.items()},
    )


def _links(name: str, before: _Picture, after: _Picture, refs: Mapping[str, CiRef]) -> list[TriedLink]:
    found = []
    for key, row in sorted(after.records.items(), key=lambda each: (each[1].owner_record_id is not None, each[0])):
        was = before.records.get(key)
        if was is not None and was.ci_id == row.ci_id:
            continue
        evidence = _evidence.decode(row.link_evidence) if row.link_evidence is not None else None
        text = "" if evidence is None else "\n".join(render(line) for line in explain_link(evidence, name, row.ref))
        found.append(
            TriedLink(
                ref=row.ref,
                ci_class=row.ci_class,
                ci=refs.get(row.ci_id or ""),
                was=None if was is None else refs.get(was.ci_id or ""),
                rule=row.link_rule or "",
                explanation=text,
            )
        )
    return found


def _values(before: _Picture, after: _Picture) -> list[TriedValue]:
    """Of CIs that are there already; a new one has all its values for the first time."""
    found = []
    for key, (ref, presence, effective) in sorted(after.cis.items(), key=lambda each: each[1][0].number):
        if key not in before.cis:
            continue
        _, was, old = before.cis[key]
        if was != presence:
            found.append(TriedValue(ref, "", was, presence))
        changed = (name for name in sorted({*old, *effective}) if old.get(name) != effective.get(name))
        found += [TriedValue(ref, name, old.get(name), effective.get(name)) for name in changed]
    return found


def _differences(before: _Picture, after: _Picture, refs: Mapping[str, CiRef]) -> list[TriedDifference]:
    found = []
    for key, row in after.differences.items():
        was = before.differences.get(key)
        if was is not None and (was.state, was.observed, was.recorded) == (row.state, row.observed, row.recorded):
            continue
        ref = refs.get(row.ci_id)
        if ref is None:
            continue
        state = None if was is None else str(was.state)
        found.append(TriedDifference(ref, row.kind, row.attribute, decode(row.recorded), decode(row.observed), state, row.state))
    return sorted(found, key=lambda each: (each.ci.number, each.kind, each.attribute))


def _cases(before: _Picture, after: _Picture, refs: Mapping[str, CiRef]) -> list[TriedCase]:
    found = []
    for key, row in after.cases.items():
        was = before.cases.get(key)
        if was is not None and (was.state, was.members) == (row.state, row.members):
            continue
        members = [refs[member] for member in decode(row.members) or () if member in refs]
        found.append(TriedCase(row.kind, members, None if was is None else str(was.state), row.state))
    return sorted(found, key=lambda each: (each.kind, [member.number for member in each.members]))
