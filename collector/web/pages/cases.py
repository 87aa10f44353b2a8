"""Cases: questions of identity and mass loss that the rules leave to a person."""

from __future__ import annotations

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.review import to_case
from collector.web.view.wording import N_
from collector.web.visit import load, load_all, visit_of

STATES = {"open": N_("open"), "resolved": N_("resolved")}


async def show(request: web.Request) -> web.Response:
    visit = visit_of(request)
    state = request.query.get("state", "open")
    states = (state if state in STATES else "open",)
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_cases", ROW_LIMIT, states=states)
        rows = [(each.id, each.kind, each.state, [member.name for member in each.members], each.opened_at) for each in found]
        return send_table("cases", str(form), ("id", "kind", "state", "members", "opened_at"), rows)
    page = await load(request, "list_cases", states=states, cursor=request.query.get("cursor"))
    catalogue = request.app[CATALOGUE]
    return await respond(
        request,
        "cases.html",
        visit=visit,
        cases=[to_case(each, catalogue, visit.viewpoint) for each in page.items],
        total=page.total,
        next_cursor=page.next_cursor,
        states=[
            (with_query(visit, state=key if key != "open" else None, cursor=None), visit.viewpoint.say(text), key in states)
            for key, text in STATES.items()
        ],
    )


PAGE = PageModule("cases", "Questions of identity that wait for a person", (Route("GET", "/cases", show),))
