"""Findings of verifications: who corrects what by when, and how it was corrected."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct, field

from collector.api.exchange import answer, read_body, read_id, read_instant, read_match, read_query
from collector.api.keys import CLOCK, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.finding import FindingChange, change_finding, close_finding
from muster.ports import Page
from muster.verification import Finding, FindingState

Action = Annotated[str, Meta(max_length=4_000)]
Owner = Annotated[str, Meta(max_length=200)]


class FindingQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`state`: open unless others are named; `owner`: exactly; `overdue`: open ones whose due date has passed."""

    state: list[FindingState] = field(default_factory=lambda: ["open"])
    owner: Owner = ""
    overdue: bool = False
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class FindingPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """What is named is written anew. `due_at`: RFC 3339 or milliseconds; `action`: what is being done."""

    owner: Owner | None = None
    due_at: Annotated[str, Meta(max_length=40)] | int | None = None
    action: Action | None = None


class CloseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`action`: what was done; empty where it was written down before."""

    action: Action = ""


async def list_all(request: web.Request) -> web.Response:
    query = read_query(request, FindingQuery)
    reader = request.app[READER]
    page = await asyncio.to_thread(
        reader.list_findings, states=query.state, owner=query.owner, is_overdue=query.overdue, cursor=query.cursor, limit=query.limit
    )
    return answer(page)


async def get_one(request: web.Request) -> web.Response:
    return await _show(request, read_id(request))


async def change(request: web.Request) -> web.Response:
    """Send If-Match with the ETag of the finding as it was read."""
    version = read_match(request)
    wanted = await read_body(request, FindingPatch)
    due_at = read_instant(wanted.due_at, "$.due_at") if isinstance(wanted.due_at, str) else wanted.due_at
    key, now, actor = read_id(request), request.app[CLOCK].now_ms(), actor_of(request)
    wish = FindingChange(wanted.owner, due_at, wanted.action)
    await request.app[WRITER].run(lambda connection: change_finding(connection, key, wish, actor=actor, now=now, if_version=version))
    return await _show(request, key)


async def close(request: web.Request) -> web.Response:
    wanted = await read_body(request, CloseRequest)
    key, now, actor = read_id(request), request.app[CLOCK].now_ms(), actor_of(request)
    await request.app[WRITER].run(lambda connection: close_finding(connection, key, action=wanted.action, actor=actor, now=now))
    return await _show(request, key)


async def _show(request: web.Request, key: str) -> web.Response:
    found = await asyncio.to_thread(request.app[READER].get_finding, key)
    return answer(found, version=found.version)


RESOURCE = Resource(
    name="finding",
    summary="Findings",
    routes=(
        Route(
            "GET", "/v1/findings", list_all, "viewer", "List findings, what is due first first",
            query=FindingQuery, answer=Page, item=Finding, statuses=(422,),
        ),
        Route("GET", "/v1/findings/{id}", get_one, "viewer", "One finding", answer=Finding, has_etag=True, statuses=(404,)),
        Route(
            "PATCH", "/v1/findings/{id}", change, "configuration_manager", "Give it to somebody, move its date, write down what is done",
            body=FindingPatch, answer=Finding, has_etag=True, needs_match=True, statuses=(404, 409, 412, 422, 428),
        ),
        Route(
            "POST", "/v1/findings/{id}/close", close, "configuration_manager", "Close it with what was done",
            body=CloseRequest, answer=Finding, has_etag=True, statuses=(404, 409, 422),
        ),
    ),
)  # fmt: skip
