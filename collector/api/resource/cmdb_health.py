"""The figures that the CMDB is held to, what stands behind each, and how they went day by day. Definitions: docs/health.md."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_id, read_instant, read_query
from collector.api.keys import CATALOGUE, READER
from collector.api.route import Resource, Route
from muster.cmdb_health import FIGURES, CmdbHealth, HealthDay, HealthItem, HealthScope
from muster.document import suggest
from muster.errors import InputError, NotFoundError, quote
from muster.model.ci_class import ClassCatalogue
from muster.ports import Page

Word = Annotated[str, Meta(max_length=256)]


class ScopeQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"ci_class": "class"}):
    """`class` takes its sub-classes in; `owner`: as recorded; nothing named: the whole estate."""

    ci_class: Word = ""
    zone: Word = ""
    owner: Word = ""


class ItemQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"ci_class": "class"}):
    """As `ScopeQuery`."""

    ci_class: Word = ""
    zone: Word = ""
    owner: Word = ""
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class TrendQuery(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """`from`: not before; RFC 3339 or milliseconds."""

    since: Annotated[str, Meta(max_length=40)] | None = None


class Trend(Struct, frozen=True):
    """One entry a day, oldest first; of the whole estate."""

    items: list[HealthDay]


def read_scope(catalogue: ClassCatalogue, ci_class: str, zone: str, owner: str) -> HealthScope:
    """The scope of parameters. Raises InputError for a class that is none."""
    if ci_class and ci_class not in catalogue:
        raise InputError(f"unknown class {quote(ci_class)}{suggest(ci_class, catalogue.names())}", path="class")
    return HealthScope(ci_class, zone, owner)


async def get_health(request: web.Request) -> web.Response:
    query = read_query(request, ScopeQuery)
    scope = read_scope(request.app[CATALOGUE], query.ci_class, query.zone, query.owner)
    return answer(await asyncio.to_thread(request.app[READER].cmdb_health, scope))


async def list_items(request: web.Request) -> web.Response:
    """What stands behind one figure."""
    name = read_id(request, "figure")
    found = next((each for each in FIGURES if each == name), None)
    if found is None:
        raise NotFoundError(f"no figure {quote(name)}{suggest(name, list(FIGURES))}")
    query = read_query(request, ItemQuery)
    scope = read_scope(request.app[CATALOGUE], query.ci_class, query.zone, query.owner)
    return answer(await asyncio.to_thread(request.app[READER].list_health, found, scope, cursor=query.cursor, limit=query.limit))


async def get_trend(request: web.Request) -> web.Response:
    query = read_query(request, TrendQuery)
    since = 0 if query.since is None else read_instant(query.since, "from")
    return answer(Trend(await asyncio.to_thread(request.app[READER].health_days, since)))


RESOURCE = Resource(
    name="cmdb_health",
    summary="CMDB health",
    routes=(
        Route(
            "GET", "/v1/health/cmdb", get_health, "viewer", "The figures of the estate or of a scope",
            query=ScopeQuery, answer=CmdbHealth, statuses=(422,),
        ),
        Route("GET", "/v1/health/cmdb-trend", get_trend, "viewer", "The figures day by day", query=TrendQuery, answer=Trend, statuses=(422,)),
        Route(
            "GET", "/v1/health/cmdb/{figure}", list_items, "viewer", "What stands behind a figure",
            query=ItemQuery, answer=Page, item=HealthItem, statuses=(404, 422),
        ),
    ),
)  # fmt: skip
