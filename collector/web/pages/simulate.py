"""Trying a report: what it would do is shown, nothing is written."""

from __future__ import annotations

from aiohttp import web

from collector.api.keys import CATALOGUE, CLOCK, PARTS, WRITER
from collector.api.resource.simulation import read_report, simulate_report
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.view.trial import to_trial
from collector.web.visit import visit_of
from muster.errors import AuthorisationError, ConflictError, InputError
from muster.wire.report import CONTENT_TYPE_JSON


async def show(request: web.Request) -> web.Response:
    return await respond(request, "simulate.html", report="", trial=None, fault="")


async def try_out(request: web.Request) -> web.Response:
    """Shows the report again with what it would do, or why it is none."""
    visit = visit_of(request)
    form = await request.post()
    text = str(form.get("report", ""))
    now = request.app[CLOCK].now_ms()
    try:
        plain, content_type, told = read_report(text.encode(), CONTENT_TYPE_JSON, "", now)
        tried = await simulate_report(request.app[WRITER], request.app[PARTS].context, plain, content_type, told, now=now)
    except (AuthorisationError, ConflictError, InputError) as error:
        return await respond(request, "simulate.html", status=422, visit=visit, report=text, trial=None, fault=str(error))
    return await respond(request, "simulate.html", visit=visit, report=text, trial=to_trial(tried, request.app[CATALOGUE], visit.viewpoint), fault="")


PAGE = PageModule(
    "simulate",
    "Trying a report without a write",
    (Route("GET", "/simulate", show, "configuration_manager"), Route("POST", "/simulate", try_out, "configuration_manager")),
)
