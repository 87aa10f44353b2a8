"""Help: the keys of every page, and the query language with examples that can be clicked."""

from __future__ import annotations

from aiohttp import web

from collector.web.page import PageModule, Route
from collector.web.rendering import respond


async def show(request: web.Request) -> web.Response:
    return await respond(request, "keys.html")


PAGE = PageModule("keys", "Keys and query language", (Route("GET", "/keys", show),))
