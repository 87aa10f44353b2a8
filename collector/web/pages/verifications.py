"""Verification runs: planned, answered and signed off here, and printed as evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from collector.api.keys import CATALOGUE, CLOCK, WRITER, actor_of
from collector.api.resource.verification import make_seed, start
from collector.store import verification as store
from collector.store.verification import GivenAnswer, Plan
from collector.web.done import explain_refusal
from collector.web.form_field import parse_local, parse_number, read_text
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.verification import RUN_STATES, to_finding, to_item, to_run, to_runs
from collector.web.visit import Visit, load, load_all, visit_of
from muster.errors import ConflictError, InputError
from muster.verification import CheckedValue, VerificationRecord

EXAMPLE = "class:server zone:berlin"
_RUN_COLUMNS = (
    "number", "title", "state", "query", "method", "sample_size", "seed", "responsible", "planned_at", "measured_at", "examined", "equal", "ratio",
    "lower", "upper", "signed_at", "signed_by", "open_findings",
)  # fmt: skip
_ITEM_COLUMNS = (
    "position",
    "number",
    "class",
    "name",
    "answer",
    "attribute",
    "recorded",
    "found",
    "value_answer",
    "answered_by",
    "answered_at",
    "note",
)
Fault = tuple[str, int]


async def show_list(request: web.Request) -> web.StreamResponse:
    return await _render_list(request)


async def _render_list(request: web.Request, fault: Fault = ("", 200)) -> web.StreamResponse:
    visit = visit_of(request)
    state = visit.query.get("state", "")
    states = (state,) if state in RUN_STATES else ()
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_verifications", ROW_LIMIT, states=states)
        rows = [
            [getattr(each.result if name in ("examined", "equal", "ratio", "lower", "upper") else each, name, None) for name in _RUN_COLUMNS]
            for each in found
        ]
        return send_table("verifications", str(form), _RUN_COLUMNS, rows)
    page = await load(request, "list_verifications", states=states, cursor=request.query.get("cursor"))
    tomorrow = visit.viewpoint.local(visit.viewpoint.now + 86_400_000)
    return await respond(
        request,
        "verifications.html",
        visit=visit,
        status=fault[1],
        fault=fault[0],
        runs=to_runs(page.items, request.app[CATALOGUE], visit.viewpoint),
        total=page.total,
        next_cursor=page.next_cursor,
        states=[
            (with_query(visit, state=None, cursor=None), visit.viewpoint.say("all"), not states),
            *((with_query(visit, state=key, cursor=None), visit.viewpoint.say(text), key in states) for key, text in RUN_STATES.items()),
        ],
        may_plan=visit.may("configuration_manager"),
        example=EXAMPLE,
        tomorrow=f"{tomorrow:%Y-%m-%dT10:00}",
    )


async def show_one(request: web.Request) -> web.StreamResponse:
    return await _render_one(request, request.match_info["number"])


async def _render_one(request: web.Request, key: str, fault: Fault = ("", 200)) -> web.StreamResponse:
    """A run whole: what a screen shows is what is printed as evidence."""
    visit, catalogue = visit_of(request), request.app[CATALOGUE]
    record = await load(request, "get_verification_record", key)
    if (form := request.query.get("format")) in FORMATS:
        return _export(record, str(form))
    run = record.verification
    may = visit.may
    is_own = visit.identity is not None and visit.identity.actor in run.measured_by
    return await respond(
        request,
        "verification.html",
        visit=visit,
        status=fault[1],
        fault=fault[0],
        run=to_run(run, catalogue, visit.viewpoint),
        items=[to_item(each, catalogue, visit.viewpoint) for each in record.items],
        findings=[to_finding(each, catalogue, visit.viewpoint) for each in record.findings],
        population=[(each, f"{len(numbers):,}") for each, numbers in record.population.items()],
        may_work=may("configuration_manager"),
        may_sign=may("verifier") and run.state == "measured" and not is_own,
        is_own=is_own and run.state == "measured",
    )


def _export(record: VerificationRecord, form: str) -> web.StreamResponse:
    """JSON whole, as the API gives it; CSV a row for each value of each CI."""
    name = f"verification-{record.verification.number}"
    if form == "json":
        headers = {"Content-Disposition": f'attachment; filename="muster-{name}.json"'}
        return web.Response(body=msgspec.json.encode(record), content_type="application/json", charset="utf-8", headers=headers)
    nothing = [CheckedValue("", None, None, "not_found")]  # of a CI that was not found no value was seen
    rows = [
        (each.position, each.ci.number, each.ci.ci_class, each.ci.name, each.answer, value.attribute, value.recorded, value.observed, value.answer,
         each.answered_by, each.answered_at, each.note)
        for each in record.items
        for value in each.values or nothing
    ]  # fmt: skip
    return send_table(name, form, _ITEM_COLUMNS, rows)


async def plan(request: web.Request) -> web.StreamResponse:
    """Plans a run and leads to it."""
    form = await request.post()
    visit = visit_of(request)
    now, actor, catalogue = request.app[CLOCK].now_ms(), actor_of(request), request.app[CATALOGUE]
    try:
        wanted = _parse_plan(form, visit)
        number = await request.app[WRITER].run(lambda connection: store.plan_verification(connection, catalogue, wanted, actor=actor, now=now))
    except InputError as error:
        return await _render_list(request, (explain_refusal(error, visit.viewpoint), 422))
    return web.Response(status=303, headers={"Location": f"/verifications/{number}"})


def _parse_plan(form: Any, visit: Visit) -> Plan:
    def text(name: str) -> str:
        return read_text(form, name)

    method = text("method")
    return Plan(
        title=text("title"),
        query=text("query"),
        method="manual" if method == "manual" else "automatic",
        responsible=text("responsible"),
        planned_at=parse_local(text("planned_at"), visit.viewpoint.zone, path="planned_at"),
        seed=make_seed(),
        sample_size=parse_number(text("sample_size"), path="sample_size"),
        is_stratified=text("is_stratified") == "1" and bool(text("sample_size")),
        every_months=parse_number(text("every_months"), path="every_months"),
        due_days=parse_number(text("due_days"), path="due_days") or 0,
    )


async def work(request: web.Request) -> web.StreamResponse:
    """Begins, answers, signs off or cancels a run, and leads back to it."""
    key, form = request.match_info["number"], await request.post()
    action, note = str(form.get("action", "")), read_text(form, "note")
    now, actor = request.app[CLOCK].now_ms(), actor_of(request)
    writes: dict[str, Callable[[Any], None]] = {
        "answer": lambda connection: store.answer_item(connection, key, _number_of(form), _parse_answer(form, note), actor=actor, now=now),
        "answer-rest": lambda connection: store.answer_item(
            connection, key, _number_of(form), _parse_answer(form, note, "equal"), actor=actor, now=now
        ),
        "cancel": lambda connection: store.cancel_verification(connection, key, reason=note, actor=actor, now=now),
    }
    try:
        if action == "run":
            await start(request, key)
        else:
            await request.app[WRITER].run(writes.get(action, _refuse))
    except (ConflictError, InputError) as error:
        return await _render_one(request, key, (explain_refusal(error, visit_of(request).viewpoint), 409))
    place = f"#ci-{_number_of(form)}" if action.startswith("answer") else ""
    return web.Response(status=303, headers={"Location": f"/verifications/{key}{place}"})


def _refuse(_connection: Any) -> None:
    raise InputError("press one of the buttons", path="action")


async def sign(request: web.Request) -> web.StreamResponse:
    """Signs a run off and leads back to it."""
    key, form = request.match_info["number"], await request.post()
    note, now, actor = read_text(form, "note"), request.app[CLOCK].now_ms(), actor_of(request)
    try:
        await request.app[WRITER].run(lambda connection: store.sign_off(connection, key, note=note, actor=actor, now=now))
    except ConflictError as error:
        return await _render_one(request, key, (explain_refusal(error, visit_of(request).viewpoint), 409))
    return web.Response(status=303, headers={"Location": f"/verifications/{key}"})


def _number_of(form: Any) -> int:
    text = str(form.get("ci", ""))
    if not text.isdecimal() or len(text) > 18:
        raise InputError("name the CI", path="ci")
    return int(text)


def _parse_answer(form: Any, note: str, rest: str = "") -> GivenAnswer:
    """Fields `answer.ATTRIBUTE` and `found.ATTRIBUTE`; `missing`: the CI itself is not there; `rest`: what fields without an answer say."""
    answers = {name.removeprefix("answer."): str(value) or rest for name, value in form.items() if name.startswith("answer.") and (value or rest)}
    found = {name.removeprefix("found."): str(value) for name, value in form.items() if name.startswith("found.") and str(value).strip()}
    return GivenAnswer(is_found="missing" not in form, answers=answers, found=found, note=note)


PAGE = PageModule(
    "verifications",
    "Verification runs from plan to signature, as evidence",
    (
        Route("GET", "/verifications", show_list),
        Route("POST", "/verifications/plan", plan, "configuration_manager"),
        Route("GET", "/verifications/{number}", show_one),
        Route("POST", "/verifications/{number}/work", work, "configuration_manager"),
        Route("POST", "/verifications/{number}/sign", sign, "verifier"),
    ),
)
