"""Pins: values that people hold against every source, with reason, owner and an end; taken off singly or together."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_body, read_instant, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.pin import PinWish, pin_value, release_pins
from muster.errors import InputError
from muster.ports import DecisionView, Page, PinView

AT_ONCE = 10_000
Reason = Annotated[str, Meta(max_length=4_000)]
Key = Annotated[str, Meta(min_length=1, max_length=64)]
Attribute = Annotated[str, Meta(min_length=1, max_length=128)]


class PinQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`query`: of their CIs. `owner`: those held for this person."""

    query: Annotated[str, Meta(max_length=2_000)] = ""
    owner: str | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class PinRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`ci`: id or number. `expires_at` null: until it is taken off. The value a CI has pinned already is replaced."""

    ci: Key
    attribute: Attribute
    value: Any
    reason: Annotated[str, Meta(min_length=1, max_length=4_000)]
    owner: Annotated[str, Meta(min_length=1, max_length=256)]
    expires_at: Annotated[str, Meta(max_length=40)] | int | None = None


class PinName(Struct, frozen=True, forbid_unknown_fields=True):
    """One pin: its CI (id or number) and attribute."""

    ci: Key
    attribute: Attribute


class ReleaseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Pins by name; or all that `query` and `owner` find, where `query` is given (empty: every CI)."""

    pins: Annotated[list[PinName], Meta(max_length=AT_ONCE)] = []
    query: Annotated[str, Meta(max_length=2_000)] | None = None
    owner: str | None = None
    reason: Reason = ""


async def list_pins(request: web.Request) -> web.Response:
    query = read_query(request, PinQuery)
    page = await asyncio.to_thread(request.app[READER].list_pins, query.query, owner=query.owner, cursor=query.cursor, limit=query.limit)
    return answer(page)


async def create_pin(request: web.Request) -> web.Response:
    """One decision, which can be undone. What identifies a CI is never held."""
    wanted = await read_body(request, PinRequest)
    ends = None if wanted.expires_at is None else read_instant(str(wanted.expires_at), "expires_at")
    wish = PinWish(wanted.attribute, wanted.value, wanted.reason, wanted.owner, ends)
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    decision_id = await request.app[WRITER].run(lambda connection: pin_value(connection, context, wanted.ci, wish, actor=actor, now=now))
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, decision_id), status=201)


async def release(request: web.Request) -> web.Response:
    """All together or none: one decision, undone as one."""
    wanted = await read_body(request, ReleaseRequest)
    if not wanted.pins and wanted.query is None:
        raise InputError("name pins, or a query that finds their CIs", path="pins")
    found: list[tuple[str, str]] = [] if wanted.query is None else await asyncio.to_thread(_find, request, wanted.query, wanted.owner)
    if not wanted.pins and not found:
        raise InputError("no pin is found by that query", path="query")
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)

    pins = [*((each.ci, each.attribute) for each in wanted.pins), *found]
    decision_id = await request.app[WRITER].run(
        lambda connection: release_pins(connection, context, pins, actor=actor, now=now, reason=wanted.reason)
    )
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, decision_id))


def _find(request: web.Request, query: str, owner: str | None) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    while True:
        page = request.app[READER].list_pins(query, owner=owner, cursor=cursor, limit=500)
        if page.total > AT_ONCE:
            raise InputError(f"{page.total} pins at once; the limit is {AT_ONCE}, ask for a part of them", path="query")
        found += [(each.ci.id, each.attribute) for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


RESOURCE = Resource(
    name="pin",
    summary="Pins",
    routes=(
        Route(
            "GET", "/v1/pins", list_pins, "viewer", "List pins, those that end first before the others",
            query=PinQuery, answer=Page, item=PinView, statuses=(422,),
        ),
        Route(
            "POST", "/v1/pins", create_pin, "configuration_manager", "Hold a value against every source",
            body=PinRequest, answer=DecisionView, status=201, statuses=(404, 422),
        ),
        Route(
            "POST", "/v1/pins/release", release, "configuration_manager", "Take pins off, all together",
            body=ReleaseRequest, answer=DecisionView, statuses=(404, 422),
        ),
    ),
)  # fmt: skip
