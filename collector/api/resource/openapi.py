"""The description of this API, for generators of clients and for people."""

from __future__ import annotations

from aiohttp import web

from collector.api.exchange import answer
from collector.api.keys import DESCRIPTION
from collector.api.route import Resource, Route


async def get_description(request: web.Request) -> web.Response:
    return answer(request.app[DESCRIPTION])


RESOURCE = Resource(
    name="openapi",
    summary="The description of this API",
    routes=(Route("GET", "/v1/openapi.json", get_description, "viewer", "OpenAPI 3.1 of every route", answer=dict),),
)
