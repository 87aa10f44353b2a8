"""Cases: questions of identity and mass loss that the rules leave to a person; each on a page of its own with both sides beside each other."""

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
from collector.web.view.side_table import compare_members, to_comparison
from collector.web.view.wording import N_
from collector.web.visit import load, load_all, visit_of
from muster.errors import ConflictError, InputError, NotFoundError
from muster.merge_view import CaseDetail

STATES = {"open": N_("open"), "resolved": N_("resolved")}


async def show(request: web.Request) -> web.StreamResponse:
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


async def show_one(request: web.Request) -> web.StreamResponse:
    return await _render_one(request, request.match_info["id"])


async def _render_one(request: web.Request, case_id: str, *, fault: str = "", status: int = 200) -> web.StreamResponse:
    visit, catalogue = visit_of(request), request.app[CATALOGUE]
    case: CaseDetail = await load(request, "case_detail", case_id)
    comparison = (
        compare_members(case.members, case.identifiers, catalogue, visit.viewpoint)
        if case.preview is None
        else to_comparison(case.preview, catalogue, visit.viewpoint)
    )
    return await respond(
        request,
        "case.html",
        visit=visit,
        status=status,
        fault=fault,
        case=to_case(case, catalogue, visit.viewpoint),
        comparison=comparison,
        may_decide=visit.may("configuration_manager"),
    )


async def take_decision(request: web.Request) -> web.StreamResponse:
    """Decides one case and leads back to the list."""
    form = await request.post()
    case_id, action = str(form.get("case", "")), str(form.get("action", ""))
    try:
        decision_id = await resolve(request, case_id, action, str(form.get("reason", "")).strip(), keep=str(form.get("keep", "")))
    except (ConflictError, InputError, NotFoundError) as error:
        return await _render_one(request, case_id, fault=explain_refusal(error, visit_of(request).viewpoint), status=409)
    return web.Response(status=303, headers={"Location": f"/cases?done={decision_id}"})


PAGE = PageModule(
    "cases",
    "Questions of identity, hardware and mass loss that wait for a person",
    (
        Route("GET", "/cases", show),
        Route("GET", "/cases/{id}", show_one),
        Route("POST", "/cases/decide", take_decision, "configuration_manager"),
    ),
)
