"""CIs made one by people and made two again: previewed, done, taken back, and what came in between given its owner; and deletion."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct, field

from collector.api.exchange import answer, read_body, read_id, read_query
from collector.api.identity import Access
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.edit import Context
from collector.store.merge import merge_cis
from collector.store.merge_later import assign_later
from collector.store.rehearsal import rehearse
from collector.store.split import split_records
from collector.store.tombstone import delete_ci
from collector.store.unmerge import unmerge
from muster.errors import InputError
from muster.merge_view import MergeHistory, MergePreview, Outcome
from muster.ports import DecisionView

Reason = Annotated[str, Meta(max_length=4_000)]
Key = Annotated[str, Meta(min_length=1, max_length=64)]
Keys = Annotated[list[Key], Meta(min_length=2, max_length=50)]
Word = Annotated[str, Meta(min_length=1, max_length=256)]


class MergeQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`ci`: ids or numbers of the CIs, two or more. `keep`: which stays; without it the proposal does."""

    ci: list[str] = field(default_factory=list)
    keep: str | None = None


class MergeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`cis`: ids or numbers; `keep`: which of them stays, without it the first. `choices`: conflicting attribute (`tag.NAME`, `pin.NAME`) to
    whose value holds: `survivor`, `loser`, an id or a number; what is not chosen stays the survivor's."""

    cis: Keys
    keep: Key | None = None
    choices: dict[Word, Key] = {}
    reason: Reason = ""


class UnmergeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`merge`: the merge's decision, a CI that was merged away, or the survivor (its newest); an un-merge's decision merges again."""

    merge: Key
    reason: Reason = ""


class SplitRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`records`: which of the CI's records are another thing: `kind/name/instance`, with ` REF` behind it where a source has several."""

    ci: Key
    records: Annotated[list[Word], Meta(min_length=1, max_length=100)]
    reason: Reason = ""


class AssignRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`ci`: whose it is, one of the two that were one."""

    ci: Key
    reason: Reason = ""


class DeleteQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is deleted; kept with the tombstone."""

    reason: Reason = ""


Decide = Callable[[Any, Context, str, int], str]


async def preview(request: web.Request) -> web.Response:
    """Nothing is written."""
    query = read_query(request, MergeQuery)
    if len(query.ci) < 2:
        raise InputError("name two CIs or more: ?ci=12&ci=14", path="ci")
    return answer(await asyncio.to_thread(request.app[READER].preview_merge, query.ci, keep=query.keep))


async def _merging(request: web.Request) -> Decide:
    wanted = await read_body(request, MergeRequest)
    keep = wanted.cis[0] if wanted.keep is None else wanted.keep
    if keep not in wanted.cis:
        raise InputError("it is none of the CIs to merge", path="keep")
    others = [each for each in wanted.cis if each != keep]

    def decide(connection: Any, context: Context, actor: str, now: int) -> str:
        return merge_cis(connection, context, keep, others, wanted.choices, actor=actor, now=now, reason=wanted.reason)

    return decide


async def _taking_back(request: web.Request) -> Decide:
    wanted = await read_body(request, UnmergeRequest)

    def decide(connection: Any, context: Context, actor: str, now: int) -> str:
        return unmerge(connection, context, wanted.merge, actor=actor, now=now, reason=wanted.reason)

    return decide


async def _splitting(request: web.Request) -> Decide:
    wanted = await read_body(request, SplitRequest)

    def decide(connection: Any, context: Context, actor: str, now: int) -> str:
        return split_records(connection, context, wanted.ci, wanted.records, actor=actor, now=now, reason=wanted.reason)

    return decide


async def merge(request: web.Request) -> web.Response:
    """One decision, which can be taken back whole. The other ids and numbers lead to the CI that stays."""
    return await _carry_out(request, await _merging(request))


async def take_back(request: web.Request) -> web.Response:
    """The CIs are what they were, and are never linked again by a rule."""
    return await _carry_out(request, await _taking_back(request))


async def split(request: web.Request) -> web.Response:
    """For what was linked wrongly from the start: the records become a CI of their own."""
    return await _carry_out(request, await _splitting(request))


async def rehearse_merge(request: web.Request) -> web.Response:
    return await _rehearse(request, await _merging(request))


async def rehearse_unmerge(request: web.Request) -> web.Response:
    return await _rehearse(request, await _taking_back(request))


async def rehearse_split(request: web.Request) -> web.Response:
    return await _rehearse(request, await _splitting(request))


async def history(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].merge_history, read_id(request)))


async def assign(request: web.Request) -> web.Response:
    """What was made between a merge and its un-merge belongs to this CI."""
    wanted = await read_body(request, AssignRequest)
    item = read_id(request)
    if not item.isdecimal() or len(item) > 18:
        raise InputError("what was made later is named by its number; see GET /v1/cis/{id}/merges", path="id")

    def decide(connection: Any, context: Context, actor: str, now: int) -> str:
        return assign_later(connection, context, int(item), wanted.ci, actor=actor, now=now, reason=wanted.reason)

    return await _carry_out(request, decide)


async def delete(request: web.Request) -> web.Response:
    """A tombstone stays: number, class, dates, decision. The same device is seen anew if it reports again."""
    query, key = read_query(request, DeleteQuery), read_id(request)

    def decide(connection: Any, context: Context, actor: str, now: int) -> str:
        return delete_ci(connection, context, key, actor=actor, now=now, reason=query.reason)

    return await _carry_out(request, decide)


async def _carry_out(request: web.Request, decide: Decide) -> web.Response:
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    decision_id = await request.app[WRITER].run(lambda connection: decide(connection, context, actor, now))
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, decision_id))


async def _rehearse(request: web.Request, decide: Decide) -> web.Response:
    context, now, actor, reader = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request), request.app[READER]
    outcome = await request.app[WRITER].run(
        lambda connection: rehearse(connection, reader.reading_on(connection), lambda inner: decide(inner, context, actor, now))
    )
    return answer(outcome)


_WRITES = (404, 409, 422)
_MANAGER: Access = "configuration_manager"
RESOURCE = Resource(
    name="merge",
    summary="Merges and what takes them back",
    routes=(
        Route("GET", "/v1/merges/preview", preview, "viewer", "What a merge would make", query=MergeQuery, answer=MergePreview, statuses=(404, 422)),
        Route("POST", "/v1/merges", merge, _MANAGER, "Make CIs one", body=MergeRequest, answer=DecisionView, statuses=_WRITES),
        Route(
            "POST", "/v1/merges/rehearsal", rehearse_merge, _MANAGER, "What would come of it; nothing is written",
            body=MergeRequest, answer=Outcome, statuses=_WRITES,
        ),
        Route("POST", "/v1/unmerges", take_back, _MANAGER, "Take a merge back", body=UnmergeRequest, answer=DecisionView, statuses=_WRITES),
        Route(
            "POST", "/v1/unmerges/rehearsal", rehearse_unmerge, _MANAGER, "What would come of it; nothing is written",
            body=UnmergeRequest, answer=Outcome, statuses=_WRITES,
        ),
        Route(
            "POST", "/v1/splits", split, _MANAGER, "Split records off that are another CI",
            body=SplitRequest, answer=DecisionView, statuses=_WRITES,
        ),
        Route(
            "POST", "/v1/splits/rehearsal", rehearse_split, _MANAGER, "What would come of it; nothing is written",
            body=SplitRequest, answer=Outcome, statuses=_WRITES,
        ),
        Route(
            "GET", "/v1/cis/{id}/merges", history, "viewer", "A CI's merges, what was made in between, its tombstones",
            answer=MergeHistory, statuses=(404,),
        ),
        Route(
            "POST", "/v1/made-later/{id}/assignment", assign, _MANAGER, "Say whose something is that was made after a merge",
            body=AssignRequest, answer=DecisionView, statuses=_WRITES,
        ),
        Route(
            "DELETE", "/v1/cis/{id}", delete, "administrator", "Delete a CI; a tombstone stays",
            query=DeleteQuery, answer=DecisionView, statuses=(404, 409),
        ),
    ),
)  # fmt: skip
