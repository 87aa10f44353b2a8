"""Configuration items: lists by query, one with its facts, contents, series and history, and what people record of it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_id, read_instant, read_query
from collector.api.keys import CLOCK, READER
from collector.api.route import Resource, Route
from muster.errors import InputError
from muster.ports import CiAsAt, CiDetail, CiSummary, HistoryEntry, Page, SeriesView

Limit = Annotated[int, Meta(ge=1, le=500)]
Cursor = str | None
Query = Annotated[str, Meta(max_length=2_000, description="query language: class:server tag.role:web seen<7d")]
DAY_MS = 86_400_000


class CiQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`sort`: name, number, class, zone, presence, operation, seen, changed or created; `-` before it turns it round."""

    query: Query = ""
    sort: str = "name"
    cursor: Cursor = None
    limit: Limit = 50


class ContentsQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"ci_class": "class"}):
    """Dependent CIs of one class."""

    ci_class: str
    query: Query = ""
    sort: str = "name"
    cursor: Cursor = None
    limit: Limit = 50


class HistoryQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`layer`: observed, recorded, relation, presence, lifecycle or identity. `contents`: also what happened to its parts."""

    attribute: str | None = None
    layer: Literal["observed", "recorded", "relation", "presence", "lifecycle", "identity"] | None = None
    contents: bool = False
    cursor: Cursor = None
    limit: Limit = 50


class AsAtQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`at`: when it was so. `known_at`: by what was known then; left out: by what is known now."""

    at: str
    known_at: str | None = None


class SeriesQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """`name`: series of these names, with points of `[from, to)` (the last day); without a name, what series there are."""

    name: list[str] = []
    since: str | None = None
    until: str | None = None
    points: Annotated[int, Meta(ge=2, le=5_000)] = 500


class SeriesList(Struct, frozen=True):
    """By name and labels."""

    items: list[SeriesView]


async def list_cis(request: web.Request) -> web.Response:
    query = read_query(request, CiQuery)
    page = await asyncio.to_thread(request.app[READER].list_cis, query.query, cursor=query.cursor, limit=query.limit, sort=query.sort)
    return answer(page)


async def get_ci(request: web.Request) -> web.Response:
    """By id or number; the survivor of a merge under either id."""
    found = await asyncio.to_thread(request.app[READER].get_ci, read_id(request))
    return answer(found, version=found.version)


async def list_contents(request: web.Request) -> web.Response:
    query = read_query(request, ContentsQuery)
    page = await asyncio.to_thread(
        request.app[READER].list_contents,
        read_id(request),
        query.ci_class,
        query=query.query,
        cursor=query.cursor,
        limit=query.limit,
        sort=query.sort,
    )
    return answer(page)


async def list_history(request: web.Request) -> web.Response:
    query = read_query(request, HistoryQuery)
    page = await asyncio.to_thread(
        request.app[READER].ci_history,
        read_id(request),
        attribute=query.attribute,
        layer=query.layer,
        with_contents=query.contents,
        cursor=query.cursor,
        limit=query.limit,
    )
    return answer(page)


async def get_as_at(request: web.Request) -> web.Response:
    """As it was, or as it was believed to be."""
    query = read_query(request, AsAtQuery)
    known_at = None if query.known_at is None else read_instant(query.known_at, "known_at")
    return answer(await asyncio.to_thread(request.app[READER].ci_as_at, read_id(request), read_instant(query.at, "at"), known_at))


async def list_series(request: web.Request) -> web.Response:
    query, reader, key = read_query(request, SeriesQuery), request.app[READER], read_id(request)
    if not query.name:
        return answer(SeriesList(await asyncio.to_thread(reader.list_series, key)))
    until = request.app[CLOCK].now_ms() if query.until is None else read_instant(query.until, "to")
    since = until - DAY_MS if query.since is None else read_instant(query.since, "from")
    if since >= until:
        raise InputError("the window must begin before it ends", path="from")
    found = await asyncio.to_thread(reader.series_points, key, query.name, since=since, until=until, points=query.points)
    return answer(SeriesList(found))


RESOURCE = Resource(
    name="ci",
    summary="Configuration items",
    routes=(
        Route("GET", "/v1/cis", list_cis, "viewer", "List CIs by query", query=CiQuery, answer=Page, item=CiSummary, statuses=(422,)),
        Route("GET", "/v1/cis/{id}", get_ci, "viewer", "One CI, by id or number", answer=CiDetail, has_etag=True, statuses=(404,)),
        Route(
            "GET", "/v1/cis/{id}/contents", list_contents, "viewer", "What it holds, by class",
            query=ContentsQuery, answer=Page, item=CiSummary, statuses=(404, 422),
        ),
        Route(
            "GET", "/v1/cis/{id}/history", list_history, "viewer", "What changed, newest first",
            query=HistoryQuery, answer=Page, item=HistoryEntry, statuses=(404, 422),
        ),
        Route(
            "GET", "/v1/cis/{id}/as-at", get_as_at, "viewer", "The CI as it was at an instant, by what was known at another",
            query=AsAtQuery, answer=CiAsAt, statuses=(404, 422),
        ),
        Route(
            "GET", "/v1/cis/{id}/series", list_series, "viewer", "Metric series, with points where names are given",
            query=SeriesQuery, answer=SeriesList, statuses=(404, 422),
        ),
    ),
)  # fmt: skip
