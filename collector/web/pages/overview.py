"""The overview: services now, what needs a person, the estate, recent changes."""

from __future__ import annotations

import asyncio

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.view.overview import to_overview
from collector.web.visit import load, origin_of, visit_of

GROUPS_SHOWN, INCIDENTS_SHOWN = 6, 6
OPEN_STATES = ("open", "acknowledged")


async def show(request: web.Request) -> web.Response:
    visit = visit_of(request)
    overview, services, incidents, groups = await asyncio.gather(
        load(request, "overview"),
        load(request, "list_services"),
        load(request, "list_incidents", states=OPEN_STATES, limit=INCIDENTS_SHOWN),
        load(request, "difference_groups", limit=GROUPS_SHOWN),
    )
    page = to_overview(overview, services, incidents.items, groups.items, catalogue=request.app[CATALOGUE], viewpoint=visit.viewpoint)
    return await respond(request, "overview.html", visit=visit, page=page, origin=origin_of(request))


PAGE = PageModule("overview", "Services now, what needs a person, the estate, recent changes", (Route("GET", "/", show),))
