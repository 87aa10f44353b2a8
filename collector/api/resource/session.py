"""Sessions: signing in with a password, who one is, signing out. Pages have forms of their own over the same functions."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import answer, nothing, read_body
from collector.api.keys import AUTH, identity_of
from collector.api.route import Resource, Route
from collector.api.session_cookie import drop_session, session_secret, set_session


class SignInRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's name and password."""

    name: Annotated[str, Meta(max_length=64)]
    password: Annotated[str, Meta(max_length=1024)]


class SessionView(Struct, frozen=True):
    """Who asks. `csrf`: what a session's writes send as X-CSRF-Token; empty for a token."""

    kind: str
    name: str
    role: str
    csrf: str


class SignInAnswer(Struct, frozen=True):
    """The session is in the cookie; `csrf` goes into the header X-CSRF-Token of every write."""

    csrf: str
    expires_at: int


async def sign_in(request: web.Request) -> web.Response:
    wanted = await read_body(request, SignInRequest, limit=65_536)
    made = await request.app[AUTH].sign_in_with_password(wanted.name, wanted.password, peer=request.remote or "")
    response = answer(SignInAnswer(made.csrf, made.expires_at))
    set_session(request, response, made)
    return response


async def get_session(request: web.Request) -> web.Response:
    identity = identity_of(request)
    return answer(SessionView(identity.kind, identity.name, identity.role, identity.csrf))


async def sign_out(request: web.Request) -> web.Response:
    secret = session_secret(request)
    if secret is not None:
        await request.app[AUTH].sign_out(secret)
    response = nothing()
    drop_session(request, response)
    return response


RESOURCE = Resource(
    name="session",
    summary="Sessions",
    routes=(
        Route(
            "POST", "/v1/session", sign_in, "open", "Sign in with a password",
            body=SignInRequest, answer=SignInAnswer, statuses=(401, 422, 429),
        ),
        Route("GET", "/v1/session", get_session, "viewer", "Who asks", answer=SessionView),
        Route("DELETE", "/v1/session", sign_out, "viewer", "Sign out", status=204),
    ),
)  # fmt: skip
