"""The metrics of a configuration item as charts: drawn by the server, zoomed by uPlot from the same numbers."""

from __future__ import annotations

from aiohttp import web

from collector.web.ci_frame import load_frame
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.view.chart import to_chart
from collector.web.view.chart_set import SPANS, choose_charts, to_numbers
from collector.web.view.viewpoint import Viewpoint
from collector.web.visit import load, visit_of
from muster.errors import InputError

POINTS = 240
NAMES_AT_ONCE = 60


async def show(request: web.Request) -> web.Response:
    frame = await load_frame(request, "metrics")
    viewpoint = frame.visit.viewpoint
    key, span = request.match_info["key"], _span(request)
    since, until = _window(span, viewpoint)
    known = await load(request, "list_series", key)
    names = sorted({each.name for each in known})[:NAMES_AT_ONCE]
    series = await load(request, "series_points", key, names, since=since, until=until, points=POINTS) if names else []
    charts = [(each, to_chart(viewpoint.say(each.title), each.series, since, until, viewpoint)) for each in choose_charts(series)]
    return await respond(
        request,
        "ci_metrics.html",
        visit=frame.visit,
        head=frame.head,
        tabs=frame.tabs,
        charts=charts,
        span=span,
        spans=[(with_query(frame.visit, span=each), viewpoint.say(text), each == span) for each, (_, text) in SPANS.items()],
        until=until,
        known=len(known),
    )


async def send_numbers(request: web.Request) -> web.Response:
    """`{unit, times, series: [{name, values}]}` of one chart over the same window as its drawing."""
    viewpoint = visit_of(request).viewpoint
    names = [each for each in request.query.get("names", "").split(",") if each][:NAMES_AT_ONCE]
    until = request.query.get("until", "")
    if not names or not until.isdecimal() or len(until) > 15:
        raise InputError("names and until (milliseconds) are needed", path="names")
    since, end = _window(_span(request), viewpoint, int(until))
    series = await load(request, "series_points", request.match_info["key"], names, since=since, until=end, points=POINTS)
    chart = next(iter(choose_charts(series)), None)
    return web.json_response(to_numbers(to_chart("", chart.series if chart else [], since, end, viewpoint)))


def _span(request: web.Request) -> str:
    span = request.query.get("span", "6h")
    return span if span in SPANS else "6h"


def _window(span: str, viewpoint: Viewpoint, until: int | None = None) -> tuple[int, int]:
    end = viewpoint.now if until is None else min(until, viewpoint.now)
    return end - SPANS[span][0], end


PAGE = PageModule(
    "metrics",
    "Charts of a configuration item's metrics",
    (Route("GET", "/cis/{key}/metrics", show), Route("GET", "/cis/{key}/metrics/numbers", send_numbers)),
)
