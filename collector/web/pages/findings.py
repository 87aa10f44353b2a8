"""Findings of verification runs: who corrects what by when, and how it was corrected."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from collector.api.keys import CATALOGUE, CLOCK, WRITER, actor_of
from collector.store.finding import FindingChange, change_finding, close_finding
from collector.web.done import explain_refusal
from collector.web.form_field import parse_local, parse_number, read_text
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.verification import to_finding
from collector.web.view.wording import N_
from collector.web.visit import load, load_all, visit_of
from muster.errors import ConflictError, InputError, NotFoundError

CHOICES = {"open": N_("open"), "overdue": N_("overdue"), "closed": N_("closed")}
_COLUMNS = ("number", "verification", "ci", "class", "attribute", "recorded", "observed", "owner", "due_at", "state", "action", "closed_by")


async def show(request: web.Request) -> web.StreamResponse:
    return await _render(request)


async def _render(request: web.Request, fault: tuple[str, int] = ("", 200)) -> web.StreamResponse:
    visit = visit_of(request)
    choice = visit.query.get("state", "open")
    wanted: dict[str, Any] = {"states": ("closed",) if choice == "closed" else ("open",), "is_overdue": choice == "overdue"}
    wanted["owner"] = visit.query.get("owner", "").strip()
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_findings", ROW_LIMIT, **wanted)
        rows = [
            (each.number, each.verification, each.ci.name, each.ci.ci_class, each.attribute, each.recorded, each.observed, each.owner, each.due_at,
             each.state, each.action, each.closed_by)
            for each in found
        ]  # fmt: skip
        return send_table("findings", str(form), _COLUMNS, rows)
    page = await load(request, "list_findings", **wanted, cursor=request.query.get("cursor"))
    return await respond(
        request,
        "findings.html",
        visit=visit,
        status=fault[1],
        fault=fault[0],
        findings=[to_finding(each, request.app[CATALOGUE], visit.viewpoint) for each in page.items],
        total=page.total,
        next_cursor=page.next_cursor,
        states=[
            (with_query(visit, state=key if key != "open" else None, cursor=None), visit.viewpoint.say(text), key == choice)
            for key, text in CHOICES.items()
        ],
        may_work=visit.may("configuration_manager"),
    )


async def work(request: web.Request) -> web.StreamResponse:
    """Changes or closes a finding and leads back to the list."""
    form, visit = await request.post(), visit_of(request)
    key, action = str(form.get("finding", "")), read_text(form, "action_text")
    now, actor = request.app[CLOCK].now_ms(), actor_of(request)
    try:
        if form.get("do") == "close":
            await request.app[WRITER].run(lambda connection: close_finding(connection, key, action=action, actor=actor, now=now))
        else:
            due = parse_local(str(form.get("due", "")), visit.viewpoint.zone, path="due")
            change = FindingChange(read_text(form, "owner"), due, action)
            version = parse_number(str(form.get("version", "")), path="version")
            await request.app[WRITER].run(lambda connection: change_finding(connection, key, change, actor=actor, now=now, if_version=version))
    except (ConflictError, InputError, NotFoundError) as error:
        return await _render(request, (explain_refusal(error, visit.viewpoint), 409))
    return web.Response(status=303, headers={"Location": "/findings"})


PAGE = PageModule(
    "findings",
    "Findings of verification runs with owner and due date",
    (Route("GET", "/findings", show), Route("POST", "/findings/work", work, "configuration_manager")),
)
