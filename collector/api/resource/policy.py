"""Policies of the review as files: what is in force, what applying would do, and a dry run on the last days. Design: docs/policies.md."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, ask_store, read_body, read_id, read_instant
from collector.api.keys import CATALOGUE, CLOCK, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.policy_set import PlannedFile, apply_policies, plan_policies
from muster.errors import InputError
from muster.review import PolicyList, PolicyTest

YAML_TYPE = "application/yaml"
FILES_LIMIT = 1_000


class PolicyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One document; `file` names it in the order of files and in faults."""

    file: Annotated[str, Meta(min_length=1, max_length=1024)]
    text: Annotated[str, Meta(max_length=1_048_576)]


class PolicyDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """`removes_absent`: these are all files of the API; others that it applied are taken out. Those of a folder are never touched."""

    documents: Annotated[list[PolicyFile], Meta(max_length=FILES_LIMIT)]
    removes_absent: bool = False


class PolicyTrial(Struct, frozen=True, forbid_unknown_fields=True):
    """`documents` null: the policies in force. `since`: RFC 3339; without: the last 30 days."""

    documents: Annotated[list[PolicyFile], Meta(max_length=FILES_LIMIT)] | None = None
    since: Annotated[str, Meta(max_length=40)] | int | None = None


class PolicyPlan(Struct, frozen=True):
    """What applying does to each file."""

    items: list[PlannedFile]


async def list_policies(request: web.Request) -> web.Response:
    return answer(await asyncio.to_thread(request.app[READER].list_policies))


async def get_file(request: web.Request) -> web.Response:
    text = await asyncio.to_thread(request.app[READER].get_policy_file, read_id(request))
    return web.Response(body=text.encode(), content_type=YAML_TYPE, charset="utf-8")


async def plan(request: web.Request) -> web.Response:
    """Nothing is changed."""
    given = await read_body(request, PolicyDocuments, limit=16 * 1_048_576)
    documents, classes, actor = _texts(given.documents), request.app[CATALOGUE], actor_of(request)
    planned = await ask_store(
        request, lambda connection: plan_policies(connection, documents, classes, owner=actor, removes_absent=given.removes_absent)
    )
    return answer(PolicyPlan(planned))


async def apply(request: web.Request) -> web.Response:
    """All files or none."""
    given = await read_body(request, PolicyDocuments, limit=16 * 1_048_576)
    documents, classes, actor, now = _texts(given.documents), request.app[CATALOGUE], actor_of(request), request.app[CLOCK].now_ms()
    applied = await request.app[WRITER].run(
        lambda connection: apply_policies(connection, documents, classes, now, owner=actor, removes_absent=given.removes_absent)
    )
    return answer(PolicyPlan(applied))


async def test(request: web.Request) -> web.Response:
    """Nothing is changed."""
    given = await read_body(request, PolicyTrial, limit=16 * 1_048_576)
    documents = None if given.documents is None else _texts(given.documents)
    since = read_instant(given.since, "$.since") if isinstance(given.since, str) else given.since
    return answer(await asyncio.to_thread(request.app[READER].try_policies, documents, since=since))


def _texts(files: list[PolicyFile]) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, each in enumerate(files):
        if each.file in found:
            raise InputError(f"file {each.file!r} is given twice", path=f"$.documents[{place}].file")
        found[each.file] = each.text
    return found


RESOURCE = Resource(
    name="policy",
    summary="Policies of the review",
    routes=(
        Route("GET", "/v1/policies", list_policies, "viewer", "Policies in force, in the order in which they are asked", answer=PolicyList),
        Route(
            "POST", "/v1/policies/plan", plan, "viewer", "What applying these files would do",
            body=PolicyDocuments, answer=PolicyPlan, statuses=(409, 422),
        ),
        Route(
            "POST", "/v1/policies/apply", apply, "configuration_manager", "Put files in force, all or none",
            body=PolicyDocuments, answer=PolicyPlan, statuses=(409, 422),
        ),
        Route(
            "POST", "/v1/policies/test", test, "viewer", "What policies would have decided of past differences",
            body=PolicyTrial, answer=PolicyTest, statuses=(422,),
        ),
        Route("GET", "/v1/policies/files/{id}", get_file, "viewer", "The YAML in force", answer_type=YAML_TYPE, statuses=(404,)),
    ),
)  # fmt: skip
