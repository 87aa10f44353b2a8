"""The application: routes from the resources, the pages where there are any, and what holds for every request."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from aiohttp import web

from collector.api import resource as resources
from collector.api.access import check_access, size_forms
from collector.api.authentication import Authenticator
from collector.api.description import describe_api
from collector.api.fault import render_problem, to_problem
from collector.api.idempotency import Repeats, answer_repeats
from collector.api.identity import Access
from collector.api.keys import (
    AUTH,
    BODY_LIMITS,
    CATALOGUE,
    CLOCK,
    DESCRIPTION,
    PAGE_ACCESS,
    PAGE_FAULT,
    PARTS,
    READER,
    REFUSALS,
    REPEATS,
    ROUTE_ACCESS,
    SETTINGS,
    SILENT,
    WRITER,
)
from collector.api.parts import Parts
from collector.api.rate import Bucket, Rate
from collector.api.resource.report import INTAKE, Intake
from collector.api.resource.simulation import REPLAYS
from collector.api.route import Resource, Route
from collector.settings import CollectorSettings
from collector.simulation.replay_job import ReplayJobs
from collector.store.reader import Reader
from collector.store.writer import Writer
from collector.web.frame import add_pages
from muster.clock import Clock
from muster.errors import MusterError
from muster.model.ci_class import ClassCatalogue
from muster.plugins import load_plugins

log = structlog.get_logger(__name__)
REPORTS_PATH = "/v1/reports"
LARGEST_FORM_BYTES = 96 * 1_048_576  # `size_forms` holds each to its own limit
REFUSALS_LOGGED = Rate(per_second=1 / 60, burst=3)  # of one address for one reason; all are counted
REFUSAL_LOG: web.AppKey[Bucket] = web.AppKey("refusal_log", Bucket)
API_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Ground:
    """What the application stands on. `refusals`: counts refused reports by problem; /metrics shows them."""

    settings: CollectorSettings
    reader: Reader
    writer: Writer
    clock: Clock
    catalogue: ClassCatalogue
    authenticator: Authenticator
    refusals: Counter[str]


def make_app(ground: Ground, parts: Parts) -> web.Application:
    """The application, not yet listening. Bodies must reach it as they came: run it with `auto_decompress=False`."""
    app = web.Application(middlewares=[answer_faults, size_forms, check_access, answer_repeats], client_max_size=LARGEST_FORM_BYTES)
    app[READER], app[WRITER], app[CLOCK] = ground.reader, ground.writer, ground.clock
    app[CATALOGUE], app[SETTINGS], app[AUTH] = ground.catalogue, ground.settings, ground.authenticator
    app[PARTS], app[REFUSALS], app[REFUSAL_LOG] = parts, ground.refusals, Bucket(REFUSALS_LOGGED, ground.clock)
    app[PAGE_ACCESS], app[INTAKE], app[REPEATS] = {}, Intake(app), Repeats()
    app[REPLAYS] = ReplayJobs(ground.reader.database)
    app.on_shutdown.append(_stop_replays)
    routes = load_routes()
    app[BODY_LIMITS] = {route.key: route.body_limit for route in routes if route.body_limit}
    app[ROUTE_ACCESS] = decide_access(routes, metrics_open=ground.settings.metrics_open)
    for route in routes:
        if route.method == "GET":
            app.router.add_get(route.path, route.handler)
        else:
            app.router.add_route(route.method, route.path, route.handler)
    app[DESCRIPTION] = describe_api(load_resources().values(), version=importlib.metadata.version("muster-cmdb"), url=ground.settings.url)
    add_pages(app)
    app.on_response_prepare.append(_add_headers)
    return app


def load_resources() -> dict[str, Resource]:
    """Every resource of the API, by name."""
    return load_plugins(resources, "RESOURCE", Resource)


def load_routes() -> list[Route]:
    """Every route of the API: the one table."""
    return [route for each in load_resources().values() for route in each.routes]


def decide_access(routes: list[Route], *, metrics_open: bool) -> dict[str, Access]:
    """What each route needs; `metrics_open` lets anybody scrape."""
    scraped = {"GET /metrics", "GET /v1/prometheus/targets"} if metrics_open else set()
    return {route.key: "open" if route.key in scraped else route.access for route in routes}


@web.middleware
async def answer_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error becomes a problem, or on pages what the pages make of it; what was not expected is logged and says nothing."""
    silent = request.app.get(SILENT)
    if silent is not None:
        silent.discard(request.protocol)
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return await _answer_fault(request, error)
    except (web.RequestPayloadError, ConnectionResetError):
        return await _answer_fault(request, web.HTTPBadRequest(reason="the body broke off or is malformed"))
    except Exception as error:
        if not isinstance(error, MusterError):
            log.exception("request_failed", method=request.method, path=request.path)
        return await _answer_fault(request, error)


async def _answer_fault(request: web.Request, fault: Exception) -> web.StreamResponse:
    problem, headers, more = to_problem(fault)
    if request.path == REPORTS_PATH:
        request.app[REFUSALS][problem.code or str(problem.status)] += 1
        if request.app[REFUSAL_LOG].take(f"{request.remote} {problem.code}") == 0:  # a source that errs goes on erring
            log.info("report_refused", status=problem.status, reason=problem.detail, path=problem.path, peer=request.remote)
    show = request.app.get(PAGE_FAULT)
    if show is not None and is_page(request.path):
        return await show(request, problem)
    return render_problem(problem, headers, more)


def is_page(path: str) -> bool:
    """Whether people's browsers ask for it."""
    return not (path.startswith("/v1/") or path in {"/v1", "/metrics", "/healthz", "/readyz"})


async def _stop_replays(app: web.Application) -> None:
    await app[REPLAYS].stop()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    named: Mapping[str, str] = {} if is_page(request.path) else API_HEADERS
    for name, value in named.items():
        response.headers.setdefault(name, value)
    if request.app[SETTINGS].is_https:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    response.headers["Server"] = "muster"
