"""Tokens of sources, enrolments and programs. A token is told once, when it is made."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, nothing, read_body, read_id
from collector.api.identity import Role
from collector.api.keys import AUTH, CLOCK, READER, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store import administration
from collector.store.source import Scope
from muster.ports import TokenView


class TokenRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`role`: of an api token. `scope`: what a source may claim. `expires_in_seconds` null: never; `uses` null: any number."""

    kind: Literal["enrolment", "source", "api"]
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    role: Role | None = None
    scope: Scope = Scope()
    expires_in_seconds: Annotated[int, Meta(ge=1, le=315_360_000)] | None = None
    uses: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class TokenAnswer(Struct, frozen=True):
    """`token` is shown here and never again."""

    id: str
    token: str


class TokenList(Struct, frozen=True):
    """All tokens, newest first."""

    items: list[TokenView]


async def create_token(request: web.Request) -> web.Response:
    wanted = await read_body(request, TokenRequest)
    now, actor = request.app[CLOCK].now_ms(), actor_of(request)
    expires_at = None if wanted.expires_in_seconds is None else now + wanted.expires_in_seconds * 1000
    scope = {name: value for name, value in msgspec.structs.asdict(wanted.scope).items() if value}
    made = await request.app[WRITER].run(
        lambda connection: administration.make_token(
            connection,
            now,
            actor=actor,
            kind=wanted.kind,
            name=wanted.name,
            role=wanted.role,
            scope=scope,
            uses_left=wanted.uses,
            expires_at=expires_at,
        )
    )
    return answer(TokenAnswer(made.id, made.secret), status=201)


async def list_tokens(request: web.Request) -> web.Response:
    return answer(TokenList(await asyncio.to_thread(request.app[READER].list_tokens)))


async def revoke_token(request: web.Request) -> web.Response:
    """Refused from the next request on."""
    token_id, now, actor = read_id(request), request.app[CLOCK].now_ms(), actor_of(request)
    await request.app[WRITER].run(lambda connection: administration.withdraw_token(connection, token_id, now, actor=actor))
    request.app[AUTH].forget_tokens()
    return nothing()


RESOURCE = Resource(
    name="token",
    summary="Tokens",
    routes=(
        Route("GET", "/v1/tokens", list_tokens, "administrator", "List tokens, never their secrets", answer=TokenList),
        Route(
            "POST", "/v1/tokens", create_token, "administrator", "Make a token; it is told once",
            body=TokenRequest, answer=TokenAnswer, status=201, statuses=(422,),
        ),
        Route("DELETE", "/v1/tokens/{id}", revoke_token, "administrator", "Revoke a token", status=204, statuses=(404,)),
    ),
)  # fmt: skip
