"""The estate as it was, or as we believed it was: configuration items and differences of any instant, by what was known at another."""

from __future__ import annotations

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.view.as_at import parse_local
from collector.web.view.past import to_differences_then, to_items_then
from collector.web.view.wording import DIFFERENCE_STATES, word
from collector.web.visit import load, visit_of
from muster.errors import InputError
from muster.ports import Page

ROWS_SHOWN = 100
DAY_MS = 86_400_000
STATES = ("open", "accepted", "rejected", "ignored", "self_resolved", "superseded")


async def show(request: web.Request) -> web.Response:
    """Items, or differences where `of` says so; without `at` of a day ago."""
    visit, catalogue = visit_of(request), request.app[CATALOGUE]
    viewpoint = visit.viewpoint
    at, known = parse_local(request.query.get("at"), viewpoint), parse_local(request.query.get("known"), viewpoint)
    at = min(viewpoint.now - DAY_MS if at is None else at, viewpoint.now)
    known = None if known is None else min(known, viewpoint.now)
    of_differences = request.query.get("of") == "differences"
    state = request.query.get("state", "open")
    query, cursor, fault, found = request.query.get("q", "").strip(), request.query.get("cursor"), "", Page([], 0, None)
    try:
        if of_differences:
            states = (state if state in STATES else "open",)
            found = await load(request, "list_differences_then", query, states=states, at=at, known_at=known, cursor=cursor, limit=ROWS_SHOWN)
        else:
            found = await load(request, "list_cis_then", query or "is:independent", at=at, known_at=known, cursor=cursor, limit=ROWS_SHOWN)
    except InputError as error:
        fault = error.message
    return await respond(
        request,
        "past.html",
        visit=visit,
        status=422 if fault else 200,
        items=[] if of_differences else to_items_then(found.items, catalogue, viewpoint),
        differences=to_differences_then(found.items, catalogue, viewpoint) if of_differences else [],
        of_differences=of_differences,
        tabs=[
            (with_query(visit, of=None, cursor=None), viewpoint.say("Configuration items"), not of_differences),
            (with_query(visit, of="differences", cursor=None), viewpoint.say("Differences"), of_differences),
        ],
        states=[(with_query(visit, state=name, cursor=None), word(DIFFERENCE_STATES, name, viewpoint), name == state) for name in STATES],
        at=f"{viewpoint.local(at):%Y-%m-%dT%H:%M:%S}",
        known="" if known is None else f"{viewpoint.local(known):%Y-%m-%dT%H:%M:%S}",
        query=query,
        fault=fault,
        total=found.total,
        next_cursor=found.next_cursor,
    )


PAGE = PageModule("past", "Items and differences as they were, or as we believed, at any instant", (Route("GET", "/past", show),))
