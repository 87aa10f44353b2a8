"""Who may use which route: the middleware that identifies the caller, holds the route's access against the role, and guards sessions.

A session's write must bring its CSRF token along, in the header `X-CSRF-Token` or the form field `csrf`.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from collector.api.authentication import bearer_of
from collector.api.identity import Access, Identity
from collector.api.keys import AUTH, BODY_LIMITS, IDENTITY, PAGE_ACCESS, ROUTE_ACCESS
from collector.api.session_cookie import session_secret
from muster.errors import AuthenticationError, AuthorisationError, InputError, TooLargeError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
FORM_LIMIT_BYTES = 1_048_576
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


@web.middleware
async def check_access(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Refuse with 401 or 403, else put the caller under IDENTITY."""
    request[IDENTITY] = None
    if "%00" in request.raw_path:
        raise InputError("the address holds a NUL character", path="")
    if request.match_info.http_exception is not None:
        return await handler(request)
    access = access_of(request)
    identity = await _identify(request, access)
    request[IDENTITY] = identity
    if request.method not in SAFE_METHODS:
        await _guard_write(request, identity)
    if access == "open":
        return await handler(request)
    if identity is None:
        raise AuthenticationError("sign in, or send `Authorization: Bearer` with a token")
    if not identity.may(access):
        raise AuthorisationError(f"this needs the role {access.replace('_', ' ')}; {identity.name!r} is {identity.role.replace('_', ' ')}")
    return await handler(request)


def access_of(request: web.Request) -> Access:
    """What the matched route needs: as it was declared; a page that was not needs viewer to be read, else administrator."""
    resource = request.match_info.route.resource
    method = "GET" if request.method == "HEAD" else request.method
    key = f"{method} {resource.canonical if resource is not None else request.path}"
    declared = request.app[ROUTE_ACCESS].get(key) or request.app[PAGE_ACCESS].get(key)
    if declared is not None:
        return declared
    return "viewer" if request.method in SAFE_METHODS else "administrator"


async def _identify(request: web.Request, access: Access) -> Identity | None:
    """By bearer token where there is one, else by the session's cookie. On open routes a wrong credential is nobody."""
    auth = request.app[AUTH]
    if access == "open":
        secret = session_secret(request)
        return None if secret is None else await auth.identify_session(secret)
    bearer = bearer_of(request)
    if bearer is not None:
        return await auth.identify_bearer(bearer)
    secret = session_secret(request)
    return None if secret is None else await auth.identify_session(secret)


@web.middleware
async def size_forms(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Refuse a form that is larger than its route takes, by the length that browsers send, before any of it is read."""
    if request.content_type in _FORMS and request.method not in SAFE_METHODS:
        resource = request.match_info.route.resource
        limit = request.app[BODY_LIMITS].get(f"{request.method} {resource.canonical if resource is not None else ''}", FORM_LIMIT_BYTES)
        if request.content_length is None:
            raise InputError("a form needs its Content-Length", path="")
        if request.content_length > limit:
            raise TooLargeError(f"the form has {request.content_length} bytes, the limit is {limit}", limit_bytes=limit)
    return await handler(request)


async def _guard_write(request: web.Request, identity: Identity | None) -> None:
    """Another site must not write with a person's cookie (Fetch Metadata, and the session's own token)."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise AuthorisationError("another site may not send this; open Muster itself and try again")
    if identity is None or identity.kind != "session":
        return
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.content_type in _FORMS:
        field = (await request.post()).get(CSRF_FIELD, "")
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode(), identity.csrf.encode()):
        raise AuthorisationError(f"the session's CSRF token is missing or old; send it as {CSRF_HEADER}, or load the page again")
