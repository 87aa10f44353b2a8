"""Trying a report, or the last days under other rules: what would happen is shown, nothing is written."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from collector.api.keys import CATALOGUE, CLOCK, PARTS, WRITER
from collector.api.resource.simulation import REPLAYS, read_report, simulate_report
from collector.simulation.replay_job import ReplayWish
from collector.simulation.rule_set import parse_settings_file
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.view.replay import to_replay
from collector.web.view.trial import to_trial
from collector.web.visit import visit_of
from muster.errors import AuthorisationError, ConfigurationError, ConflictError, InputError
from muster.wire.report import CONTENT_TYPE_JSON

MAXIMUM_DAYS = 366


async def show(request: web.Request) -> web.Response:
    return await _respond(request)


async def _respond(request: web.Request, *, status: int = 200, report: str = "", **values: Any) -> web.Response:
    visit = visit_of(request)
    latest = request.app[REPLAYS].latest()
    shown: dict[str, Any] = {
        "trial": None,
        "fault": "",
        "rules": {},
        "replay": to_replay(latest, request.app[CATALOGUE], visit.viewpoint) if latest is not None else None,
    }
    return await respond(request, "simulate.html", status=status, visit=visit, report=report, **{**shown, **values})


async def try_out(request: web.Request) -> web.Response:
    """Shows the report again with what it would do, or why it is none."""
    form = await request.post()
    text = str(form.get("report", ""))
    now = request.app[CLOCK].now_ms()
    try:
        plain, content_type, told = read_report(text.encode(), CONTENT_TYPE_JSON, "", now)
        tried = await simulate_report(request.app[WRITER], request.app[PARTS].context, plain, content_type, told, now=now)
    except (AuthorisationError, ConflictError, InputError) as error:
        return await _respond(request, status=422, report=text, fault=str(error))
    return await _respond(request, report=text, trial=to_trial(tried, request.app[CATALOGUE], visit_of(request).viewpoint))


async def start_replay(request: web.Request) -> web.StreamResponse:
    """Begins, and leads to the page that shows how far it is; what is left empty stays as it is in force."""
    form = await request.post()
    rules = {name: str(form.get(name, "")).replace("\r\n", "\n") for name in ("days", "classes", "policies", "settings")}
    try:
        wish = _parse_wish(rules)
        await request.app[REPLAYS].start(request.app[PARTS].context, wish, request.app[CLOCK].now_ms())
    except (ConfigurationError, ConflictError, InputError) as error:
        return await _respond(request, status=422, fault=str(error), rules=rules)
    return web.Response(status=303, headers={"Location": "/simulate#replay"})


def _parse_wish(rules: dict[str, str]) -> ReplayWish:
    """Raises ConfigurationError for settings that are no TOML, InputError for days that are no number."""
    days = rules["days"].strip() or "30"
    if not days.isdecimal() or not 1 <= int(days) <= MAXIMUM_DAYS:
        raise InputError(f"days: a number from 1 to {MAXIMUM_DAYS}", path="")
    return ReplayWish(
        classes={"classes.toml": rules["classes"]} if rules["classes"].strip() else None,
        policies={"policies.yaml": rules["policies"]} if rules["policies"].strip() else None,
        settings=parse_settings_file(rules["settings"], "settings.toml") if rules["settings"].strip() else None,
        days=float(days),
    )


PAGE = PageModule(
    "simulate",
    "Trying a report, or the last days under other rules, without a write",
    (
        Route("GET", "/simulate", show, "configuration_manager"),
        Route("POST", "/simulate", try_out, "configuration_manager"),
        Route("POST", "/simulate/replay", start_replay, "configuration_manager"),
    ),
)
