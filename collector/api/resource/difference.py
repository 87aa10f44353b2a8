"""Differences between what is observed and what is recorded, singly and by cause, and decisions on them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct, field

from collector.api.exchange import answer, read_body, read_id, read_instant, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.decision import Choice
from collector.store.review_decision import ReviewKind, ReviewWish, review_differences
from muster.errors import InputError
from muster.model.state import DifferenceState
from muster.ports import DecisionView, DifferenceGroup, DifferenceView, Page
from muster.review import BacklogRow, ReviewCounts

Reason = Annotated[str, Meta(max_length=4_000)]


class DifferenceQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`query`: of their CIs, with kind, attribute, risk and opened. `ci`: of one CI and its contents. `sort`: risk, opened, ...; `-` turns it."""

    query: Annotated[str, Meta(max_length=2_000)] = ""
    state: list[DifferenceState] = field(default_factory=lambda: ["open"])
    group: str | None = None
    ci: str | None = None
    sort: str | None = None
    at: Annotated[str, Meta(max_length=40)] | None = None
    known: Annotated[str, Meta(max_length=40)] | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class GroupQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """As `DifferenceQuery`."""

    query: Annotated[str, Meta(max_length=2_000)] = ""
    state: list[DifferenceState] = field(default_factory=lambda: ["open"])
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class Backlog(Struct, frozen=True):
    """How much waits, and for whom: the recorded owners of the CIs."""

    counts: ReviewCounts
    items: list[BacklogRow]


class DecisionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`observed_token`: as read with the difference; the decision is refused where the value moved since. `until`: of an ignore; `change`: of
    a link, the id of the change that it belongs to."""

    decision: ReviewKind
    observed_token: Annotated[str, Meta(max_length=256)] | None = None
    until: Annotated[str, Meta(max_length=40)] | int | None = None
    change: Annotated[str, Meta(max_length=64)] | None = None
    reason: Reason = ""


class BulkDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """All together or none. `differences`: id to the observed token read with it, or null; `group`: every open one of a group beside them;
    `query`: every open one that the query finds, whatever it shows now."""

    decision: ReviewKind
    differences: Annotated[dict[str, str | None], Meta(max_length=10_000)] = {}
    group: str | None = None
    query: Annotated[str, Meta(max_length=2_000)] = ""
    until: Annotated[str, Meta(max_length=40)] | int | None = None
    change: Annotated[str, Meta(max_length=64)] | None = None
    reason: Reason = ""


async def list_differences(request: web.Request) -> web.Response:
    query = read_query(request, DifferenceQuery)
    if query.at is not None or query.known is not None:
        return answer(await _list_then(request, query))
    page = await asyncio.to_thread(
        request.app[READER].list_differences,
        query.query,
        states=query.state,
        group=query.group,
        ci=query.ci,
        cursor=query.cursor,
        limit=query.limit,
        sort="-risk" if query.sort is None else query.sort,
    )
    return answer(page)


async def _list_then(request: web.Request, query: DifferenceQuery) -> Page:
    """Those that were in these states then, oldest first."""
    if query.sort is not None or query.group is not None:
        raise InputError("a list of the past is by when they opened, and not by group", path="sort" if query.sort else "group")
    moment = {"at": None if query.at is None else read_instant(query.at, "at")}
    moment["known_at"] = None if query.known is None else read_instant(query.known, "known")
    then = request.app[READER].list_differences_then
    return await asyncio.to_thread(then, query.query, states=query.state, ci=query.ci, **moment, cursor=query.cursor, limit=query.limit)


async def list_groups(request: web.Request) -> web.Response:
    query = read_query(request, GroupQuery)
    page = await asyncio.to_thread(request.app[READER].difference_groups, query.query, states=query.state, cursor=query.cursor, limit=query.limit)
    return answer(page)


async def get_difference(request: web.Request) -> web.Response:
    found = await asyncio.to_thread(request.app[READER].get_difference, read_id(request))
    return answer(found, version=found.version)


async def decide(request: web.Request) -> web.Response:
    """On one difference."""
    wanted = await read_body(request, DecisionRequest)
    choice = Choice({read_id(request): wanted.observed_token})
    bulk = BulkDecision(wanted.decision, until=wanted.until, change=wanted.change, reason=wanted.reason)
    return await _decide(request, bulk, choice)


async def decide_all(request: web.Request) -> web.Response:
    """On several at once: one decision, undone as one."""
    wanted = await read_body(request, BulkDecision)
    if not wanted.differences and wanted.group is None and not wanted.query.strip():
        raise InputError("name differences, a group or a query", path="$.differences")
    return await _decide(request, wanted, Choice(wanted.differences, wanted.group, wanted.query.strip()))


async def _decide(request: web.Request, wanted: BulkDecision, choice: Choice) -> web.Response:
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    if wanted.until is not None and wanted.decision != "ignore":
        raise InputError("only an ignore ends at an instant", path="$.until")
    if (wanted.change is not None) != (wanted.decision == "link"):
        raise InputError("a link names its change, and nothing else does", path="$.change")
    until = wanted.until if not isinstance(wanted.until, str) else read_instant(wanted.until, "$.until")
    wish = ReviewWish(kind=wanted.decision, choice=choice, reason=wanted.reason, until=until, change_id=wanted.change)
    made = await request.app[WRITER].run(lambda connection: review_differences(connection, context, wish, actor=actor, now=now))
    request.app[PARTS].poke()
    if made.waiting_id is not None:
        waiting = await asyncio.to_thread(request.app[READER].get_waiting, made.waiting_id)
        return answer(waiting, status=202)
    return answer(await asyncio.to_thread(request.app[READER].get_decision, made.decision_id or ""))


async def count_backlog(request: web.Request) -> web.Response:
    reader = request.app[READER]
    counts, items = await asyncio.to_thread(lambda: (reader.review_counts(), reader.review_backlog()))
    return answer(Backlog(counts, items))


RESOURCE = Resource(
    name="difference",
    summary="Differences and decisions on them",
    routes=(
        Route(
            "GET", "/v1/differences", list_differences, "viewer", "List differences, riskiest first",
            query=DifferenceQuery, answer=Page, item=DifferenceView, statuses=(422,),
        ),
        Route(
            "GET", "/v1/differences/groups", list_groups, "viewer", "Differences by cause",
            query=GroupQuery, answer=Page, item=DifferenceGroup, statuses=(422,),
        ),
        Route(
            "POST", "/v1/differences/decisions", decide_all, "configuration_manager", "Decide on several, all or none",
            body=BulkDecision, answer=DecisionView, statuses=(404, 409, 422),
        ),
        Route("GET", "/v1/differences/backlog", count_backlog, "viewer", "What waits for each configuration manager", answer=Backlog),
        Route("GET", "/v1/differences/{id}", get_difference, "viewer", "One difference", answer=DifferenceView, has_etag=True, statuses=(404,)),
        Route(
            "POST", "/v1/differences/{id}/decision", decide, "configuration_manager", "Accept, reject, ignore it or link it to a change",
            body=DecisionRequest, answer=DecisionView, statuses=(404, 409, 422),
        ),
    ),
)  # fmt: skip
