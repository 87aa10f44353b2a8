"""CMDB health: the figures that the record is held to, their trend, and what stands behind each."""

from __future__ import annotations

import asyncio

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.health import FIGURE_MEANINGS, FIGURE_NAMES, to_item, to_page
from collector.web.view.verification import to_runs
from collector.web.visit import Visit, load, load_all, visit_of
from muster.cmdb_health import FIGURES, FigureName, HealthScope
from muster.errors import NotFoundError

TREND_DAYS = 366
DAY_MS = 86_400_000
_COLUMNS = ("subject", "ci", "class", "owner", "kind", "attribute", "detail")


def scope_of(request: web.Request, visit: Visit) -> HealthScope:
    """Of the address; a class that is none is no limit."""
    ci_class = visit.query.get("class", "")
    return HealthScope(
        ci_class if ci_class in request.app[CATALOGUE] else "", visit.query.get("zone", "").strip(), visit.query.get("owner", "").strip()
    )


async def show(request: web.Request) -> web.StreamResponse:
    """All figures of a scope."""
    visit = visit_of(request)
    scope = scope_of(request, visit)
    health, days, signed = await asyncio.gather(
        load(request, "cmdb_health", scope),
        load(request, "health_days", visit.viewpoint.now - TREND_DAYS * DAY_MS),
        load(request, "list_verifications", states=("signed",), limit=1),
    )
    if (form := request.query.get("format")) in FORMATS:
        lines = [(figure, line) for figure in health.figures for line in figure.lines]
        rows = [(figure.name, line.ci_class, line.attribute, line.kind, line.count, line.of) for figure, line in lines]
        return send_table("health", str(form), ("figure", "class", "attribute", "kind", "count", "of"), rows)
    catalogue = request.app[CATALOGUE]
    return await respond(
        request,
        "health.html",
        visit=visit,
        page=to_page(health, days, catalogue, visit.viewpoint),
        agreement=health.agreement,
        signed=to_runs(signed.items, catalogue, visit.viewpoint),
        scope=scope,
        classes=[(each.name, visit.viewpoint.pick(each.label, each.name)) for each in sorted(catalogue, key=lambda one: one.name)],
        names=[visit.viewpoint.say(text) for text in FIGURE_NAMES.values()],
    )


async def show_figure(request: web.Request) -> web.StreamResponse:
    """What stands behind one figure."""
    visit = visit_of(request)
    name: FigureName | None = next((each for each in FIGURES if each == request.match_info["figure"]), None)
    if name is None:
        raise NotFoundError("no such figure; see CMDB health")
    scope, catalogue = scope_of(request, visit), request.app[CATALOGUE]
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_health", ROW_LIMIT, figure=name, scope=scope)
        rows = [
            (
                each.subject,
                each.ci and each.ci.number,
                each.ci and each.ci.ci_class,
                each.owner and each.owner.name,
                each.kind,
                each.attribute,
                each.detail,
            )
            for each in found
        ]
        return send_table(f"health-{name}", str(form), _COLUMNS, rows)
    page = await load(request, "list_health", name, scope, cursor=request.query.get("cursor"))
    return await respond(
        request,
        "health_figure.html",
        visit=visit,
        title=visit.viewpoint.say(FIGURE_NAMES[name]),
        meaning=visit.viewpoint.say(FIGURE_MEANINGS[name]),
        items=[to_item(each, catalogue, visit.viewpoint) for each in page.items],
        total=page.total,
        next_cursor=page.next_cursor,
        scope=scope,
    )


PAGE = PageModule(
    "health",
    "CMDB health: figures, trend, and what stands behind each",
    (Route("GET", "/health", show), Route("GET", "/health/{figure}", show_figure)),
)
