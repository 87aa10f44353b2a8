"""Why something is as it is, from the report to the decision, in one reading. Design: docs/reconciliation.md.

The chain is in order of time: what was reported, how it was linked, what changed by it, what differed, who decided. A report that its
retention has ended is named by its number only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from collector.store.content import decode
from collector.store.read_detail import load_detail
from collector.store.read_difference import load_case, load_difference
from collector.store.reading import Reading, load_refs, load_source_refs
from collector.store.schema import case_member, decision, difference, history, report, review_case, source_record
from collector.store.statement import parts
from muster.errors import NotFoundError, quote
from muster.explanation import CaseExplanation, ChainStep, CiExplanation, DifferenceExplanation, ReportRef
from muster.ports import CiDetail, CiRef, DecisionView, Fact, LinkView, SourceRef

STEPS_LIMIT = 500  # of one chain, the newest
MEMBERS_EXPLAINED = 20


def explain_ci(reading: Reading, key: str, attribute: str | None = None) -> CiExplanation:
    """The links, identifiers and values of a CI, or of one attribute alone, with the chain. Raises NotFoundError, also for the attribute."""
    detail = load_detail(reading, key)
    facts = detail.facts if attribute is None else [each for each in detail.facts if each.attribute == attribute]
    if attribute is not None and not facts:
        known = ", ".join(sorted(each.attribute for each in detail.facts)) or "none"
        raise NotFoundError(f"{detail.summary.name} has no value of {quote(attribute)} on any side; it has: {known}")
    chain, left_out = _chain(reading, detail, attribute)
    return CiExplanation(
        ci=_ref(detail),
        control_level=detail.control_level,
        links=detail.links,
        identifiers=detail.identifiers if attribute is None else [],
        facts=facts,
        chain=chain,
        left_out=left_out,
    )


def explain_difference(reading: Reading, difference_id: str) -> DifferenceExplanation:
    """A difference with the fact that it is about, the links of its CI and the chain of its value. Raises NotFoundError."""
    view = load_difference(reading, difference_id)
    detail = load_detail(reading, view.ci.id)
    attribute = view.attribute if view.kind == "changed_attribute" else None
    chain, left_out = _chain(reading, detail, attribute)
    fact: Fact | None = next((each for each in detail.facts if each.attribute == view.attribute), None)
    return DifferenceExplanation(difference=view, fact=fact, links=_told_by(detail, view.source), chain=chain, left_out=left_out)


def explain_case(reading: Reading, case_id: str) -> CaseExplanation:
    """A case with how each of its members came to be. Raises NotFoundError."""
    view = load_case(reading, case_id)
    members = []
    steps: list[ChainStep] = []
    left_out = 0
    for each in view.members[:MEMBERS_EXPLAINED]:
        detail = load_detail(reading, each.id)
        chain, more = _chain(reading, detail, None, layers=("identity", "presence"))
        members.append(CiExplanation(_ref(detail), detail.control_level, detail.links, detail.identifiers, [], [], 0))
        steps += chain
        left_out += more
    unique = {(step.at, step.kind, step.text, step.cause_id, step.ci.id if step.ci else ""): step for step in steps}
    row = reading.connection.execute(select(review_case.c.decision_id, review_case.c.closed_at).where(review_case.c.id == case_id)).one()
    ordered = sorted(unique.values(), key=lambda step: (step.at, step.kind))
    made = None if row.decision_id is None else next(iter(_load_decisions(reading, [row.decision_id])), None)
    return CaseExplanation(case=view, members=members, decision=made, closed_at=row.closed_at, chain=ordered, left_out=left_out)


def _ref(detail: CiDetail) -> CiRef:
    return CiRef(detail.summary.id, detail.summary.number, detail.summary.ci_class, detail.summary.name)


def _told_by(detail: CiDetail, source: SourceRef | None) -> list[LinkView]:
    told = [each for each in detail.links if source is not None and each.source.id == source.id]
    return told or detail.links


def _chain(reading: Reading, detail: CiDetail, attribute: str | None, *, layers: Sequence[str] | None = None) -> tuple[list[ChainStep], int]:
    """The lines of history of a CI, its links, differences and cases, oldest first, and how many older ones are left out."""
    ci_id = detail.summary.id
    chosen = select(history).where(history.c.ci_id == ci_id)
    if attribute is not None:
        pinned = f"pin.{attribute}"
        chosen = chosen.where(history.c.attribute.in_([attribute, pinned]) | (history.c.layer == "identity"))
    if layers is not None:
        chosen = chosen.where(history.c.layer.in_(layers))
    rows = reading.connection.execute(chosen.order_by(history.c.known_from.desc(), history.c.id.desc()).limit(STEPS_LIMIT + 1)).all()
    left_out = 1 if len(rows) > STEPS_LIMIT else 0
    rows = rows[:STEPS_LIMIT]
    sources = load_source_refs(reading.connection, (row.source_id for row in rows))
    reports = _load_reports(reading, (row.cause_id for row in rows if row.cause_kind == "report"))
    found, decision_ids = _difference_rows(reading, ci_id, attribute)
    decision_ids |= {row.cause_id for row in rows if row.cause_kind == "decision"}
    decisions = {each.id: each for each in _load_decisions(reading, sorted(decision_ids))}
    refs = load_refs(reading.connection, [ci_id])
    steps = [
        ChainStep(
            at=row.known_from,
            valid_from=row.valid_from,
            kind=row.layer,
            attribute=row.attribute,
            old=decode(row.old_value),
            new=decode(row.new_value),
            text=_say_line(row, sources),
            cause_kind=row.cause_kind,
            cause_id=row.cause_id,
            source=sources.get(row.source_id) if row.source_id is not None else None,
            report=reports.get(row.cause_id) if row.cause_kind == "report" else None,
            decision=decisions.get(row.cause_id),
            ci=refs.get(ci_id),
        )
        for row in rows
    ]
    steps += _link_steps(detail)
    steps += [_difference_step(row, decisions) for row in found]
    if attribute is None:
        steps += _case_steps(reading, ci_id)
    return sorted(steps, key=lambda step: (step.at, _ORDER.get(step.kind, 3))), left_out


_ORDER: Mapping[str, int] = {"identity": 0, "link": 1, "observed": 2, "difference": 4, "case": 5, "recorded": 6}


def _say_line(row: Any, sources: Mapping[int, SourceRef]) -> str:
    who = sources.get(row.source_id)
    by = f"{who.kind}/{who.name}/{who.instance}" if who is not None else row.cause_kind
    old, new = decode(row.old_value), decode(row.new_value)
    name = row.attribute or {"identity": "the CI", "presence": "presence", "lifecycle": "lifecycle"}.get(row.layer, row.layer)
    if row.old_value is None:
        return f"{row.layer}: {name} is {_say_value(new)}, by {by}."
    if row.new_value is None:
        return f"{row.layer}: {name} is no longer {_say_value(old)}, by {by}."
    return f"{row.layer}: {name} became {_say_value(new)}, was {_say_value(old)}, by {by}."


def _say_value(value: Any) -> str:
    """A value in a sentence: names with their values where it is made of several."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_say_value(each)}" for name, each in value.items()) or "empty"
    if isinstance(value, list):
        return ", ".join(map(_say_value, value)) or "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quote(value) if isinstance(value, str) else str(value)


def _link_steps(detail: CiDetail) -> list[ChainStep]:
    return [
        ChainStep(
            at=each.linked_at,
            valid_from=each.linked_at,
            kind="link",
            attribute="",
            old=None,
            new=each.ref,
            text=each.explanation or f"{each.source.kind}/{each.source.name}/{each.source.instance} {each.ref} belongs here by {each.rule}.",
            cause_kind="rule" if each.made_by == "engine" else "decision",
            cause_id=each.rule,
            source=each.source,
        )
        for each in detail.links
        if each.linked_at is not None
    ]


def _difference_rows(reading: Reading, ci_id: str, attribute: str | None) -> tuple[Sequence[Any], set[str]]:
    query = select(difference).where(difference.c.ci_id == ci_id)
    if attribute is not None:
        query = query.where(difference.c.attribute == attribute)
    rows = reading.connection.execute(query.order_by(difference.c.opened_at.desc()).limit(STEPS_LIMIT)).all()
    return rows, {row.decision_id for row in rows if row.decision_id is not None}


def _difference_step(row: Any, decisions: Mapping[str, DecisionView]) -> ChainStep:
    recorded, observed = decode(row.recorded), decode(row.observed)
    what = f" of {row.attribute}" if row.attribute else ""
    made = decisions.get(row.decision_id)
    decided = f", decided by {made.made_by}{f': {made.reason}' if made.reason else ''}" if made is not None else ""
    values = f": recorded {quote(recorded)}, observed {quote(observed)}" if row.attribute else ""
    return ChainStep(
        at=row.opened_at,
        valid_from=row.opened_at,
        kind="difference",
        attribute=row.attribute,
        old=recorded,
        new=observed,
        text=f"difference {row.kind}{what}{values}; {row.state}{decided}.",
        cause_kind="rule",
        cause_id=row.id,
        decision=made,
    )


def _case_steps(reading: Reading, ci_id: str) -> list[ChainStep]:
    records = select(source_record.c.id).where(source_record.c.ci_id == ci_id)
    ids = select(case_member.c.case_id).where(case_member.c.record_id.in_(records))
    rows = reading.connection.execute(select(review_case).where(review_case.c.id.in_(ids)).order_by(review_case.c.opened_at.desc()).limit(100)).all()
    decisions = {each.id: each for each in _load_decisions(reading, sorted({row.decision_id for row in rows if row.decision_id is not None}))}
    return [
        ChainStep(
            at=row.opened_at,
            valid_from=row.opened_at,
            kind="case",
            attribute="",
            old=None,
            new=row.kind,
            text=f"case {row.kind}; {row.state}.",
            cause_kind="rule",
            cause_id=row.id,
            decision=decisions.get(row.decision_id),
        )
        for row in rows
    ]


def _load_reports(reading: Reading, ids: Iterable[str]) -> dict[str, ReportRef]:
    """The reports by number as text; those whose retention has ended are missing."""
    found: dict[str, ReportRef] = {}
    numbers = sorted({int(each) for each in ids if each.isdecimal()})
    for part in parts(numbers):
        columns = (report.c.id, report.c.sequence, report.c.observed_at, report.c.received_at)
        for row in reading.connection.execute(select(*columns).where(report.c.id.in_(part))):
            found[str(row.id)] = ReportRef(row.id, row.sequence, row.observed_at, row.received_at)
    return found


def _load_decisions(reading: Reading, ids: Sequence[str]) -> list[DecisionView]:
    """Who decided and why; not on how many differences beside."""
    rows = [row for part in parts(ids) for row in reading.connection.execute(select(decision).where(decision.c.id.in_(part)))]
    return [DecisionView(row.id, row.kind, row.made_by, row.reason, row.at, row.undone_by, []) for row in rows]
