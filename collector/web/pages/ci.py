"""A configuration item: facts, relations, contents, metrics, availability, incidents, and why each source's record is it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.ci_frame import CiFrame, load_frame
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.chain import to_chain
from collector.web.view.ci import to_all_identifiers, to_checks, to_facts, to_why
from collector.web.view.content import to_contents
from collector.web.view.incident import to_row
from collector.web.view.pin import to_holdable
from collector.web.view.relation import to_relations
from collector.web.view.review import to_difference_row
from collector.web.visit import load, load_all
from muster.errors import NotFoundError

ROWS_SHOWN = 100
INCIDENTS_READ = 500


async def show_facts(request: web.Request) -> web.Response:
    frame = await load_frame(request, "facts")
    catalogue, viewpoint = request.app[CATALOGUE], frame.visit.viewpoint
    differences = await load(request, "list_differences", ci=request.match_info["key"], limit=ROWS_SHOWN)
    rows = [to_difference_row(each, None, catalogue, viewpoint) for each in differences.items]
    groups = {each.id: each.group_key for each in differences.items}
    facts = to_facts(frame.detail, catalogue, viewpoint)
    holdable = to_holdable(frame.detail.summary.ci_class, catalogue, viewpoint)
    may_decide = frame.visit.may("configuration_manager")
    return await _respond(request, frame, "ci_facts.html", facts=facts, differences=rows, groups=groups, holdable=holdable, may_decide=may_decide)


async def show_relations(request: web.Request) -> web.Response:
    frame = await load_frame(request, "relations")
    found = [*frame.detail.relations, *await load(request, "part_relations", request.match_info["key"])]
    rows = to_relations(found, request.app[CATALOGUE], frame.visit.viewpoint)
    return await _respond(request, frame, "ci_relations.html", relations=rows)


async def show_contents(request: web.Request) -> web.Response:
    """Dependent CIs of one class with their attributes; no class named: the one with most of them."""
    frame = await load_frame(request, "contents")
    wanted = request.query.get("class") or (frame.head.contents[0].name if frame.head.contents else "")
    if not wanted:
        return await _respond(request, frame, "ci_contents.html", page=None, wanted="", next_cursor=None, total=0)
    key = request.match_info["key"]
    if (form := request.query.get("format")) in FORMATS:
        return _export_contents(str(form), await load_all(request, "list_contents", ROW_LIMIT, key=key, ci_class=wanted))
    found = await load(request, "list_contents", key, wanted, cursor=request.query.get("cursor"), limit=ROWS_SHOWN)
    page = to_contents(found.items, wanted, request.app[CATALOGUE], frame.visit.viewpoint)
    return await _respond(request, frame, "ci_contents.html", page=page, wanted=wanted, next_cursor=found.next_cursor, total=found.total)


def _export_contents(form: str, found: list[Any]) -> web.Response:
    columns = sorted({name for each in found for name in each.columns} - {"name"})
    rows = [(each.number, each.name, each.presence, *(each.columns.get(name) for name in columns)) for each in found]
    return send_table("contents", form, ("number", "name", "presence", *columns), rows)


async def show_availability(request: web.Request) -> web.Response:
    frame = await load_frame(request, "availability")
    return await _respond(request, frame, "ci_availability.html", checks=to_checks(frame.detail.checks, frame.visit.viewpoint))


async def show_incidents(request: web.Request) -> web.Response:
    frame = await load_frame(request, "incidents")
    own = {frame.detail.summary.id}
    found = [each for each in await load_all(request, "list_incidents", INCIDENTS_READ) if each.ci is not None and each.ci.id in own]
    rows = [to_row(each, request.app[CATALOGUE], frame.visit.viewpoint) for each in found]
    return await _respond(request, frame, "ci_incidents.html", incidents=rows)


async def show_why(request: web.Request) -> web.Response:
    frame = await load_frame(request, "why")
    identifiers = to_all_identifiers(frame.detail, request.app[CATALOGUE], frame.visit.viewpoint)
    explained = await load(request, "explain_ci", request.match_info["key"])
    chain = to_chain(explained, request.app[CATALOGUE], frame.visit.viewpoint)
    links = to_why(frame.detail, frame.visit.viewpoint)
    return await _respond(request, frame, "ci_why.html", links=links, identifiers=identifiers, chain=chain, ci_id=frame.detail.summary.id)


async def _respond(request: web.Request, frame: CiFrame, template: str, **values: Any) -> web.Response:
    return await respond(request, template, visit=frame.visit, head=frame.head, tabs=frame.tabs, **values)


async def redirect_short(request: web.Request) -> web.Response:
    """`/ci/8161` as people shorten it on the telephone."""
    key = request.match_info["key"]
    if not key.isalnum() and not key.replace("-", "").isalnum():
        raise NotFoundError("no such CI; see the list of configuration items")
    return web.Response(status=303, headers={"Location": f"/cis/{key}"})


PAGE = PageModule(
    "ci",
    "A configuration item with facts, relations, contents, availability, incidents and reasons",
    (
        Route("GET", "/cis/{key}", show_facts),
        Route("GET", "/cis/{key}/relations", show_relations),
        Route("GET", "/cis/{key}/contents", show_contents),
        Route("GET", "/cis/{key}/availability", show_availability),
        Route("GET", "/cis/{key}/incidents", show_incidents),
        Route("GET", "/cis/{key}/why", show_why),
        Route("GET", "/ci/{key}", redirect_short),
    ),
)
