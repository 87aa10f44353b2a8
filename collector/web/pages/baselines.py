"""Baselines: names for a time and a scope; taken, listed, shown, checked, exported, and compared with another or with now."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from collector.api.keys import CATALOGUE, CLOCK, PARTS, READER, WRITER, actor_of
from collector.store.baseline import BaselineWish, save_baseline
from collector.store.scope import Scope
from collector.web.done import explain_refusal
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.as_at import parse_local
from collector.web.view.baseline import baseline_path, to_baseline_cis, to_baselines
from collector.web.view.became import to_comparisons
from collector.web.visit import load, load_all, visit_of
from muster.errors import ConflictError, InputError

ROWS_SHOWN = 100
TEXT_LENGTH = 4_000
ATTEMPTS = 5
_BLANK = {"name": "", "query": "", "reason": "", "owner": "", "at": "", "contents": "1"}
_COLUMNS = (
    "number",
    "id",
    "class",
    "name",
    "zone",
    "owner_id",
    "lifecycle",
    "is_absent",
    "is_recorded",
    "effective",
    "recorded",
    "tags",
    "relations",
)


async def show_list(request: web.Request) -> web.Response:
    return await _render_list(request)


async def _render_list(request: web.Request, *, fault: str = "", given: dict[str, str] | None = None) -> web.Response:
    visit = visit_of(request)
    found = await load(request, "list_baselines", cursor=request.query.get("cursor"), limit=ROWS_SHOWN)
    return await respond(
        request,
        "baselines.html",
        visit=visit,
        status=422 if fault else 200,
        rows=to_baselines(found.items, visit.viewpoint),
        total=found.total,
        next_cursor=found.next_cursor,
        fault=fault,
        given=given or _BLANK,
        may_take=visit.may("configuration_manager"),
    )


async def take(request: web.Request) -> web.StreamResponse:
    """Of a query, now or of an earlier instant; leads to its page."""
    form = await request.post()
    given = {name: str(form.get(name, "")).strip()[:TEXT_LENGTH] for name in ("name", "query", "reason", "owner", "at", "contents")}
    viewpoint = visit_of(request).viewpoint
    try:
        at = parse_local(given["at"], viewpoint)
        wish = BaselineWish(given["name"], Scope(given["query"], given["contents"] == "1"), given["reason"], given["owner"], at)
        await _take(request, wish)
    except (InputError, ConflictError) as error:
        return await _render_list(request, fault=explain_refusal(error, viewpoint), given=given)
    return web.Response(status=303, headers={"Location": baseline_path(wish.name)})


async def _take(request: web.Request, wish: BaselineWish) -> None:
    """Again where reports were still being taken that came before its instant. Raises InputError, ConflictError."""
    reader, context, actor = request.app[READER], request.app[PARTS].context, actor_of(request)
    for attempt in range(1, ATTEMPTS + 1):
        await request.app[WRITER].run(lambda connection: None)
        content = await asyncio.to_thread(reader.read_content, wish)
        now = request.app[CLOCK].now_ms()
        try:
            await request.app[WRITER].run(
                lambda connection, content=content, now=now: save_baseline(connection, context, wish, content, actor=actor, now=now)  # type: ignore[misc]  # defaults bind the loop's values
            )
        except ConflictError as error:
            if error.code != "history-moved" or attempt == ATTEMPTS:
                raise
        else:
            return


async def show(request: web.Request) -> web.StreamResponse:
    """What it holds; with `against` what became of it; with `check` whether it still is what was taken."""
    visit, key, catalogue = visit_of(request), request.match_info["name"], request.app[CATALOGUE]
    view = await load(request, "get_baseline", key)
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_baseline_cis", ROW_LIMIT, key=key)
        return send_table(f"baseline-{view.name}", str(form), _COLUMNS, [[_plain(each)[name] for name in _COLUMNS] for each in found])
    others = await load(request, "list_baselines", limit=ROWS_SHOWN)
    against, cursor = request.query.get("against", ""), request.query.get("cursor")
    if against:
        page = await load(request, "compare_baselines", key, against, cursor=cursor, limit=ROWS_SHOWN)
    else:
        page = await load(request, "list_baseline_cis", key, cursor=cursor, limit=ROWS_SHOWN)
    return await respond(
        request,
        "baseline.html",
        visit=visit,
        row=to_baselines([view], visit.viewpoint)[0],
        others=[each.name for each in others.items if each.name != view.name],
        against=against,
        compared=to_comparisons(page.items, catalogue, visit.viewpoint) if against else [],
        cis=[] if against else to_baseline_cis(page.items, catalogue, visit.viewpoint),
        next_cursor=page.next_cursor,
        check=await load(request, "check_baseline", key) if request.query.get("check") == "1" else None,
    )


def _plain(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found


PAGE = PageModule(
    "baselines",
    "Baselines: what a scope was at an instant, kept and provable, and what became of it",
    (
        Route("GET", "/baselines", show_list),
        Route("POST", "/baselines/take", take, "configuration_manager"),
        Route("GET", "/baselines/{name}", show),
    ),
)
