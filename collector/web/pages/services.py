"""Services: the list, and one service with its tree, figures, calendar, outages and error budget."""

from __future__ import annotations

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.table_export import FORMATS, send_table
from collector.web.view.incident import to_row
from collector.web.view.service import to_page, to_tile
from collector.web.visit import load, visit_of

_WORST_FIRST = ("down", "degraded", "unknown", "up")


async def show_list(request: web.Request) -> web.Response:
    visit = visit_of(request)
    services = await load(request, "list_services")
    wanted = request.query.get("q", "").strip().casefold()
    if wanted:
        services = [each for each in services if any(wanted in text.casefold() for text in (each.id, each.owner, each.customer, *each.name.values()))]
    if (form := request.query.get("format")) in FORMATS:
        columns = ("id", "name", "owner", "customer", "stage", "state", "target", "open_incidents")
        rows = [(s.id, visit.viewpoint.pick(s.name, s.id), s.owner, s.customer, s.stage, s.state, s.target, s.open_incidents) for s in services]
        return send_table("services", str(form), columns, rows)
    ordered = sorted(services, key=lambda each: (_WORST_FIRST.index(each.state), each.id))
    tiles = [to_tile(each, visit.viewpoint) for each in ordered]
    return await respond(request, "services.html", visit=visit, tiles=tiles, wanted=request.query.get("q", ""))


async def show_one(request: web.Request) -> web.Response:
    visit = visit_of(request)
    service_id = request.match_info["id"]
    service = await load(request, "get_service", service_id)
    incidents = await load(request, "list_incidents", service=service_id, limit=20)
    return await respond(
        request,
        "service.html",
        visit=visit,
        page=to_page(service, visit.viewpoint),
        incidents=[to_row(each, request.app[CATALOGUE], visit.viewpoint) for each in incidents.items],
        document=await load(request, "get_service_document", service_id),
    )


PAGE = PageModule(
    "services",
    "Services with state, availability against target, error budget, tree and outages",
    (Route("GET", "/services", show_list), Route("GET", "/services/{id}", show_one)),
)
