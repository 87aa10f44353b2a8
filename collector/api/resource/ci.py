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
from muster.ports import CiAsAt, CiComparison, CiDetail, CiSummary, HistoryEntry, Page, SeriesView

Limit = Annotated[int, Meta(ge=1, le=500)]
Cursor = str | None
Instant = Annotated[str, Meta(max_length=40)]
Query = Annotated[str, Meta(max_length=2_000, description="query language: class:server tag.role:web seen<7d")]
DAY_MS = 86_400_000


class CiQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`sort`: name (without it), number, class, zone, presence, operation, seen, changed or created; `-` before it turns it round.

    `at`: as it was then, `known`: by what was known then; such a list is by number, and leaves out what no history is kept of.
    """

    query: Query = ""
    sort: str | None = None
    at: Instant | None = None
    known: Instant | None = None
    cursor: Cursor = None
    limit: Limit = 50


class ContentsQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"ci_class": "class"}):
    """Dependent CIs of one class. `at`, `known`: as in the list of CIs."""

    ci_class: str
    query: Query = ""
    sort: str | None = None
    at: Instant | None = None
    known: Instant | None = None
    cursor: Cursor = None
    limit: Limit = 50


class HistoryQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`layer`: observed, recorded, relation, presence, lifecycle or identity. `contents`: also what happened to its parts. `known`: as
    known then.
    """

    attribute: str | None = None
    layer: Literal["observed", "recorded", "relation", "presence", "lifecycle", "identity"] | None = None
    contents: bool = False
    known: Instant | None = None
    cursor: Cursor = None
    limit: Limit = 50


class AsAtQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`at`: when it was so. `known`: by what was known then; left out: by what is known now."""

    at: Instant
    known: Instant | None = None


class CiComparisonQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """Two instants; `to` left out: now. `known_from`, `known_to`: by what was known then; left out: by what is known now."""

    since: Instant
    until: Instant | None = None
    known_from: Instant | None = None
    known_to: Instant | None = None


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
    query, reader = read_query(request, CiQuery), request.app[READER]
    if query.at is not None or query.known is not None:
        at, known = _moment(query)
        return answer(await asyncio.to_thread(reader.list_cis_then, query.query, at=at, known_at=known, cursor=query.cursor, limit=query.limit))
    return answer(
        await asyncio.to_thread(
            reader.list_cis, query.query, cursor=query.cursor, limit=query.limit, sort="name" if query.sort is None else query.sort
        )
    )


def _moment(query: CiQuery | ContentsQuery) -> tuple[int | None, int | None]:
    """`at` and `known`. A list of the past has one order. Raises InputError."""
    if query.sort not in (None, "number"):
        raise InputError("a list of the past is by number", path="sort")
    return instant_of(query.at, "at"), instant_of(query.known, "known")


def instant_of(text: str | None, path: str) -> int | None:
    """A parameter's instant; None: not given."""
    return None if text is None else read_instant(text, path)


async def get_ci(request: web.Request) -> web.Response:
    """By id or number; the survivor of a merge under either id."""
    found = await asyncio.to_thread(request.app[READER].get_ci, read_id(request))
    return answer(found, version=found.version)


async def list_contents(request: web.Request) -> web.Response:
    query = read_query(request, ContentsQuery)
    if query.at is not None or query.known is not None:
        wanted = f"class:{query.ci_class} {query.query}" if query.ci_class else query.query
        (at, known), then, key = _moment(query), request.app[READER].list_cis_then, read_id(request)
        return answer(await asyncio.to_thread(then, wanted, at=at, known_at=known, owner=key, cursor=query.cursor, limit=query.limit))
    page = await asyncio.to_thread(
        request.app[READER].list_contents,
        read_id(request),
        query.ci_class,
        query=query.query,
        cursor=query.cursor,
        limit=query.limit,
        sort="name" if query.sort is None else query.sort,
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
        known_at=instant_of(query.known, "known"),
        cursor=query.cursor,
        limit=query.limit,
    )
    return answer(page)


async def get_as_at(request: web.Request) -> web.Response:
    """As it was, or as it was believed to be."""
    query = read_query(request, AsAtQuery)
    known_at = instant_of(query.known, "known")
    return answer(await asyncio.to_thread(request.app[READER].ci_as_at, read_id(request), read_instant(query.at, "at"), known_at))


async def compare(request: web.Request) -> web.Response:
    """What became of it between two instants."""
    query = read_query(request, CiComparisonQuery)
    moments = read_instant(query.since, "from"), instant_of(query.until, "to")
    before, after = instant_of(query.known_from, "known_from"), instant_of(query.known_to, "known_to")
    compared = request.app[READER].compare_ci
    return answer(await asyncio.to_thread(compared, read_id(request), *moments, known_before=before, known_after=after))


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
            "GET", "/v1/cis/{id}/comparison", compare, "viewer", "What became of the CI between two instants",
            query=CiComparisonQuery, answer=CiComparison, statuses=(404, 422),
        ),
        Route(
            "GET", "/v1/cis/{id}/series", list_series, "viewer", "Metric series, with points where names are given",
            query=SeriesQuery, answer=SeriesList, statuses=(404, 422),
        ),
    ),
)  # fmt: skip
