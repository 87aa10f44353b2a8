"""What people put on record of a CI: attributes, tags and lifecycle, never over somebody else's change; and near misses adopted."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_body, read_id, read_match
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.decision import adopt_suggestion
from collector.store.recorded import Patch, patch_recorded
from collector.store.recording import record_ci
from muster.model.state import Lifecycle
from muster.ports import CiDetail, DecisionView

Reason = Annotated[str, Meta(max_length=4_000)]


class RecordedPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """`attributes`, `tags`: name to value; null takes it off the record. What is not named stays."""

    attributes: Annotated[dict[str, Any], Meta(max_length=200)] = {}
    tags: Annotated[dict[str, str | None], Meta(max_length=64)] = {}
    lifecycle: Lifecycle | None = None
    reason: Reason = ""


class RecordRequest(Struct, frozen=True, forbid_unknown_fields=True, rename={"ci_class": "class"}):
    """A CI that nobody may have seen yet. `identifiers`: serial, dmi_uuid, mac, fqdn, ...; by them it is recognised, now and later."""

    ci_class: Annotated[str, Meta(min_length=1, max_length=128)]
    identifiers: Annotated[dict[str, str | list[str]], Meta(max_length=32)] = {}
    attributes: Annotated[dict[str, Any], Meta(max_length=200)] = {}
    tags: Annotated[dict[str, str | None], Meta(max_length=64)] = {}
    zone: Annotated[str, Meta(min_length=1, max_length=128)] = "default"
    lifecycle: Lifecycle | None = None
    reason: Reason = ""


class AdoptRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`into`: the CI (id or number) to which the records of this one belong."""

    into: Annotated[str, Meta(max_length=64)]
    reason: Reason = ""


async def patch(request: web.Request) -> web.Response:
    """Send If-Match with the ETag of the CI as it was read."""
    version = read_match(request)
    wanted = await read_body(request, RecordedPatch)
    key, context, now, actor = read_id(request), request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    change = Patch(wanted.attributes, wanted.tags, wanted.lifecycle)
    await request.app[WRITER].run(
        lambda connection: patch_recorded(connection, context, key, change, actor=actor, now=now, if_version=version, reason=wanted.reason)
    )
    request.app[PARTS].poke()
    found = await asyncio.to_thread(request.app[READER].get_ci, key)
    return answer(found, version=found.version)


async def create(request: web.Request) -> web.Response:
    """On the CI that is there already where its identifiers say so, else on a new one; 409 where they point at several."""
    wanted = await read_body(request, RecordRequest)
    context, now, actor = request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    change = Patch(wanted.attributes, wanted.tags, wanted.lifecycle)
    row = await request.app[WRITER].run(
        lambda connection: record_ci(
            connection,
            context,
            wanted.ci_class,
            change,
            identifiers=wanted.identifiers,
            zone=wanted.zone,
            actor=actor,
            now=now,
            reason=wanted.reason,
        )
    )
    request.app[PARTS].poke()
    found = await asyncio.to_thread(request.app[READER].get_ci, row.id)
    return answer(found, status=201 if row.created_at == now else 200, version=found.version)


async def adopt(request: web.Request) -> web.Response:
    """What a near miss suggested."""
    wanted = await read_body(request, AdoptRequest)
    key, context, now, actor = read_id(request), request.app[PARTS].context, request.app[CLOCK].now_ms(), actor_of(request)
    decision_id = await request.app[WRITER].run(
        lambda connection: adopt_suggestion(connection, context, key, wanted.into, actor=actor, now=now, reason=wanted.reason)
    )
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, decision_id))


RESOURCE = Resource(
    name="recorded",
    summary="What people record",
    routes=(
        Route(
            "PATCH", "/v1/cis/{id}/recorded", patch, "configuration_manager", "Record attributes, tags and lifecycle of a CI",
            body=RecordedPatch, answer=CiDetail, has_etag=True, needs_match=True, statuses=(404, 412, 422, 428),
        ),
        Route(
            "POST", "/v1/cis", create, "configuration_manager", "Put a CI on record, seen or not",
            body=RecordRequest, answer=CiDetail, status=201, has_etag=True, statuses=(409, 422),
        ),
        Route(
            "POST", "/v1/cis/{id}/adopt", adopt, "configuration_manager", "Say that its records belong to another CI",
            body=AdoptRequest, answer=DecisionView, statuses=(404, 409, 422),
        ),
    ),
)  # fmt: skip
