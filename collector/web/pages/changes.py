"""Approved changes: their windows, what they expect, and what of that was observed."""

from __future__ import annotations

from aiohttp import web

from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.policy import to_change_row
from collector.web.visit import load, load_all, visit_of


async def show(request: web.Request) -> web.StreamResponse:
    visit = visit_of(request)
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_changes", ROW_LIMIT)
        rows = [(each.id, each.title, each.state, each.from_at, each.to_at, each.approved_by, each.accepted, each.open) for each in found]
        return send_table("changes", str(form), ("id", "title", "state", "from_at", "to_at", "approved_by", "accepted", "open"), rows)
    page = await load(request, "list_changes", cursor=request.query.get("cursor"))
    return await respond(
        request,
        "changes.html",
        visit=visit,
        changes=[to_change_row(each, visit.viewpoint) for each in page.items],
        total=page.total,
        next_cursor=page.next_cursor,
    )


PAGE = PageModule("changes", "Approved changes, what they expect, and what of that was observed", (Route("GET", "/changes", show),))
