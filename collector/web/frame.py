"""Puts the pages into the application: their routes with access, static files, headers, and how a fault looks."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from collector.api.keys import BODY_LIMITS, PAGE_ACCESS, PAGE_FAULT
from collector.web import pages
from collector.web.asset import load_assets
from collector.web.content_policy import add_page_headers
from collector.web.page import PageModule
from collector.web.rendering import respond
from collector.web.visit import ASSETS, COUNTS, NavigationCounts, visit_of
from collector.web.wording_fault import explain_fault
from muster.plugins import load_plugins
from muster.wire.problem import Problem

STATIC_ROUTE = "/static/{name:.+}"
_FOR_EVER = "public, max-age=31536000, immutable"


def add_pages(app: web.Application) -> None:
    """Adds every page of `collector/web/pages`. The application must hold the keys of `collector/api/keys.py` before it serves."""
    app[ASSETS] = load_assets()
    app[COUNTS] = NavigationCounts()
    access = app.get(PAGE_ACCESS)
    if access is None:
        access = app[PAGE_ACCESS] = {}
    for module in load_plugins(pages, "PAGE", PageModule).values():
        for route in module.routes:
            app.router.add_route(route.method, route.path, route.handler)
            access[f"{route.method} {route.path}"] = route.access
            if route.form_limit:
                app[BODY_LIMITS][f"{route.method} {route.path}"] = route.form_limit
    served = app.router.add_get(STATIC_ROUTE, send_asset).resource
    assert served is not None, "a route that was just added has its resource"
    access[f"GET {served.canonical}"] = "open"
    app[PAGE_FAULT] = show_fault
    app.on_response_prepare.append(add_page_headers)


async def send_asset(request: web.Request) -> web.Response:
    """A static file; kept for ever where its address names its content."""
    found = request.app[ASSETS].get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": _FOR_EVER if request.query.get("v") == found.digest else "no-cache", "ETag": f'"{found.digest}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    charset = "utf-8" if found.content_type.startswith("text/") else None
    return web.Response(body=found.content, content_type=found.content_type, charset=charset, headers=headers)


async def show_fault(request: web.Request, problem: Problem) -> web.StreamResponse:
    """A fault as a page: what is wrong and what to do. Without a session the reader is led to sign in, and back afterwards."""
    if problem.status == 401:
        target = "/sign-in"
        if request.method == "GET" and request.path != "/":
            target += "?" + urlencode({"return": request.path_qs})
        if request.headers.get("HX-Request") == "true":
            return web.Response(status=200, headers={"HX-Redirect": target})
        return web.Response(status=303, headers={"Location": target})
    visit = visit_of(request)
    fault = explain_fault(problem, visit.viewpoint)
    response = await respond(request, "fault.html", status=problem.status, visit=visit, fault=fault)
    if request.headers.get("HX-Request") == "true":  # the frame of the page that asked cannot show it
        response.headers["HX-Retarget"] = "body"
        response.headers["HX-Reselect"] = "body"
    return response
