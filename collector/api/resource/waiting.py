"""Decisions that wait for a second person: confirmed by somebody else, or withdrawn. Design: docs/policies.md."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct, field

from collector.api.exchange import answer, read_id, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.review_decision import confirm_decision, withdraw_decision
from muster.ports import DecisionView
from muster.review import WaitingView


class WaitingQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`state`: waiting unless others are named."""

    state: list[Literal["waiting", "confirmed", "withdrawn"]] = field(default_factory=lambda: ["waiting"])
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class WaitingList(Struct, frozen=True):
    """The oldest first."""

    items: list[WaitingView]


async def list_waiting(request: web.Request) -> web.Response:
    query = read_query(request, WaitingQuery)
    return answer(WaitingList(await asyncio.to_thread(request.app[READER].list_waiting, states=query.state, limit=query.limit)))


async def get_waiting(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].get_waiting, read_id(request)))


async def confirm(request: web.Request) -> web.Response:
    """Only somebody else than who decided first."""
    waiting_id, context, now, actor = read_id(request), request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    made = await request.app[WRITER].run(lambda connection: confirm_decision(connection, context, waiting_id, actor=actor, now=now))
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, made))


async def withdraw(request: web.Request) -> web.Response:
    waiting_id, now, actor = read_id(request), request.app[CLOCK].now_ms(), actor_of(request)
    await request.app[WRITER].run(lambda connection: withdraw_decision(connection, waiting_id, actor=actor, now=now))
    return answer(await asyncio.to_thread(request.app[READER].get_waiting, waiting_id))


RESOURCE = Resource(
    name="waiting",
    summary="Decisions that wait for a second person",
    routes=(
        Route("GET", "/v1/waiting-decisions", list_waiting, "viewer", "List them, the oldest first", query=WaitingQuery, answer=WaitingList),
        Route("GET", "/v1/waiting-decisions/{id}", get_waiting, "viewer", "One of them", answer=WaitingView, statuses=(404,)),
        Route(
            "POST", "/v1/waiting-decisions/{id}/confirm", confirm, "configuration_manager", "Confirm what somebody else decided",
            answer=DecisionView, statuses=(404, 409, 422),
        ),
        Route(
            "POST", "/v1/waiting-decisions/{id}/withdraw", withdraw, "configuration_manager", "Withdraw it",
            answer=WaitingView, statuses=(404, 409),
        ),
    ),
)  # fmt: skip
