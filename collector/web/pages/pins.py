"""Values that people hold against every source: the list, holding one, and taking one or several off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from collector.api.keys import CATALOGUE, CLOCK, PARTS, WRITER, actor_of
from collector.store.pin import PinWish, pin_value, release_pins
from collector.web.done import explain_refusal, load_done
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.return_address import safe_return
from collector.web.table_export import FORMATS, ROW_LIMIT, send_table
from collector.web.view.pin import to_pin_row
from collector.web.view.record import to_typed
from collector.web.visit import COUNTS, load, load_all, visit_of
from muster.errors import InputError, NotFoundError

ROWS_SHOWN = 200
TEXT_LENGTH = 500


async def show(request: web.Request) -> web.StreamResponse:
    if (form := request.query.get("format")) in FORMATS:
        found = await load_all(request, "list_pins", ROW_LIMIT)
        rows = [(each.ci.number, each.ci.name, each.attribute, each.value, each.owner, each.expires_at, each.reason) for each in found]
        return send_table("pins", str(form), ("number", "name", "attribute", "value", "owner", "expires_at", "reason"), rows)
    return await _render(request)


async def _render(request: web.Request, *, fault: str = "", status: int = 200) -> web.Response:
    visit, catalogue = visit_of(request), request.app[CATALOGUE]
    page = await load(request, "list_pins", cursor=request.query.get("cursor"), limit=ROWS_SHOWN)
    return await respond(
        request,
        "pins.html",
        visit=visit,
        status=status,
        fault=fault,
        pins=[to_pin_row(each, catalogue, visit.viewpoint) for each in page.items],
        total=page.total,
        next_cursor=page.next_cursor,
        done=await load_done(request, visit),
        may_decide=visit.may("configuration_manager"),
    )


async def hold(request: web.Request) -> web.StreamResponse:
    """Holds a value of a CI and leads back to where the form stood."""
    form = await request.post()
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    key, attribute = str(form.get("ci", "")), str(form.get("attribute", ""))
    detail = await load(request, "get_ci", key)
    value = to_typed(str(form.get("value", "")).strip(), attribute, context.catalogue.get(detail.summary.ci_class))
    wish = PinWish(attribute, value, _text(form, "reason"), _text(form, "owner"), _read_end(request, str(form.get("until", ""))))
    decision_id = await request.app[WRITER].run(lambda connection: pin_value(connection, context, key, wish, actor=actor, now=now))
    return _lead_back(request, safe_return(str(form.get("return", "/pins"))), decision_id)


async def release(request: web.Request) -> web.StreamResponse:
    """Takes the chosen ones off, as one decision."""
    form = await request.post()
    chosen = [str(each).partition(" ") for each in form.getall("pin", [])]
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    pins, reason = [(key, attribute) for key, _, attribute in chosen], _text(form, "reason")
    if not pins:
        error = InputError("nothing is selected; tick some", path="pin")
        return await _render(request, fault=explain_refusal(error, visit_of(request).viewpoint), status=422)
    try:
        decision_id = await request.app[WRITER].run(lambda connection: release_pins(connection, context, pins, actor=actor, now=now, reason=reason))
    except (InputError, NotFoundError) as error:
        return await _render(request, fault=explain_refusal(error, visit_of(request).viewpoint), status=422)
    return _lead_back(request, safe_return(str(form.get("return", "/pins"))), decision_id)


def _lead_back(request: web.Request, back: str, decision_id: str) -> web.Response:
    request.app[PARTS].poke()
    request.app[COUNTS].forget()
    return web.Response(status=303, headers={"Location": f"/pins?done={decision_id}" if back == "/pins" else back})


def _text(form: Any, name: str) -> str:
    return str(form.get(name, "")).strip()[:TEXT_LENGTH]


def _read_end(request: web.Request, text: str) -> int | None:
    """The end of a day in the reader's zone; nothing: without an end. Raises InputError."""
    if not text.strip():
        return None
    try:
        day = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"{text!r} is no date", path="until") from None
    return int(day.replace(tzinfo=visit_of(request).viewpoint.zone, hour=23, minute=59, second=59).timestamp() * 1000)


PAGE = PageModule(
    "pins",
    "Values that people hold against every source",
    (
        Route("GET", "/pins", show),
        Route("POST", "/pins/hold", hold, "configuration_manager"),
        Route("POST", "/pins/release", release, "configuration_manager"),
    ),
)
