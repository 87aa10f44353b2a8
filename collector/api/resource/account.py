"""Accounts of people who sign in."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, nothing, read_body, read_id
from collector.api.identity import Role
from collector.api.keys import CLOCK, READER, SETTINGS, WRITER, actor_of
from collector.api.route import Resource, Route
from collector.store import administration
from collector.store.account import hash_password
from muster.ports import AccountView

Password = Annotated[str, Meta(min_length=8, max_length=1024)]
Language = Annotated[str, Meta(max_length=16)]


class AccountRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """`password` null: signs in by links only."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    role: Role
    password: Password | None = None
    language: Language | None = None


class AccountChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is null stays. A new password signs the account out everywhere."""

    role: Role | None = None
    is_disabled: bool | None = None
    password: Password | None = None
    language: Language | None = None


class AccountList(Struct, frozen=True):
    """By name."""

    items: list[AccountView]


class SignInLink(Struct, frozen=True):
    """`url` signs in once, within ten minutes."""

    url: str


async def list_accounts(request: web.Request) -> web.Response:
    return answer(AccountList(await asyncio.to_thread(request.app[READER].list_accounts)))


async def create_account(request: web.Request) -> web.Response:
    wanted = await read_body(request, AccountRequest)
    now, actor = request.app[CLOCK].now_ms(), actor_of(request)
    hashed = None if wanted.password is None else await asyncio.to_thread(hash_password, wanted.password)
    await request.app[WRITER].run(
        lambda connection: administration.make_account(
            connection, wanted.name, now, actor=actor, role=wanted.role, password_hash=hashed, language=wanted.language
        )
    )
    return answer(AccountView(wanted.name, wanted.role, False, wanted.language, now, hashed is not None), status=201)


async def change_account(request: web.Request) -> web.Response:
    change = await read_body(request, AccountChange)
    name, now, actor = read_id(request, "name"), request.app[CLOCK].now_ms(), actor_of(request)
    hashed = None if change.password is None else await asyncio.to_thread(hash_password, change.password)
    await request.app[WRITER].run(
        lambda connection: administration.change_account(
            connection,
            name,
            now,
            actor=actor,
            role=change.role,
            is_disabled=change.is_disabled,
            password_hash=hashed,
            language=change.language,
        )
    )
    return nothing()


async def create_link(request: web.Request) -> web.Response:
    name, now, actor = read_id(request, "name"), request.app[CLOCK].now_ms(), actor_of(request)
    made = await request.app[WRITER].run(lambda connection: administration.make_sign_in_link(connection, name, now, actor=actor))
    return answer(SignInLink(f"{request.app[SETTINGS].url}/sign-in?token={made.secret}"), status=201)


RESOURCE = Resource(
    name="account",
    summary="Accounts",
    routes=(
        Route("GET", "/v1/accounts", list_accounts, "administrator", "List accounts", answer=AccountList),
        Route(
            "POST", "/v1/accounts", create_account, "administrator", "Make an account",
            body=AccountRequest, answer=AccountView, status=201, statuses=(409, 422),
        ),
        Route(
            "PATCH", "/v1/accounts/{name}", change_account, "administrator", "Change role, password or language, or disable",
            body=AccountChange, status=204, statuses=(404, 409, 422),
        ),
        Route(
            "POST", "/v1/accounts/{name}/sign-in-link", create_link, "administrator", "Make a one-time sign-in link",
            answer=SignInLink, status=201, statuses=(404,),
        ),
    ),
)  # fmt: skip
