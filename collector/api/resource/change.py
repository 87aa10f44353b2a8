"""Approved changes: what is expected to be observed, when, and what of it was. Format: docs/policies.md."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, ask_store, read_body, read_bytes, read_id, read_query
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.reconcile.change_document import check_change
from collector.store.apply_change import PlannedChange, apply_changes, plan_changes
from muster.errors import InputError
from muster.ports import Page
from muster.review import ChangeView

YAML_TYPE = "application/yaml"
FILES_LIMIT = 1_000
DOCUMENT_LIMIT = 1_048_576


class ChangeQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`state`: all unless some are named."""

    state: list[Literal["planned", "approved", "verified", "partly_verified", "not_verified"]] = []
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class ChangeFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One document: `file` is only named in faults."""

    file: Annotated[str, Meta(min_length=1, max_length=1024)]
    text: Annotated[str, Meta(max_length=DOCUMENT_LIMIT)]


class ChangeDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """Changes to put in force, all or none."""

    documents: Annotated[list[ChangeFile], Meta(max_length=FILES_LIMIT)]


class ChangePlan(Struct, frozen=True):
    """What applying does to each change."""

    items: list[PlannedChange]


async def list_changes(request: web.Request) -> web.Response:
    query = read_query(request, ChangeQuery)
    return answer(await asyncio.to_thread(request.app[READER].list_changes, states=query.state, cursor=query.cursor, limit=query.limit))


async def get_change(request: web.Request) -> web.Response:
    found = await asyncio.to_thread(request.app[READER].get_change, read_id(request))
    return answer(found, version=found.version)


async def get_document(request: web.Request) -> web.Response:
    text = await asyncio.to_thread(request.app[READER].get_change_document, read_id(request))
    return web.Response(body=text.encode(), content_type=YAML_TYPE, charset="utf-8")


async def plan(request: web.Request) -> web.Response:
    """Nothing is changed."""
    documents, context, actor = _texts(await read_body(request, ChangeDocuments, limit=16 * 1_048_576)), request.app[PARTS].context, actor_of(request)
    planned = await ask_store(request, lambda connection: plan_changes(connection, context, documents, owner=actor))
    return answer(ChangePlan(planned))


async def apply(request: web.Request) -> web.Response:
    """All or none; what differs since their windows began is held against them."""
    documents = _texts(await read_body(request, ChangeDocuments, limit=16 * 1_048_576))
    return answer(ChangePlan(await _apply(request, documents)))


async def put_change(request: web.Request) -> web.Response:
    """The body is the change's document in YAML or JSON; its id is that of the path."""
    name = read_id(request)
    try:
        text = (await read_bytes(request, limit=DOCUMENT_LIMIT)).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("not UTF-8 text", path="$") from None
    checked = await asyncio.to_thread(check_change, text, name, request.app[PARTS].context.catalogue)
    if checked.id != name:
        raise InputError(f"the document is of change {checked.id!r}, the path of {name!r}", path="$.id")
    await _apply(request, {name: text})
    found = await asyncio.to_thread(request.app[READER].get_change, name)
    return answer(found, version=found.version)


async def _apply(request: web.Request, documents: dict[str, str]) -> list[PlannedChange]:
    context, actor, now = request.app[PARTS].context, actor_of(request), request.app[CLOCK].now_ms()
    applied = await request.app[WRITER].run(lambda connection: apply_changes(connection, context, documents, actor=actor, now=now))
    request.app[PARTS].poke()
    return applied


def _texts(given: ChangeDocuments) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, each in enumerate(given.documents):
        if each.file in found:
            raise InputError(f"file {each.file!r} is given twice", path=f"$.documents[{place}].file")
        found[each.file] = each.text
    return found


RESOURCE = Resource(
    name="change",
    summary="Approved changes",
    routes=(
        Route("GET", "/v1/changes", list_changes, "viewer", "List changes, the latest window first", query=ChangeQuery, answer=Page, item=ChangeView),
        Route(
            "POST", "/v1/changes", apply, "configuration_manager", "Put changes in force, all or none",
            body=ChangeDocuments, answer=ChangePlan, statuses=(409, 422),
        ),
        Route(
            "POST", "/v1/changes/plan", plan, "viewer", "What applying these documents would do",
            body=ChangeDocuments, answer=ChangePlan, statuses=(409, 422),
        ),
        Route("GET", "/v1/changes/{id}", get_change, "viewer", "One change", answer=ChangeView, has_etag=True, statuses=(404,)),
        Route(
            "PUT", "/v1/changes/{id}", put_change, "configuration_manager", "Put one change in force",
            body=dict, body_types=(YAML_TYPE, "application/json"), answer=ChangeView, has_etag=True, statuses=(409, 422),
        ),
        Route("GET", "/v1/changes/{id}/document", get_document, "viewer", "The YAML in force", answer_type=YAML_TYPE, statuses=(404,)),
    ),
)  # fmt: skip
