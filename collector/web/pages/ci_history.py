"""The history of a configuration item: changes, the item as it was or as we believed, and the difference between any two instants."""

from __future__ import annotations

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.ci_frame import CiFrame, load_frame
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.view.as_at import AsAt, list_instants, parse_local, to_as_at, to_slide
from collector.web.view.became import ComparisonRow, to_comparisons
from collector.web.view.history import to_changes
from collector.web.view.wording import LAYERS
from collector.web.visit import load

ROWS_SHOWN = 100


async def show(request: web.Request) -> web.Response:
    """Changes newest first; with `at` (or the slider's `slide`) also the CI as it was then, by what was known at `known`, beside how it is now;
    with `from` what became of it until `to`.
    """
    frame = await load_frame(request, "history")
    catalogue, viewpoint, key = request.app[CATALOGUE], frame.visit.viewpoint, request.match_info["key"]
    layer = request.query.get("layer")
    layer = layer if layer in LAYERS else None
    with_contents = request.query.get("contents") == "1"
    found = await load(request, "ci_history", key, layer=layer, with_contents=with_contents, cursor=request.query.get("cursor"), limit=ROWS_SHOWN)
    layers = [(with_query(frame.visit, layer=None, cursor=None), viewpoint.say("all"), layer is None)]
    layers += [(with_query(frame.visit, layer=name, cursor=None), viewpoint.say(text), layer == name) for name, text in LAYERS.items()]
    instants = list_instants(found.items, viewpoint)
    at = _read_at(request, frame)
    return await respond(
        request,
        "ci_history.html",
        visit=frame.visit,
        head=frame.head,
        tabs=frame.tabs,
        changes=to_changes(found.items, catalogue, viewpoint, frame.ref),
        total=found.total,
        next_cursor=found.next_cursor,
        layers=layers,
        with_contents=with_contents,
        as_at=await _load_as_at(request, frame, at),
        at="" if at is None else f"{viewpoint.local(at):%Y-%m-%dT%H:%M:%S}",
        known=request.query.get("known", ""),
        since=request.query.get("from", ""),
        until=request.query.get("to", ""),
        slide=to_slide(found.items, frame.detail.summary.created_at, at, viewpoint),
        compared=await _load_comparison(request, frame),
        instants=instants,
    )


def _read_at(request: web.Request, frame: CiFrame) -> int | None:
    """The slider's milliseconds, else the picker's local time; nothing later than now."""
    viewpoint, slide = frame.visit.viewpoint, request.query.get("slide", "")
    at = int(slide) if slide.isdecimal() and len(slide) < 16 else parse_local(request.query.get("at"), viewpoint)
    return None if at is None else min(at, viewpoint.now)


async def _load_as_at(request: web.Request, frame: CiFrame, at: int | None) -> AsAt | None:
    viewpoint = frame.visit.viewpoint
    known = parse_local(request.query.get("known"), viewpoint)
    if at is None and known is None:
        return None
    key = request.match_info["key"]
    then = await load(request, "ci_as_at", key, viewpoint.now if at is None else at, None if known is None else min(known, viewpoint.now))
    return to_as_at(then, await load(request, "ci_as_at", key, viewpoint.now), request.app[CATALOGUE], viewpoint)


async def _load_comparison(request: web.Request, frame: CiFrame) -> ComparisonRow | None:
    viewpoint = frame.visit.viewpoint
    since, until = parse_local(request.query.get("from"), viewpoint), parse_local(request.query.get("to"), viewpoint)
    if since is None:
        return None
    last = viewpoint.now if until is None else min(until, viewpoint.now)
    found = await load(request, "compare_ci", request.match_info["key"], min(since, viewpoint.now), last)
    return to_comparisons([found], request.app[CATALOGUE], viewpoint)[0]


PAGE = PageModule(
    "ci_history",
    "The history of a configuration item: changes, as it was, as we believed, and what became of it",
    (Route("GET", "/cis/{key}/history", show),),
)
