"""Incidents: the list, and one incident with its time line, what it touches and its deliveries with their answers."""

from __future__ import annotations

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.incident import to_page, to_row
from collector.web.view.wording import N_
from collector.web.visit import load, load_all, visit_of

ROWS_SHOWN = 100
STATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "open": (N_("open"), ("pending", "open", "acknowledged")),
    "resolved": (N_("resolved"), ("resolved", "closed")),
    "all": (N_("all"), ()),
}
_COLUMNS = ("number", "state", "priority", "severity", "title", "ci", "services", "started_at", "acknowledged_at", "resolved_at")


async def show_list(request: web.Request) -> web.Response:
    visit = visit_of(request)
    state = request.query.get("state", "open")
    state = state if state in STATES else "open"
    service = request.query.get("service") or None
    chosen = {"states": STATES[state][1], "service": service}
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_incidents", ROW_LIMIT, **chosen)
        rows = [
            (i.number, i.state, i.priority, i.severity, visit.viewpoint.pick(i.title), i.ci.name if i.ci else "", i.services, i.started_at,
             i.acknowledged_at, i.resolved_at)
            for i in found
        ]  # fmt: skip
        return send_table("incidents", str(form), _COLUMNS, rows)
    page = await load(request, "list_incidents", cursor=request.query.get("cursor"), limit=ROWS_SHOWN, **chosen)
    items = sorted(page.items, key=lambda each: (each.priority, -each.number)) if state == "open" else page.items
    return await respond(
        request,
        "incidents.html",
        visit=visit,
        incidents=[to_row(each, request.app[CATALOGUE], visit.viewpoint) for each in items],
        total=page.total,
        next_cursor=page.next_cursor,
        service=service,
        state=state,
        states=[
            (with_query(visit, state=key if key != "open" else None, cursor=None), visit.viewpoint.say(text), key == state)
            for key, (text, _) in STATES.items()
        ],
    )


async def show_one(request: web.Request) -> web.Response:
    visit = visit_of(request)
    incident = await load(request, "get_incident", request.match_info["key"])
    return await respond(request, "incident.html", visit=visit, page=to_page(incident, request.app[CATALOGUE], visit.viewpoint))


PAGE = PageModule(
    "incidents",
    "Incidents by priority; one with its time line and deliveries",
    (Route("GET", "/incidents", show_list), Route("GET", "/incidents/{key}", show_one)),
)
