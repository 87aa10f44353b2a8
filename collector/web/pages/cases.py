"""Cases: questions of identity and mass loss that the rules leave to a person."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.deciding import resolve
from collector.web.done import explain_refusal, load_done
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.case import to_case
from collector.web.view.wording import N_
from collector.web.visit import load, load_all, visit_of
from muster.errors import ConflictError, InputError, NotFoundError

STATES = {"open": N_("open"), "resolved": N_("resolved")}


async def show(request: web.Request) -> web.StreamResponse:
    return await _render(request, fault="", status=200)


async def _render(request: web.Request, *, fault: str, status: int) -> web.StreamResponse:
    visit = visit_of(request)
    state = request.query.get("state", "open")
    states = (state if state in STATES else "open",)
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_cases", ROW_LIMIT, states=states)
        rows = [(each.id, each.kind, each.state, [member.name for member in each.members], each.opened_at) for each in found]
        return send_table("cases", str(form), ("id", "kind", "state", "members", "opened_at"), rows)
    page = await load(request, "list_cases", states=states, cursor=request.query.get("cursor"))
    catalogue = request.app[CATALOGUE]
    fresh: dict[str, Any] = {"cursor": None, "done": None}
    return await respond(
        request,
        "cases.html",
        visit=visit,
        status=status,
        fault=fault,
        cases=[to_case(each, catalogue, visit.viewpoint) for each in page.items],
        total=page.total,
        next_cursor=page.next_cursor,
        states=[
            (with_query(visit, state=key if key != "open" else None, **fresh), visit.viewpoint.say(text), key in states)
            for key, text in STATES.items()
        ],
        done=await load_done(request, visit),
        may_decide=visit.may("configuration_manager"),
    )


async def take_decision(request: web.Request) -> web.StreamResponse:
    """Decides one case and leads back to the list."""
    form = await request.post()
    try:
        decision_id = await resolve(request, str(form.get("case", "")), str(form.get("action", "")), str(form.get("reason", "")).strip())
    except (ConflictError, InputError, NotFoundError) as error:
        return await _render(request, fault=explain_refusal(error, visit_of(request).viewpoint), status=409)
    return web.Response(status=303, headers={"Location": f"/cases?done={decision_id}"})


PAGE = PageModule(
    "cases",
    "Questions of identity that wait for a person",
    (Route("GET", "/cases", show), Route("POST", "/cases/decide", take_decision, "configuration_manager")),
)
