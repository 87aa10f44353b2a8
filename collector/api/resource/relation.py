"""Relations on record: the catalogue of their types, and relations that people write and take off."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, read_body
from collector.api.keys import CLOCK, PARTS, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store.recorded_relation import RelationWish
from collector.store.relation_decision import relate
from muster.ports import DecisionView
from muster.review import RelationTypeView

Key = Annotated[str, Meta(min_length=1, max_length=64)]


class RelationRequest(Struct, frozen=True, forbid_unknown_fields=True, rename={"begins": "from", "ends": "to"}):
    """`from`, `to`: id or number of a CI on record. `remove`: take it off the record."""

    type: Annotated[str, Meta(min_length=1, max_length=128)]
    begins: Key
    ends: Key
    qualifier: Annotated[str, Meta(max_length=256)] = ""
    remove: bool = False
    reason: Annotated[str, Meta(max_length=4_000)] = ""


class RelationTypes(Struct, frozen=True):
    """By name."""

    items: list[RelationTypeView]


async def list_types(request: web.Request) -> web.Response:
    return answer(RelationTypes(request.app[READER].relation_types()))


async def write(request: web.Request) -> web.Response:
    wanted = await read_body(request, RelationRequest)
    wish = RelationWish(type=wanted.type, from_key=wanted.begins, to_key=wanted.ends, qualifier=wanted.qualifier)
    context, actor, now = request.app[PARTS].context, actor_of(request), request.app[CLOCK].now_ms()
    made = await request.app[WRITER].run(
        lambda connection: relate(connection, context, wish, actor=actor, now=now, is_removed=wanted.remove, reason=wanted.reason)
    )
    request.app[PARTS].poke()
    return answer(await asyncio.to_thread(request.app[READER].get_decision, made))


RESOURCE = Resource(
    name="relation",
    summary="Relations on record",
    routes=(
        Route("GET", "/v1/relation-types", list_types, "viewer", "The catalogue of relations", answer=RelationTypes),
        Route(
            "POST", "/v1/relations", write, "configuration_manager", "Put a relation on record, or take it off",
            body=RelationRequest, answer=DecisionView, statuses=(404, 409, 422),
        ),
    ),
)  # fmt: skip
