"""Cases of identity and mass loss that wait for a person, and decisions, which can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct, field

from collector.api.exchange import answer, read_body, read_id, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.reconcile.case import CaseAction
from collector.store.case_decision import MemberChoice
from collector.store.decision import resolve_case, undo_decision
from collector.store.rehearsal import rehearse
from muster.merge_view import CaseDetail, Outcome
from muster.model.state import CaseState
from muster.ports import CaseView, DecisionView, Page

Reason = Annotated[str, Meta(max_length=4_000)]
Limit = Annotated[int, Meta(ge=1, le=500)]
Key = Annotated[str, Meta(min_length=1, max_length=64)]


class CaseQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`state`: open unless others are named."""

    state: list[CaseState] = field(default_factory=lambda: ["open"])
    cursor: str | None = None
    limit: Limit = 50


class CaseDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """same: the members are one; different: they are not; replace: same role, new hardware; revive: a retired one is in use again; release:
    a loss is real, or a value may be trusted again; confirm: it is as the case says; dismiss: nothing. `keep`: which CI stays, or takes the
    role; `members`: which are meant, where not all."""

    action: CaseAction
    reason: Reason = ""
    keep: Key | None = None
    members: Annotated[list[Key], Meta(max_length=50)] = []


class DecisionQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Newest first."""

    cursor: str | None = None
    limit: Limit = 50


class UndoRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is taken back."""

    reason: Reason = ""


async def list_cases(request: web.Request) -> web.Response:
    query = read_query(request, CaseQuery)
    return answer(await asyncio.to_thread(request.app[READER].list_cases, states=query.state, cursor=query.cursor, limit=query.limit))


async def get_case(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].case_detail, read_id(request)))


async def decide_case(request: web.Request) -> web.Response:
    decide = await _deciding(request)
    decision_id = await request.app[WRITER].run(decide)
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, decision_id))


async def rehearse_case(request: web.Request) -> web.Response:
    decide, reader = await _deciding(request), request.app[READER]
    return answer(await request.app[WRITER].run(lambda connection: rehearse(connection, reader.reading_on(connection), decide)))


async def _deciding(request: web.Request) -> Callable[[Any], str]:
    wanted = await read_body(request, CaseDecision)
    case_id, context, now, actor = read_id(request), request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    choice = MemberChoice(wanted.keep, tuple(wanted.members))
    return lambda connection: resolve_case(connection, context, case_id, wanted.action, actor=actor, now=now, reason=wanted.reason, choice=choice)


async def list_decisions(request: web.Request) -> web.Response:
    query = read_query(request, DecisionQuery)
    return answer(await asyncio.to_thread(request.app[READER].list_decisions, cursor=query.cursor, limit=query.limit))


async def get_decision(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].get_decision, read_id(request)))


async def undo(request: web.Request) -> web.Response:
    """The undo is a decision itself."""
    wanted = await read_body(request, UndoRequest)
    decision_id, context, now, actor = read_id(request), request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    made = await request.app[WRITER].run(
        lambda connection: undo_decision(connection, context, decision_id, actor=actor, now=now, reason=wanted.reason)
    )
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, made))


RESOURCE = Resource(
    name="case",
    summary="Cases and decisions",
    routes=(
        Route("GET", "/v1/cases", list_cases, "viewer", "List cases, newest first", query=CaseQuery, answer=Page, item=CaseView, statuses=(422,)),
        Route("GET", "/v1/cases/{id}", get_case, "viewer", "One case, with what speaks for and against it", answer=CaseDetail, statuses=(404,)),
        Route(
            "POST", "/v1/cases/{id}/decision", decide_case, "configuration_manager", "Resolve or dismiss a case",
            body=CaseDecision, answer=DecisionView, statuses=(404, 409, 422),
        ),
        Route(
            "POST", "/v1/cases/{id}/rehearsal", rehearse_case, "configuration_manager", "What would come of it; nothing is written",
            body=CaseDecision, answer=Outcome, statuses=(404, 409, 422),
        ),
        Route("GET", "/v1/decisions", list_decisions, "viewer", "List decisions, newest first", query=DecisionQuery, answer=Page, item=DecisionView),
        Route("GET", "/v1/decisions/{id}", get_decision, "viewer", "One decision", answer=DecisionView, statuses=(404,)),
        Route(
            "POST", "/v1/decisions/{id}/undo", undo, "configuration_manager", "Take a decision back",
            body=UndoRequest, answer=DecisionView, statuses=(404, 409, 422),
        ),
    ),
)  # fmt: skip
