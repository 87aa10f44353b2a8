"""Verification runs: planned comparisons of the record with reality, measured, signed off by a second person, kept as evidence."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Any, Literal

from aiohttp import web
from msgspec import Meta, Struct, field

from collector.api.exchange import answer, read_body, read_id, read_instant, read_query
from collector.api.keys import CATALOGUE, CLOCK, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store import verification as store
from collector.store.verification import GivenAnswer, Plan
from muster.ports import Page
from muster.verification import Answer, Method, Verification, VerificationItem, VerificationRecord, VerificationState

Limit = Annotated[int, Meta(ge=1, le=500)]
Note = Annotated[str, Meta(max_length=4_000)]
Text = Annotated[str, Meta(max_length=200)]
SEED_BYTES = 16


class ListQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`state`: all unless some are named."""

    state: list[VerificationState] = field(default_factory=list)
    cursor: str | None = None
    limit: Limit = 50


class ItemQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`answer`: all unless some are named."""

    answer: list[Answer] = field(default_factory=list)
    cursor: str | None = None
    limit: Limit = 50


class PlanRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`query`: of CIs on record. `planned_at`: RFC 3339 or milliseconds. `sample_size` null: all in scope. `seed`: given only to draw an
    earlier sample again; else it is chance. `every_months`: planned anew when it begins. `due_days`: of findings.
    """

    title: Text
    query: Annotated[str, Meta(max_length=2_000)]
    responsible: Text
    planned_at: Annotated[str, Meta(max_length=40)] | int
    method: Method = "automatic"
    sample_size: Annotated[int, Meta(ge=1, le=store.SAMPLE_LIMIT)] | None = None
    is_stratified: bool = False
    every_months: Annotated[int, Meta(ge=1, le=120)] | None = None
    due_days: Annotated[int, Meta(ge=0, le=3_660)] = 30
    seed: Text = ""


class AnswerRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person found of one CI. `is_found` false: the CI itself is not there. `answers`: attribute → what came of it;
    `found`: attribute → the value seen instead.
    """

    ci: Annotated[int, Meta(ge=1)]
    is_found: bool = True
    answers: Annotated[dict[str, Literal["equal", "differs", "not_found"]], Meta(max_length=500)] = {}
    found: Annotated[dict[str, Any], Meta(max_length=500)] = {}
    note: Note = ""


class NoteRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`note`: kept with the run."""

    note: Note = ""


class CancelRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it will not be done, or counts for nothing."""

    reason: Note


async def list_runs(request: web.Request) -> web.Response:
    query = read_query(request, ListQuery)
    return answer(await asyncio.to_thread(request.app[READER].list_verifications, states=query.state, cursor=query.cursor, limit=query.limit))


async def plan(request: web.Request) -> web.Response:
    wanted = await read_body(request, PlanRequest)
    planned_at = wanted.planned_at if isinstance(wanted.planned_at, int) else read_instant(wanted.planned_at, "$.planned_at")
    made = Plan(
        title=wanted.title,
        query=wanted.query,
        method=wanted.method,
        responsible=wanted.responsible,
        planned_at=planned_at,
        seed=wanted.seed or make_seed(),
        sample_size=wanted.sample_size,
        is_stratified=wanted.is_stratified,
        every_months=wanted.every_months,
        due_days=wanted.due_days,
    )
    catalogue, now, actor = request.app[CATALOGUE], request.app[CLOCK].now_ms(), actor_of(request)
    number = await request.app[WRITER].run(lambda connection: store.plan_verification(connection, catalogue, made, actor=actor, now=now))
    return await _show(request, str(number), status=201)


def make_seed() -> str:
    """Chance, so that nobody can prepare the sample."""
    return secrets.token_hex(SEED_BYTES)


async def get_run(request: web.Request) -> web.Response:
    return await _show(request, read_id(request))


async def get_record(request: web.Request) -> web.Response:
    """The evidence: with the population it was drawn from, every CI and every finding."""
    return answer(await asyncio.to_thread(request.app[READER].get_verification_record, read_id(request)))


async def list_items(request: web.Request) -> web.Response:
    query = read_query(request, ItemQuery)
    reader = request.app[READER]
    page = await asyncio.to_thread(reader.list_verification_items, read_id(request), answers=query.answer, cursor=query.cursor, limit=query.limit)
    return answer(page)


async def run(request: web.Request) -> web.Response:
    """Draws the sample now; the automatic method is measured with it."""
    await start(request, read_id(request))
    return await _show(request, read_id(request))


async def start(request: web.Request, key: str) -> None:
    """Draw outside of the writer, then write. Raises ConflictError where somebody else was faster."""
    drawn = await asyncio.to_thread(request.app[READER].draw_sample, key)
    now, actor, seed = request.app[CLOCK].now_ms(), actor_of(request), make_seed()
    await request.app[WRITER].run(lambda connection: store.start_verification(connection, key, drawn, actor=actor, now=now, next_seed=seed))


async def answer_one(request: web.Request) -> web.Response:
    wanted = await read_body(request, AnswerRequest)
    given = GivenAnswer(wanted.is_found, wanted.answers, wanted.found, wanted.note)
    key, now, actor = read_id(request), request.app[CLOCK].now_ms(), actor_of(request)
    await request.app[WRITER].run(lambda connection: store.answer_item(connection, key, wanted.ci, given, actor=actor, now=now))
    return await _show(request, key)


async def sign_off(request: web.Request) -> web.Response:
    """By somebody who did not measure; nobody can change it afterwards."""
    wanted = await read_body(request, NoteRequest)
    key, now, actor = read_id(request), request.app[CLOCK].now_ms(), actor_of(request)
    await request.app[WRITER].run(lambda connection: store.sign_off(connection, key, note=wanted.note, actor=actor, now=now))
    return await _show(request, key)


async def cancel(request: web.Request) -> web.Response:
    wanted = await read_body(request, CancelRequest)
    key, now, actor = read_id(request), request.app[CLOCK].now_ms(), actor_of(request)
    await request.app[WRITER].run(lambda connection: store.cancel_verification(connection, key, reason=wanted.reason, actor=actor, now=now))
    return await _show(request, key)


async def _show(request: web.Request, key: str, *, status: int = 200) -> web.Response:
    found = await asyncio.to_thread(request.app[READER].get_verification, key)
    return answer(found, version=found.version, status=status)


RESOURCE = Resource(
    name="verification",
    summary="Verifications",
    routes=(
        Route(
            "GET", "/v1/verifications", list_runs, "viewer", "List runs, newest plan first",
            query=ListQuery, answer=Page, item=Verification, statuses=(422,),
        ),
        Route(
            "POST", "/v1/verifications", plan, "configuration_manager", "Plan a run",
            body=PlanRequest, answer=Verification, status=201, has_etag=True, statuses=(422,),
        ),
        Route("GET", "/v1/verifications/{id}", get_run, "viewer", "One run", answer=Verification, has_etag=True, statuses=(404,)),
        Route("GET", "/v1/verifications/{id}/record", get_record, "viewer", "One run whole, as evidence", answer=VerificationRecord, statuses=(404,)),
        Route(
            "GET", "/v1/verifications/{id}/items", list_items, "viewer", "The CIs of its sample",
            query=ItemQuery, answer=Page, item=VerificationItem, statuses=(404, 422),
        ),
        Route(
            "POST", "/v1/verifications/{id}/run", run, "configuration_manager", "Draw its sample and begin",
            answer=Verification, has_etag=True, statuses=(404, 409, 422),
        ),
        Route(
            "POST", "/v1/verifications/{id}/answers", answer_one, "configuration_manager", "Say what was found of one CI",
            body=AnswerRequest, answer=Verification, has_etag=True, statuses=(404, 409, 422),
        ),
        Route(
            "POST", "/v1/verifications/{id}/sign-off", sign_off, "verifier", "Confirm the result as a second person",
            body=NoteRequest, answer=Verification, has_etag=True, statuses=(404, 409, 422),
        ),
        Route(
            "POST", "/v1/verifications/{id}/cancel", cancel, "configuration_manager", "Cancel it, with a reason",
            body=CancelRequest, answer=Verification, has_etag=True, statuses=(404, 409, 422),
        ),
    ),
)  # fmt: skip
