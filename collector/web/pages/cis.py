"""The list of configuration items: filter, sort, columns, pages, and the whole of it as CSV or JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any

from aiohttp import web

from collector.api.keys import CATALOGUE, READER
from collector.store.filter import searchable_fields
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.ci_list import SORTS, choose_columns, to_list
from collector.web.visit import load, origin_of, visit_of
from muster.errors import InputError
from muster.ports import CiSummary, Page

ROWS_SHOWN = 100
NOTHING = Page([], 0, None)


async def show(request: web.Request) -> web.Response:
    """A query that is none is told beside the filter, with the list left out."""
    visit = visit_of(request)
    query = request.query.get("q", "").strip()
    with_parts = request.query.get("parts") == "1"
    # Nobody who opens the list wants to begin with packages; whoever asks for something asks for everything.
    effective = query or ("" if with_parts else "is:independent")
    catalogue = request.app[CATALOGUE]
    columns = choose_columns(",".join(request.query.getall("columns", [])) or None, catalogue)
    if (form := request.query.get("format")) in FORMATS:
        return await _export(request, str(form), effective, columns)
    sort = request.query.get("sort", "name")
    sort = sort if sort.removeprefix("-") in SORTS else "name"
    fault = ""
    try:
        found = await load(request, "list_cis", effective, cursor=request.query.get("cursor"), limit=ROWS_SHOWN, sort=sort)
    except InputError as error:
        fault, found = error.message, NOTHING
    kept = {name: value for name, value in visit.query.items() if name not in {"cursor", "sort", "columns"}}
    if "columns" in request.query:
        kept["columns"] = ",".join(columns)
    return await respond(
        request,
        "cis.html",
        visit=visit,
        status=422 if fault else 200,
        page=to_list(found.items, columns, sort, kept, catalogue=catalogue, viewpoint=visit.viewpoint),
        query=query,
        scopes=[
            (with_query(visit, parts=None, cursor=None), visit.viewpoint.say("hosts and devices"), not with_parts),
            (with_query(visit, parts="1", cursor=None), visit.viewpoint.say("with their contents"), with_parts),
        ],
        words=[*(f"class:{each.name}" for each in catalogue), *(f"{name}:" for name in searchable_fields(catalogue))],
        fault=fault,
        total=found.total,
        next_cursor=found.next_cursor,
        origin=origin_of(request),
    )


async def _export(request: web.Request, form: str, query: str, columns: Sequence[str]) -> web.Response:
    """All rows that match, at most 100,000, by number."""
    reader = request.app[READER]
    found = await asyncio.to_thread(lambda: list(islice(reader.iterate_cis(query), ROW_LIMIT)))
    heads = ("number", "id", *columns)
    rows = await asyncio.to_thread(lambda: [[each.number, each.id, *(_value(each, name) for name in columns)] for each in found])
    return send_table("cis", form, heads, rows)


def _value(ci: CiSummary, column: str) -> Any:
    """The plain value of a column, as machines want it."""
    plain = {
        "class": ci.ci_class,
        "sources": ci.source_kinds,
        "differences": ci.open_differences,
        "seen": ci.seen_at,
        "changed": ci.changed_at,
    }
    if column in plain:
        return plain[column]
    return getattr(ci, column) if column in {"name", "operation", "presence", "lifecycle", "zone", "number"} else ci.columns.get(column)


PAGE = PageModule("cis", "List of configuration items with filter, columns and export", (Route("GET", "/cis", show),))
