"""Differences between what is observed and what is recorded, singly and by cause, and decisions on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct, field

from collector.api.exchange import answer, read_body, read_id, read_instant, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.decision import Choice, accept_differences, ignore_differences, reject_differences
from muster.errors import InputError
from muster.model.state import DifferenceState
from muster.ports import DecisionView, DifferenceGroup, DifferenceView, Page

Reason = Annotated[str, Meta(max_length=4_000)]


class DifferenceQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`query`: of their CIs, with kind, attribute, risk and opened. `ci`: of one CI and its contents. `sort`: risk, opened, ...; `-` turns it."""

    query: Annotated[str, Meta(max_length=2_000)] = ""
    state: list[DifferenceState] = field(default_factory=lambda: ["open"])
    group: str | None = None
    ci: str | None = None
    sort: str = "-risk"
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class GroupQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """As `DifferenceQuery`."""

    query: Annotated[str, Meta(max_length=2_000)] = ""
    state: list[DifferenceState] = field(default_factory=lambda: ["open"])
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class DecisionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`observed_token`: as read with the difference; the decision is refused where the value moved since. `until`: of an ignore."""

    decision: Literal["accept", "reject", "ignore"]
    observed_token: Annotated[str, Meta(max_length=256)] | None = None
    until: Annotated[str, Meta(max_length=40)] | int | None = None
    reason: Reason = ""


class BulkDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """All together or none. `differences`: id to the observed token read with it, or null; `group`: every open one of a group beside them."""

    decision: Literal["accept", "reject", "ignore"]
    differences: dict[str, str | None] = {}
    group: str | None = None
    until: Annotated[str, Meta(max_length=40)] | int | None = None
    reason: Reason = ""


async def list_differences(request: web.Request) -> web.Response:
    query = read_query(request, DifferenceQuery)
    page = await asyncio.to_thread(
        request.app[READER].list_differences,
        query.query,
        states=query.state,
        group=query.group,
        ci=query.ci,
        cursor=query.cursor,
        limit=query.limit,
        sort=query.sort,
    )
    return answer(page)


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
    return await _decide(request, BulkDecision(wanted.decision, {}, None, wanted.until, wanted.reason), choice)


async def decide_all(request: web.Request) -> web.Response:
    """On several at once: one decision, undone as one."""
    wanted = await read_body(request, BulkDecision)
    if not wanted.differences and wanted.group is None:
        raise InputError("name differences or a group", path="$.differences")
    return await _decide(request, wanted, Choice(wanted.differences, wanted.group))


async def _decide(request: web.Request, wanted: BulkDecision, choice: Choice) -> web.Response:
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    if wanted.until is not None and wanted.decision != "ignore":
        raise InputError("only an ignore ends at an instant", path="$.until")
    until = wanted.until if not isinstance(wanted.until, str) else read_instant(wanted.until, "$.until")
    decision_id = await request.app[WRITER].run(
        lambda connection: (
            ignore_differences(connection, context, choice, actor=actor, now=now, until=until, reason=wanted.reason)
            if wanted.decision == "ignore"
            else _DECISIONS[wanted.decision](connection, context, choice, actor=actor, now=now, reason=wanted.reason)
        )
    )
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, decision_id))


_DECISIONS: dict[str, Callable[..., str]] = {"accept": accept_differences, "reject": reject_differences}

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
        Route("GET", "/v1/differences/{id}", get_difference, "viewer", "One difference", answer=DifferenceView, has_etag=True, statuses=(404,)),
        Route(
            "POST", "/v1/differences/{id}/decision", decide, "configuration_manager", "Accept, reject or ignore it",
            body=DecisionRequest, answer=DecisionView, statuses=(404, 409, 422),
        ),
    ),
)  # fmt: skip
