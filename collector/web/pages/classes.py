"""The CI classes in force, with labels, attributes and rules."""

from __future__ import annotations

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.view.ci_class import to_class_row
from collector.web.visit import visit_of


async def show(request: web.Request) -> web.Response:
    visit, catalogue = visit_of(request), request.app[CATALOGUE]
    rows = [to_class_row(catalogue[name], catalogue, visit.viewpoint) for name in catalogue.names()]
    return await respond(request, "classes.html", visit=visit, classes=rows, total=len(rows))


PAGE = PageModule("classes", "The CI classes in force, shipped ones and the site's own", (Route("GET", "/classes", show),))
