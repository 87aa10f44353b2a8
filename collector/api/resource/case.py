"""Cases of identity and mass loss that wait for a person, and decisions, which can be taken back."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct, field

from collector.api.exchange import answer, read_body, read_id, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.reconcile.case import CaseAction
from collector.store.decision import resolve_case, undo_decision
from muster.model.state import CaseState
from muster.ports import CaseView, DecisionView, Page

Reason = Annotated[str, Meta(max_length=4_000)]
Limit = Annotated[int, Meta(ge=1, le=500)]


class CaseQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`state`: open unless others are named."""

    state: list[CaseState] = field(default_factory=lambda: ["open"])
    cursor: str | None = None
    limit: Limit = 50


class CaseDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """same: the members are one; different: they are not; release: a mass loss is real; confirm: it is as the case says; dismiss: nothing."""

    action: CaseAction
    reason: Reason = ""


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
    return answer(await asyncio.to_thread(request.app[READER].get_case, read_id(request)))


async def decide_case(request: web.Request) -> web.Response:
    wanted = await read_body(request, CaseDecision)
    case_id, context, now, actor = read_id(request), request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    decision_id = await request.app[WRITER].run(
        lambda connection: resolve_case(connection, context, case_id, wanted.action, actor=actor, now=now, reason=wanted.reason)
    )
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, decision_id))


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
        Route("GET", "/v1/cases/{id}", get_case, "viewer", "One case", answer=CaseView, statuses=(404,)),
        Route(
            "POST", "/v1/cases/{id}/decision", decide_case, "configuration_manager", "Resolve or dismiss a case",
            body=CaseDecision, answer=DecisionView, statuses=(404, 409, 422),
        ),
        Route("GET", "/v1/decisions", list_decisions, "viewer", "List decisions, newest first", query=DecisionQuery, answer=Page, item=DecisionView),
        Route("GET", "/v1/decisions/{id}", get_decision, "viewer", "One decision", answer=DecisionView, statuses=(404,)),
        Route(
            "POST", "/v1/decisions/{id}/undo", undo, "configuration_manager", "Take a decision back",
            body=UndoRequest, answer=DecisionView, statuses=(404, 409, 422),
        ),
    ),
)  # fmt: skip
