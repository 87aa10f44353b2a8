"""Policies in force in the order in which they are asked, with what each has decided and would have decided."""

from __future__ import annotations

from aiohttp import web

from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.table_export import FORMATS, send_table
from collector.web.view.policy import to_policy_row, to_trial_row
from collector.web.visit import load, visit_of


async def show(request: web.Request) -> web.StreamResponse:
    visit = visit_of(request)
    found = await load(request, "list_policies")
    if (form := request.query.get("format")) in FORMATS:
        rows = [(each.id, each.kind, each.action, each.file, each.decided, each.reason) for each in found.items]
        return send_table("policies", str(form), ("id", "kind", "action", "file", "decided_30_days", "reason"), rows)
    trial = await load(request, "try_policies") if request.query.get("try") else None
    return await respond(
        request,
        "policies.html",
        visit=visit,
        version=found.version,
        policies=[to_policy_row(each, visit.viewpoint) for each in found.items if each.kind == "policy"],
        requirements=[to_policy_row(each, visit.viewpoint) for each in found.items if each.kind == "requirement"],
        trial=None if trial is None else [to_trial_row(each, visit.viewpoint) for each in trial.items],
        trial_total=0 if trial is None else trial.total,
    )


PAGE = PageModule("policies", "Policies of the review in force, and what they would have decided", (Route("GET", "/policies", show),))
