"""Incidents: what they are and who took them; targets: a test delivery, and dead letters sent again."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_id, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.incident import acknowledge_incident
from collector.store.outbox import replay_dead
from muster.errors import ConfigurationError, NotFoundError, quote
from muster.model.state import IncidentState
from muster.ports import IncidentView, Page


class IncidentQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`state`: only these; none named: all."""

    state: list[IncidentState] = []
    service: str | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class TargetList(Struct, frozen=True):
    """The ids of the targets in force."""

    items: list[str]


class TestDelivery(Struct, frozen=True):
    """What the target answered: `outcome` is delivered, retry, refused or stopped."""

    outcome: str
    detail: str


class ReplayedDeliveries(Struct, frozen=True):
    """How many dead letters wait again."""

    replayed: int


async def list_incidents(request: web.Request) -> web.Response:
    query = read_query(request, IncidentQuery)
    page = await asyncio.to_thread(
        request.app[READER].list_incidents, states=query.state, service=query.service, cursor=query.cursor, limit=query.limit
    )
    return answer(page)


async def get_incident(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].get_incident, read_id(request)))


async def acknowledge(request: web.Request) -> web.Response:
    """Somebody takes it; targets are told."""
    incident_id, now, actor, parts = read_id(request), request.app[CLOCK].now_ms(), actor_of(request), request.app[PARTS]
    targets = list(parts.targets())
    await request.app[WRITER].run(
        lambda connection: acknowledge_incident(connection, incident_id, actor, now, targets=targets, announcement=parts.announcement)
    )
    parts.poke_outbox()
    return answer(await asyncio.to_thread(request.app[READER].get_incident, incident_id))


async def list_targets(request: web.Request) -> web.Response:
    return answer(TargetList(sorted(each.id for each in request.app[PARTS].targets())))


async def test_target(request: web.Request) -> web.Response:
    """One marked test delivery, outside the queue."""
    try:
        sent = await request.app[PARTS].send_test(read_id(request))
    except ConfigurationError as error:
        raise NotFoundError(str(error)) from None
    return answer(TestDelivery(sent.outcome, sent.detail))


async def replay_target(request: web.Request) -> web.Response:
    """Dead letters go again, under their own ids; of a target that is in force, since others have nobody to go to."""
    target, now, actor, parts = read_id(request), request.app[CLOCK].now_ms(), actor_of(request), request.app[PARTS]
    if target not in {each.id for each in parts.targets()}:
        raise NotFoundError(f"no target {quote(target)} is in force; see `muster target list`")
    count = await request.app[WRITER].run(lambda connection: replay_dead(connection, target, now=now, actor=actor))
    parts.poke_outbox()
    return answer(ReplayedDeliveries(count))


RESOURCE = Resource(
    name="incident",
    summary="Incidents and targets",
    routes=(
        Route("GET", "/v1/incidents", list_incidents, "viewer", "List incidents, newest first", query=IncidentQuery, answer=Page, item=IncidentView),
        Route("GET", "/v1/incidents/{id}", get_incident, "viewer", "One incident, by id or number", answer=IncidentView, statuses=(404,)),
        Route(
            "POST", "/v1/incidents/{id}/acknowledge", acknowledge, "operator", "Take an incident", answer=IncidentView, statuses=(404, 409),
        ),
        Route("GET", "/v1/targets", list_targets, "viewer", "The incident targets in force", answer=TargetList),
        Route("POST", "/v1/targets/{id}/test", test_target, "operator", "Send one marked test delivery", answer=TestDelivery, statuses=(404,)),
        Route(
            "POST", "/v1/targets/{id}/replay", replay_target, "operator", "Send its dead letters again",
            answer=ReplayedDeliveries, statuses=(404,),
        ),
    ),
)  # fmt: skip
