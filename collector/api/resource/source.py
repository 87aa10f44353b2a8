"""Sources: who reports, how, and whether they may."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, nothing, read_number, read_query
from collector.api.keys import AUTH, CLOCK, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.enrolment import approve_source, withdraw_source
from muster.ports import Page, SourceView


class SourceQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`state`: only these; none named: all."""

    state: list[Literal["active", "pending", "revoked"]] = []
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


async def list_sources(request: web.Request) -> web.Response:
    query = read_query(request, SourceQuery)
    page = await asyncio.to_thread(request.app[READER].list_sources, states=query.state, cursor=query.cursor, limit=query.limit)
    return answer(page)


async def get_source(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].get_source, read_number(request)))


async def approve(request: web.Request) -> web.Response:
    """Let a source that waits report."""
    source_id, now, actor = read_number(request), request.app[CLOCK].now_ms(), actor_of(request)
    await request.app[WRITER].run(lambda connection: approve_source(connection, source_id, now, actor=actor))
    request.app[AUTH].forget_tokens()
    return nothing()


async def revoke(request: web.Request) -> web.Response:
    """Refuse it at once, with all its tokens."""
    source_id, now, actor = read_number(request), request.app[CLOCK].now_ms(), actor_of(request)
    await request.app[WRITER].run(lambda connection: withdraw_source(connection, source_id, now, actor=actor))
    request.app[AUTH].forget_tokens()
    return nothing()


RESOURCE = Resource(
    name="source",
    summary="Sources",
    routes=(
        Route("GET", "/v1/sources", list_sources, "viewer", "List sources", query=SourceQuery, answer=Page, item=SourceView),
        Route("GET", "/v1/sources/{id}", get_source, "viewer", "One source", answer=SourceView, statuses=(404,)),
        Route("POST", "/v1/sources/{id}/approve", approve, "administrator", "Let a source report that waits", status=204, statuses=(404, 409)),
        Route("POST", "/v1/sources/{id}/revoke", revoke, "administrator", "Refuse a source from now on", status=204, statuses=(404,)),
    ),
)
