"""Baselines: a name for a time and a scope, taken, listed, read, checked and compared; and what became of a scope between two instants."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_body, read_id, read_instant, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.baseline import BaselineWish, save_baseline
from collector.store.scope import Scope
from muster.errors import ConflictError
from muster.ports import BaselineCheck, BaselineCi, BaselineView, CiComparison, Page

ATTEMPTS = 5  # while reports are still being taken that were received before the baseline's instant
Limit = Annotated[int, Meta(ge=1, le=500)]
Query = Annotated[str, Meta(max_length=2_000, description="query language: class:server tag.role:web")]
Instant = Annotated[str, Meta(max_length=40)]


class BaselineListQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page."""

    cursor: str | None = None
    limit: Limit = 50


class BaselineRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What to take. `contents`: also what the CIs hold. `at`: of this instant, as known now; left out: now."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    reason: Annotated[str, Meta(min_length=1, max_length=4_000)]
    owner: Annotated[str, Meta(min_length=1, max_length=256)]
    query: Query = ""
    contents: bool = True
    at: Instant | int | None = None


class ComparisonQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`against`: another baseline, or `now`."""

    against: Annotated[str, Meta(max_length=128)] = "now"
    cursor: str | None = None
    limit: Limit = 50


class ScopeQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """A scope at two instants. `known_from`, `known_to`: by what was known then; left out: by what is known now. `to` left out: now."""

    since: Instant
    until: Instant | None = None
    known_from: Instant | None = None
    known_to: Instant | None = None
    query: Query = ""
    contents: bool = True
    cursor: str | None = None
    limit: Limit = 50


async def list_baselines(request: web.Request) -> web.Response:
    query = read_query(request, BaselineListQuery)
    return answer(await asyncio.to_thread(request.app[READER].list_baselines, cursor=query.cursor, limit=query.limit))


async def take(request: web.Request) -> web.Response:
    """It is never changed or deleted afterwards."""
    wanted = await read_body(request, BaselineRequest)
    at = None if wanted.at is None else read_instant(str(wanted.at), "$.at")
    wish = BaselineWish(wanted.name, Scope(wanted.query, wanted.contents), wanted.reason, wanted.owner, at)
    reader, writer, clock = request.app[READER], request.app[WRITER], request.app[CLOCK]
    context, actor = request.app[PARTS].context, actor_of(request)
    for attempt in range(1, ATTEMPTS + 1):
        await writer.run(lambda connection: None)  # what was received before this is written first
        content = await asyncio.to_thread(reader.read_content, wish)
        now = clock.now_ms()
        try:
            await writer.run(lambda connection, content=content, now=now: save_baseline(connection, context, wish, content, actor=actor, now=now))  # type: ignore[misc]  # defaults bind the loop's values
            break
        except ConflictError as error:
            if error.code != "history-moved" or attempt == ATTEMPTS:
                raise
    return answer(await asyncio.to_thread(reader.get_baseline, wanted.name), status=201)


async def get_baseline(request: web.Request) -> web.Response:
    """By name or id."""
    return answer(await asyncio.to_thread(request.app[READER].get_baseline, read_id(request)))


async def list_cis(request: web.Request) -> web.Response:
    query = read_query(request, BaselineListQuery)
    return answer(await asyncio.to_thread(request.app[READER].list_baseline_cis, read_id(request), cursor=query.cursor, limit=query.limit))


async def compare(request: web.Request) -> web.Response:
    query = read_query(request, ComparisonQuery)
    page = await asyncio.to_thread(request.app[READER].compare_baselines, read_id(request), query.against, cursor=query.cursor, limit=query.limit)
    return answer(page)


async def check(request: web.Request) -> web.Response:
    """Computed anew from the history: takes as long as taking it did."""
    return answer(await asyncio.to_thread(request.app[READER].check_baseline, read_id(request)))


async def compare_scope(request: web.Request) -> web.Response:
    query = read_query(request, ScopeQuery)
    before = read_instant(query.since, "from"), _instant(query.known_from, "known_from")
    after = _instant(query.until, "to"), _instant(query.known_to, "known_to")
    scope = Scope(query.query, query.contents)
    page = await asyncio.to_thread(request.app[READER].compare_scope, scope, before, after, cursor=query.cursor, limit=query.limit)
    return answer(page)


def _instant(text: str | None, path: str) -> int | None:
    return None if text is None else read_instant(text, path)


RESOURCE = Resource(
    name="baseline",
    summary="Baselines, and comparisons of two instants",
    routes=(
        Route(
            "GET", "/v1/baselines", list_baselines, "viewer", "List baselines, the newest first",
            query=BaselineListQuery, answer=Page, item=BaselineView, statuses=(422,),
        ),
        Route(
            "POST", "/v1/baselines", take, "configuration_manager", "Take a baseline of a scope",
            body=BaselineRequest, answer=BaselineView, status=201, statuses=(409, 422),
        ),
        Route("GET", "/v1/baselines/{id}", get_baseline, "viewer", "One baseline, by name or id", answer=BaselineView, statuses=(404,)),
        Route(
            "GET", "/v1/baselines/{id}/cis", list_cis, "viewer", "What it holds, as it was then",
            query=BaselineListQuery, answer=Page, item=BaselineCi, statuses=(404, 422),
        ),
        Route(
            "GET", "/v1/baselines/{id}/comparison", compare, "viewer", "What became of it: until another baseline, or until now",
            query=ComparisonQuery, answer=Page, item=CiComparison, statuses=(404, 422),
        ),
        Route("GET", "/v1/baselines/{id}/check", check, "viewer", "Whether it still is what was taken", answer=BaselineCheck, statuses=(404,)),
        Route(
            "GET", "/v1/comparison", compare_scope, "viewer", "What became of a scope between two instants",
            query=ScopeQuery, answer=Page, item=CiComparison, statuses=(422,),
        ),
    ),
)  # fmt: skip
