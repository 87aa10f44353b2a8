"""Sources: who reports, how late, with which clock; what was refused of each; and the command that enrols another."""

from __future__ import annotations

from aiohttp import web

from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.table_export import FORMATS, send_table
from collector.web.view.source import to_source
from collector.web.view.wording import N_
from collector.web.visit import load, load_all, origin_of, visit_of
from muster.errors import NotFoundError

SOURCES_READ = 5_000
ROWS_SHOWN = 500
STATES = {
    "all": N_("all"),
    "active": N_("reporting"),
    "silent": N_("silent"),
    "pending": N_("waiting for approval"),
    "revoked": N_("revoked"),
}
_COLUMNS = ("id", "kind", "name", "instance", "zone", "state", "version", "last_report_at", "sequence", "clock_offset_ms", "rejected", "records")


async def show_list(request: web.Request) -> web.Response:
    """Silent ones first; at most 500 are shown, the export holds all."""
    visit = visit_of(request)
    state = request.query.get("state", "all")
    found = await load_all(request, "list_sources", SOURCES_READ)
    rows = [to_source(each, visit.viewpoint) for each in found]
    counts = {key: sum(each.state_key == key for each in rows) for key in STATES}
    chosen = rows if state not in STATES or state == "all" else [each for each in rows if each.state_key == state]
    if (form := request.query.get("format")) in FORMATS:
        ids = {each.id for each in chosen}
        table = [
            (s.source.id, s.source.kind, s.source.name, s.source.instance, s.source.zone, s.state, s.software_version, s.last_report_at,
             s.last_sequence, s.clock_offset_ms, s.rejected_total, s.record_count)
            for s in found if s.source.id in ids
        ]  # fmt: skip
        return send_table("sources", str(form), _COLUMNS, table)
    return await respond(
        request,
        "sources.html",
        visit=visit,
        sources=sorted(chosen, key=lambda each: (each.state_key != "silent", each.kind, each.name))[:ROWS_SHOWN],
        total=len(chosen),
        all_total=len(rows),
        states=[
            (with_query(visit, state=key if key != "all" else None), visit.viewpoint.say(text), key == state)
            for key, text in STATES.items()
            if key in {"all", state} or counts[key]
        ],
        origin=origin_of(request),
    )


async def show_one(request: web.Request) -> web.Response:
    visit = visit_of(request)
    number = request.match_info["id"]
    if not number.isdecimal() or len(number) > 18:
        raise NotFoundError("no such source; see the list of sources")
    source = to_source(await load(request, "get_source", int(number)), visit.viewpoint)
    return await respond(request, "source.html", visit=visit, source=source)


PAGE = PageModule(
    "sources",
    "Sources with lag, clock offset and what was refused of them",
    (Route("GET", "/sources", show_list), Route("GET", "/sources/{id}", show_one)),
)
