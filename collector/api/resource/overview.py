"""The counts of everything, as the first page shows them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from collector.api.exchange import answer
from collector.api.keys import READER
from collector.api.route import Resource, Route
from muster.ports import Overview


async def get_overview(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].overview))


RESOURCE = Resource(
    name="overview",
    summary="Overview",
    routes=(Route("GET", "/v1/overview", get_overview, "viewer", "Counts of CIs, differences, sources, incidents", answer=Overview),),
)
