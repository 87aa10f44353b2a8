"""The cookie of a session: HttpOnly, SameSite, and bound to https where people come by https."""

from __future__ import annotations

from aiohttp import web

from collector.api.keys import AUTH, CLOCK, SETTINGS
from collector.store.session import NewSession
from muster.errors import AuthenticationError

PLAIN_NAME = "muster_session"
SECURE_NAME = "__Host-muster_session"


def cookie_name(app: web.Application) -> str:
    """The name; the prefix makes browsers refuse it without https or from a neighbouring host (RFC 6265bis, section 4.1.3.2)."""
    return SECURE_NAME if app[SETTINGS].is_https else PLAIN_NAME


def session_secret(request: web.Request) -> str | None:
    """The secret of the request's session; None: it has none."""
    return request.cookies.get(cookie_name(request.app))


def set_session(request: web.Request, response: web.StreamResponse, made: NewSession) -> None:
    """Let the browser keep a session until it ends. Lax, so that a link in a message opens a page signed in."""
    lasts = max(0, (made.expires_at - request.app[CLOCK].now_ms()) // 1000)
    secure = request.app[SETTINGS].is_https
    response.set_cookie(cookie_name(request.app), made.secret, max_age=lasts, path="/", secure=secure, httponly=True, samesite="Lax")


def drop_session(request: web.Request, response: web.StreamResponse) -> None:
    """Let the browser forget it."""
    response.del_cookie(cookie_name(request.app), path="/", secure=request.app[SETTINGS].is_https, httponly=True, samesite="Lax")


async def sign_in_by_link(request: web.Request) -> web.StreamResponse:
    """`GET /sign-in?token=...`: the one-time link; leads to the first page, signed in. Raises AuthenticationError."""
    secret = request.query.get("token")
    if not secret:
        raise AuthenticationError("open the sign-in link that was printed, or make one with `muster user link`")
    made = await request.app[AUTH].sign_in_with_link(secret)
    response = web.Response(status=303, headers={"Location": "/", "Referrer-Policy": "no-referrer"})
    set_session(request, response, made)
    return response
