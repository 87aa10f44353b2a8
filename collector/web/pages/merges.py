"""Merging CIs that a person chose, side by side first; and one CI's merges, taken back, with what came in between given its owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from collector.api.keys import CATALOGUE, CLOCK, PARTS, actor_of
from collector.store.case_decision import adopt_suggestion
from collector.store.merge import merge_cis
from collector.store.merge_later import assign_later
from collector.store.unmerge import unmerge
from collector.web.deciding import REASON_LENGTH, carry_out
from collector.web.done import explain_refusal, load_done
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.view.merge import to_later, to_merges, to_near, to_stones
from collector.web.view.side_table import to_comparison
from collector.web.visit import load, visit_of
from muster.errors import ConflictError, InputError, NotFoundError

CHOICE = "choice "  # before the attribute, in the form's names
SIDES = 10
Decide = Callable[..., str]


async def compare(request: web.Request) -> web.StreamResponse:
    """The CIs that the address names, side by side; with fewer than two, a form that asks for them."""
    return await _render(request, _keys(request.query.getall("ci", [])))


def _keys(values: Sequence[Any]) -> list[str]:
    keys = [str(each).strip().removeprefix("#") for each in values]
    return list(dict.fromkeys(each for each in keys if each))[:SIDES]


async def _render(request: web.Request, keys: Sequence[str], *, fault: str = "", status: int = 200) -> web.StreamResponse:
    visit, comparison = visit_of(request), None
    if len(keys) > 1:
        try:
            preview = await load(request, "preview_merge", keys, keep=request.query.get("keep"))
            comparison = to_comparison(preview, request.app[CATALOGUE], visit.viewpoint)
        except (InputError, NotFoundError) as error:
            fault, status = fault or explain_refusal(error, visit.viewpoint), 422
    return await respond(
        request,
        "merge.html",
        visit=visit,
        status=status,
        fault=fault,
        numbers=keys,
        comparison=comparison,
        may_decide=visit.may("configuration_manager"),
    )


async def merge(request: web.Request) -> web.StreamResponse:
    """Makes them one and leads to the one that stays."""
    form = await request.post()
    keys = _keys(form.getall("ci", []))
    keep = str(form.get("keep", "")) or (keys[0] if keys else "")
    choices = {name.removeprefix(CHOICE): str(value) for name, value in form.items() if name.startswith(CHOICE)}
    others = [each for each in keys if each != keep]
    try:
        await _decide(request, merge_cis, keep, others, choices, reason=_reason(form))
    except (ConflictError, InputError, NotFoundError) as error:
        return await _render(request, keys, fault=explain_refusal(error, visit_of(request).viewpoint), status=409)
    return web.Response(status=303, headers={"Location": f"/cis/{keep}/merges"})


async def show(request: web.Request) -> web.StreamResponse:
    return await _render_history(request)


async def _render_history(request: web.Request, *, fault: str = "", status: int = 200) -> web.StreamResponse:
    visit, catalogue, key = visit_of(request), request.app[CATALOGUE], request.match_info["key"]
    history = await load(request, "merge_history", key)
    return await respond(
        request,
        "merges.html",
        visit=visit,
        status=status,
        fault=fault,
        key=key,
        merges=to_merges(history, catalogue, visit.viewpoint),
        later=to_later(history, catalogue, visit.viewpoint),
        near=to_near(history, catalogue, visit.viewpoint),
        tombstones=to_stones(history, visit.viewpoint),
        done=await load_done(request, visit),
        may_decide=visit.may("configuration_manager"),
    )


async def take_back(request: web.Request) -> web.StreamResponse:
    """Takes a merge back and shows what came in between."""
    form = await request.post()
    return await _decide_and_return(request, unmerge, str(form.get("merge", "")), reason=_reason(form))


async def assign(request: web.Request) -> web.StreamResponse:
    """Says whose something is that was made in between."""
    form = await request.post()
    later = str(form.get("later", ""))
    number = int(later) if later.isdecimal() and len(later) < 19 else 0
    return await _decide_and_return(request, assign_later, number, str(form.get("ci", "")), reason="")


async def adopt(request: web.Request) -> web.StreamResponse:
    """A near miss is right: the records belong to the other CI."""
    form = await request.post()
    return await _decide_and_return(request, adopt_suggestion, request.match_info["key"], str(form.get("into", "")), reason=_reason(form))


async def _decide_and_return(request: web.Request, decide: Decide, *what: Any, reason: str) -> web.StreamResponse:
    try:
        done = await _decide(request, decide, *what, reason=reason)
    except (ConflictError, InputError, NotFoundError) as error:
        return await _render_history(request, fault=explain_refusal(error, visit_of(request).viewpoint), status=409)
    return web.Response(status=303, headers={"Location": f"/cis/{request.match_info['key']}/merges?done={done}"})


async def _decide(request: web.Request, decide: Decide, *what: Any, reason: str) -> str:
    context, actor, now = request.app[PARTS].context, actor_of(request), request.app[CLOCK].now_ms()
    return await carry_out(request, lambda connection: decide(connection, context, *what, actor=actor, now=now, reason=reason))


def _reason(form: Any) -> str:
    return str(form.get("reason", "")).strip()[:REASON_LENGTH]


PAGE = PageModule(
    "merges",
    "Configuration items made one by people, and made two again",
    (
        Route("GET", "/merge", compare),
        Route("POST", "/merge", merge, "configuration_manager"),
        Route("GET", "/cis/{key}/merges", show),
        Route("POST", "/cis/{key}/unmerge", take_back, "configuration_manager"),
        Route("POST", "/cis/{key}/adopt", adopt, "configuration_manager"),
        Route("POST", "/cis/{key}/assign", assign, "configuration_manager"),
    ),
)
