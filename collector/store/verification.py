"""Verification runs in the store: planned, drawn and measured, answered by people, signed off and then never changed again.

Each step is one transaction in the writer with its entry in the audit trail. Rules: docs/verification.md.
"""

from __future__ import annotations

import calendar
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from collector.store import audit_chain
from collector.store.content import decode, encode
from collector.store.filter import compile_text
from collector.store.finding import check_date, open_findings
from collector.store.identifier import new_id
from collector.store.read_verification import digest_run, find_run, load_items
from collector.store.schema import verification, verification_item
from collector.verification.agreement import judge, summarise
from muster.errors import ConflictError, InputError, NotFoundError, quote
from muster.model.ci_class import ClassCatalogue
from muster.verification import Answer, CheckedValue, Method

SAMPLE_LIMIT = 20_000
TEXT_LIMIT = 200
NOTE_LIMIT = 4_000


class Plan(msgspec.Struct, frozen=True):
    """What is to be verified. `sample_size` None: all in scope. `seed`: from which the sample is drawn; made by the caller from chance."""

    title: str
    query: str
    method: Method
    responsible: str
    planned_at: int
    seed: str
    sample_size: int | None = None
    is_stratified: bool = False
    every_months: int | None = None
    due_days: int = 30


class DrawnItem(msgspec.Struct, frozen=True):
    """One CI of a sample, with what the automatic method found, or what a person is to check."""

    ci_id: str
    number: int
    ci_class: str
    name: str
    answer: Answer
    values: list[CheckedValue]


class Drawn(msgspec.Struct, frozen=True):
    """A sample as it was drawn and read, outside of the writer. `version`: of the run that it was drawn for."""

    version: int
    population: dict[str, list[int]]
    items: list[DrawnItem]


class GivenAnswer(msgspec.Struct, frozen=True):
    """What a person found of one CI. `answers`: attribute → equal, differs or not_found; `found`: attribute → the value seen."""

    is_found: bool = True
    answers: Mapping[str, str] = {}
    found: Mapping[str, Any] = {}
    note: str = ""


def plan_verification(connection: Connection, catalogue: ClassCatalogue, plan: Plan, *, actor: str, now: int) -> int:
    """Plan a run; its number. Raises InputError with the path."""
    _check(catalogue, plan, now)
    number = int(connection.execute(select(func.coalesce(func.max(verification.c.number), 0))).scalar_one()) + 1
    values = msgspec.structs.asdict(plan)
    _insert(connection, number, values, actor=actor, now=now)
    audit_chain.append(connection, now, actor=actor, action="verification_planned", subject=str(number), detail=values)
    return number


def start_verification(connection: Connection, key: str, drawn: Drawn, *, actor: str, now: int, next_seed: str) -> None:
    """Begin with a sample that `draw_sample` gave; the automatic method is done with it. Plans the next run where it recurs.

    Raises NotFoundError, ConflictError where it was begun already or changed meanwhile.
    """
    row = find_run(connection, key)
    _require(row, "planned")
    if row.version != drawn.version:
        raise ConflictError(f"verification {row.number} was changed meanwhile; draw its sample again", code="version-moved", current=row.version)
    items = [
        {
            "verification_id": row.id,
            "position": place,
            "ci_id": each.ci_id,
            "ci_number": each.number,
            "ci_class": each.ci_class,
            "name": each.name,
            "answer": each.answer,
            "checked": encode(each.values),
            "answered_at": None if each.answer == "open" else now,
            "answered_by": None if each.answer == "open" else actor,
        }
        for place, each in enumerate(drawn.items, 1)
    ]
    if items:
        connection.execute(insert(verification_item), items)
    population = zlib.compress(encode(drawn.population))
    _change(connection, row, state="running", started_at=now, started_by=actor, population=population, measured_by=encode([]))
    detail = {"population": sum(map(len, drawn.population.values())), "sampled": len(items), "seed": row.seed}
    audit_chain.append(connection, now, actor=actor, action="verification_started", subject=str(row.number), detail=detail)
    if row.every_months is not None:
        _plan_next(connection, row, actor=actor, now=now, seed=next_seed)
    _finish_when_answered(connection, key, measurer=actor if row.method == "automatic" else None, actor=actor, now=now)


def answer_item(connection: Connection, key: str, ci_number: int, given: GivenAnswer, *, actor: str, now: int) -> None:
    """What a person found of one CI; a later answer takes the place of an earlier one until all are given.

    Raises NotFoundError, InputError, ConflictError where the run takes no answers (any more).
    """
    row = find_run(connection, key)
    _require(row, "running")
    mine = (verification_item.c.verification_id == row.id) & (verification_item.c.ci_number == ci_number)
    item = connection.execute(select(verification_item).where(mine)).first()
    if item is None:
        raise NotFoundError(f"CI {ci_number} is not in the sample of verification {row.number}; see `muster verification show {row.number}`")
    values = _answered([CheckedValue(*each) for each in decode(item.checked)], given)
    answer = judge(values) if given.is_found else "not_found"
    written = {"answer": answer, "checked": encode(values), "answered_at": now, "answered_by": actor, "note": given.note[:NOTE_LIMIT]}
    connection.execute(update(verification_item).where(mine).values(**written))
    detail = {"ci": ci_number, "answer": answer, "answers": dict(given.answers), "note": given.note[:TEXT_LIMIT]}
    audit_chain.append(connection, now, actor=actor, action="verification_answered", subject=str(row.number), detail=detail)
    _finish_when_answered(connection, key, measurer=actor, actor=actor, now=now)


def sign_off(connection: Connection, key: str, *, note: str, actor: str, now: int) -> None:
    """A second person confirms the result, which nobody can change afterwards. Raises ConflictError: not measured yet, or by oneself."""
    row = find_run(connection, key)
    _require(row, "measured")
    if actor in decode(row.measured_by):
        raise ConflictError(f"{actor} measured verification {row.number}; somebody else signs it off", code="four-eyes")
    _change(connection, row, state="signed", signed_at=now, signed_by=actor, note=note[:NOTE_LIMIT])
    digest = digest_run(connection, find_run(connection, key))
    connection.execute(update(verification).where(verification.c.id == row.id).values(digest=digest))
    result = decode(row.result)
    detail = {"digest": digest.hex(), "result": result, "note": note[:TEXT_LIMIT]}
    audit_chain.append(connection, now, actor=actor, action="verification_signed", subject=str(row.number), detail=detail)


def cancel_verification(connection: Connection, key: str, *, reason: str, actor: str, now: int) -> None:
    """A run that will not be done or counts for nothing; it stays in sight with the reason. Raises InputError, ConflictError once signed."""
    row = find_run(connection, key)
    _require(row, "planned", "running", "measured")
    if not reason.strip():
        raise InputError("say why it is cancelled", path="reason")
    _change(connection, row, state="cancelled", note=reason[:NOTE_LIMIT])
    audit_chain.append(connection, now, actor=actor, action="verification_cancelled", subject=str(row.number), detail={"reason": reason[:TEXT_LIMIT]})


def add_months(at: int, months: int) -> int:
    """The same day and time so many months later (UTC), the last day of a shorter month."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return at + round((moment.replace(year=year, month=month + 1, day=day) - moment).total_seconds() * 1000)


def _check(catalogue: ClassCatalogue, plan: Plan, now: int) -> None:
    compile_text(plan.query, catalogue, now)
    for name in ("title", "responsible"):
        text = getattr(plan, name)
        if not text.strip() or len(text) > TEXT_LIMIT:
            raise InputError(f"give a {name} of at most {TEXT_LIMIT} characters", path=name)
    check_date(plan.planned_at, path="planned_at")
    if not plan.seed or len(plan.seed) > TEXT_LIMIT:
        raise InputError("give a seed", path="seed")
    if plan.sample_size is not None and not 1 <= plan.sample_size <= SAMPLE_LIMIT:
        raise InputError(f"a sample has 1 to {SAMPLE_LIMIT} CIs", path="sample_size")
    if plan.every_months is not None and not 1 <= plan.every_months <= 120:
        raise InputError("every_months is between 1 and 120", path="every_months")
    if not 0 <= plan.due_days <= 3_660:
        raise InputError("due_days is between 0 and 3660", path="due_days")
    if plan.is_stratified and plan.sample_size is None:
        raise InputError("all in scope need no strata; give a sample_size", path="is_stratified")


def _insert(connection: Connection, number: int, plan: Mapping[str, Any], *, actor: str, now: int) -> None:
    own = {"id": new_id(now), "number": number, "state": "planned", "planned_by": actor, "created_at": now}
    connection.execute(insert(verification).values(**own, **plan))


def _require(row: Any, *states: str) -> None:
    if row.state not in states:
        raise ConflictError(f"verification {row.number} is {row.state}; this needs it to be {' or '.join(states)}", code="wrong-state")


def _change(connection: Connection, row: Any, **values: Any) -> None:
    connection.execute(update(verification).where(verification.c.id == row.id).values(**values, version=verification.c.version + 1))


def _answered(values: list[CheckedValue], given: GivenAnswer) -> list[CheckedValue]:
    known = {each.attribute for each in values}
    for name, answer in given.answers.items():
        if name not in known:
            raise InputError(f"attribute {quote(name)} is not recorded of this CI; there are {', '.join(sorted(known))}", path=f"answers.{name}")
        if answer not in ("equal", "differs", "not_found"):
            raise InputError(f"{quote(answer)} is no answer; say equal, differs or not_found", path=f"answers.{name}")
    return [
        msgspec.structs.replace(each, answer=given.answers[each.attribute], observed=given.found.get(each.attribute))
        if each.attribute in given.answers
        else each
        for each in values
    ]


def _finish_when_answered(connection: Connection, key: str, *, measurer: str | None, actor: str, now: int) -> None:
    row = find_run(connection, key)
    measured_by = sorted({*decode(row.measured_by), *([] if measurer is None else [measurer])})
    _change(connection, row, measured_by=encode(measured_by))
    waiting = (verification_item.c.verification_id == row.id) & (verification_item.c.answer == "open")
    if connection.execute(select(verification_item.c.position).where(waiting).limit(1)).first() is not None:
        return
    items = load_items(connection, row.id)
    population = {ci_class: len(numbers) for ci_class, numbers in decode(zlib.decompress(row.population)).items()}
    result = summarise(items, population)
    _change(connection, row, state="measured", measured_at=now, result=msgspec.msgpack.encode(result))
    found = open_findings(connection, row, [each for each in items if each.answer != "equal"], now=now)
    detail = {"result": msgspec.to_builtins(result), "findings": found}
    audit_chain.append(connection, now, actor=actor, action="verification_measured", subject=str(row.number), detail=detail)


def _plan_next(connection: Connection, row: Any, *, actor: str, now: int, seed: str) -> None:
    planned_at = add_months(row.planned_at, row.every_months)
    names = ("title", "query", "method", "responsible", "sample_size", "is_stratified", "every_months", "due_days")
    plan = Plan(**{name: getattr(row, name) for name in names}, planned_at=max(planned_at, now), seed=seed)
    values = msgspec.structs.asdict(plan)
    number = int(connection.execute(select(func.max(verification.c.number))).scalar_one()) + 1
    _insert(connection, number, values, actor=actor, now=now)
    detail = {**values, "follows": row.number}
    audit_chain.append(connection, now, actor=actor, action="verification_planned", subject=str(number), detail=detail)
