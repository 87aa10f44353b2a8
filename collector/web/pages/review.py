"""The review queue: groups of one cause, the chosen difference side by side, and decisions on one, some or all of a group."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from collector.api.keys import CATALOGUE
from collector.web.deciding import Wish, confirm, decide, parse_wish, undo, withdraw
from collector.web.done import explain_refusal, load_done
from collector.web.page import PageModule, Route
from collector.web.rendering import respond, with_query
from collector.web.return_address import safe_return
from collector.web.view.moment import say_short
from collector.web.view.review import to_difference_row, to_group, to_panel
from collector.web.view.wording import N_
from collector.web.visit import Visit, load, visit_of
from muster.errors import ConflictError, InputError, NotFoundError
from muster.ports import DifferenceGroup, DifferenceView, Page

GROUPS_SHOWN, ROWS_SHOWN, CHANGES_SHOWN = 60, 100, 50
NOTHING = Page([], 0, None)
STATES = {
    "open": N_("open"),
    "held": N_("held"),
    "rejected": N_("rejected"),
    "ignored": N_("ignored"),
    "accepted": N_("accepted"),
}


async def show(request: web.Request) -> web.Response:
    return await _render(request, visit_of(request), dict(request.query), fault="", status=200)


async def _render(request: web.Request, visit: Visit, query: dict[str, str], *, fault: str, status: int) -> web.Response:
    """The queue with one group and one difference chosen: those that were asked for, else the first ones."""
    state = query.get("state", "open")
    state = state if state in STATES else "open"
    text = query.get("q", "").strip()
    is_fault = False
    try:
        groups = await load(request, "difference_groups", text, states=(state,), cursor=query.get("cursor"), limit=GROUPS_SHOWN)
    except InputError as error:
        fault, status, groups, is_fault = error.message, 422, NOTHING, True
    keys = [each.group_key for each in groups.items]
    wanted = query.get("group", "")
    chosen = wanted if wanted in keys else (keys[0] if keys else "")
    rows = await load(request, "list_differences", text, states=(state,), group=chosen, limit=ROWS_SHOWN) if chosen else NOTHING
    difference = next((each for each in rows.items if each.id == query.get("difference")), rows.items[0] if rows.items else None)
    values = await _panel(request, visit, difference, rows)
    return await respond(
        request,
        "review.html",
        status=status,
        visit=visit,
        query=text,
        state=state,
        states=_states(visit, state),
        fault=fault,
        is_query_fault=is_fault,
        groups=[to_group(each, request.app[CATALOGUE], visit.viewpoint) for each in groups.items],
        group_total=groups.total,
        next_cursor=groups.next_cursor,
        chosen_group=chosen,
        following=_following(keys, chosen),
        group_count=rows.total,
        done=await load_done(request, visit),
        may_decide=visit.may("configuration_manager"),
        waits=query.get("waits", ""),
        changes=await _changes(request, difference),
        **values,
        **await _counts(request, groups.items, visit),
    )


async def _panel(request: web.Request, visit: Visit, difference: DifferenceView | None, rows: Page) -> dict[str, Any]:
    catalogue, viewpoint = request.app[CATALOGUE], visit.viewpoint
    if difference is None:
        return {"panel": None, "rows": []}
    facts = (await load(request, "get_ci", difference.ci.id)).facts if difference.kind in {"new_ci", "absent_ci"} else []
    return {
        "panel": to_panel(difference, facts, catalogue, viewpoint),
        "rows": [to_difference_row(each, difference.id, catalogue, viewpoint) for each in rows.items],
    }


async def _changes(request: web.Request, difference: DifferenceView | None) -> list[str]:
    """The changes that the chosen difference may be linked to: those approved, the latest window first."""
    if difference is None:
        return []
    page = await load(request, "list_changes", states=("approved", "partly_verified", "not_verified"), limit=CHANGES_SHOWN)
    return [each.id for each in page.items]


async def _counts(request: web.Request, groups: list[DifferenceGroup], visit: Visit) -> dict[str, Any]:
    counts = await load(request, "review_counts")
    oldest = counts.oldest_at
    age = say_short(max(visit.viewpoint.now - oldest, 0), visit.viewpoint) if oldest is not None and groups else ""
    return {"difference_total": counts.open, "unauthorised_total": counts.unauthorised, "waiting_total": counts.waiting, "oldest": age}


def _states(visit: Visit, state: str) -> list[tuple[str, str, bool]]:
    fresh: dict[str, Any] = {"group": None, "difference": None, "done": None, "cursor": None}
    return [
        (with_query(visit, state=key if key != "open" else None, **fresh), visit.viewpoint.say(text), key == state) for key, text in STATES.items()
    ]


def _following(keys: list[str], chosen: str) -> str:
    """The group that is shown once this one is decided: the next, else the one before."""
    if chosen not in keys:
        return ""
    at = keys.index(chosen)
    return keys[at + 1] if at + 1 < len(keys) else keys[at - 1] if at else ""


async def take_decision(request: web.Request) -> web.StreamResponse:
    """Decides and leads back to the queue. What moved meanwhile is not decided: the queue is shown with the new value."""
    form = await request.post()
    back = safe_return(str(form.get("return", "/review")))
    try:
        wish: Wish = parse_wish(form, visit_of(request).viewpoint.now)
        made = await decide(request, wish)
    except (ConflictError, InputError, NotFoundError) as error:
        return await _refuse(request, back, wish_group=str(form.get("group", "")), difference=str(form.get("difference", "")), error=error)
    group = str(form.get("following", "")) if wish.is_whole_group else str(form.get("group", ""))
    told = {"done": made.decision_id or ""} if made.waiting_id is None else {"waits": made.waiting_id, "difference": str(form.get("difference", ""))}
    return web.Response(status=303, headers={"Location": _with(back, group=group if made.waiting_id is None else wish.group, **told)})


async def take_confirmation(request: web.Request) -> web.StreamResponse:
    """The second person confirms what waits."""
    form = await request.post()
    back = safe_return(str(form.get("return", "/review")))
    try:
        decision_id = await confirm(request, str(form.get("waiting", "")))
    except (ConflictError, InputError, NotFoundError) as error:
        return await _refuse(request, back, wish_group=str(form.get("group", "")), difference=str(form.get("difference", "")), error=error)
    return web.Response(status=303, headers={"Location": _with(back, done=decision_id)})


async def take_withdrawal(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    back = safe_return(str(form.get("return", "/review")))
    try:
        await withdraw(request, str(form.get("waiting", "")))
    except (ConflictError, InputError, NotFoundError) as error:
        return await _refuse(request, back, wish_group=str(form.get("group", "")), difference=str(form.get("difference", "")), error=error)
    return web.Response(status=303, headers={"Location": _with(back, group=str(form.get("group", "")))})


async def take_undo(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    back = safe_return(str(form.get("return", "/review")))
    try:
        decision_id = await undo(request, str(form.get("decision", "")))
    except (ConflictError, InputError, NotFoundError) as error:
        return await _refuse(request, back, wish_group="", difference="", error=error)
    return web.Response(status=303, headers={"Location": _with(back, done=decision_id)})


async def _refuse(request: web.Request, back: str, *, wish_group: str, difference: str, error: Exception) -> web.Response:
    visit = visit_of(request)
    query = {**dict(parse_qsl(urlsplit(back).query)), "group": wish_group, "difference": difference}
    fault = explain_refusal(error, visit.viewpoint)
    return await _render(request, visit, query, fault=fault, status=409 if isinstance(error, ConflictError) else 422)


def _with(address: str, **changes: str) -> str:
    parts = urlsplit(address)
    query = "&".join(each for each in (parts.query, urlencode({name: value for name, value in changes.items() if value})) if each)
    return f"{parts.path}?{query}" if query else parts.path


PAGE = PageModule(
    "review",
    "Differences between observed and recorded: groups, side by side, accept, reject, ignore, undo",
    (
        Route("GET", "/review", show),
        Route("POST", "/review/decide", take_decision, "configuration_manager"),
        Route("POST", "/review/undo", take_undo, "configuration_manager"),
        Route("POST", "/review/confirm", take_confirmation, "configuration_manager"),
        Route("POST", "/review/withdraw", take_withdrawal, "configuration_manager"),
    ),
)
