"""The keys under which handlers find what the process made at start, and who makes the request.

The pages (`collector/web`) use the same keys; `READER`'s methods block, so call them with `await asyncio.to_thread(...)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, MutableSet
from typing import TYPE_CHECKING, Any

from aiohttp import web

from collector.api.identity import Access, Identity
from collector.store.reader import Reader
from collector.store.writer import Writer
from muster.clock import Clock
from muster.model.ci_class import ClassCatalogue

if TYPE_CHECKING:
    from collector.api.authentication import Authenticator
    from collector.api.idempotency import Repeats
    from collector.api.parts import Parts
    from collector.settings import CollectorSettings
    from muster.wire.problem import Problem

READER: web.AppKey[Reader] = web.AppKey("reader", Reader)
WRITER: web.AppKey[Writer] = web.AppKey("writer", Writer)
CLOCK: web.AppKey[Clock] = web.AppKey("clock", Clock)
CATALOGUE: web.AppKey[ClassCatalogue] = web.AppKey("catalogue", ClassCatalogue)
SETTINGS: web.AppKey[CollectorSettings] = web.AppKey("settings")
AUTH: web.AppKey[Authenticator] = web.AppKey("auth")
PARTS: web.AppKey[Parts] = web.AppKey("parts")
# Reports refused since the start, by the problem's short name.
REFUSALS: web.AppKey[Counter[str]] = web.AppKey("refusals", Counter)
# What a route of the API needs, as PAGE_ACCESS: "METHOD /path/{as}/declared" → access.
ROUTE_ACCESS: web.AppKey[dict[str, Access]] = web.AppKey("route_access")

# What a page's route needs: "METHOD /path/{as}/declared" → access. A page that is not named needs `viewer` to be read and
# `administrator` for anything else. The pages fill it in `add_pages`.
PAGE_ACCESS: web.AppKey[dict[str, Access]] = web.AppKey("page_access")
# How an error of a page is shown; without it (and under /v1) an error is a problem document.
PAGE_FAULT: web.AppKey[Callable[[web.Request, Problem], Awaitable[web.StreamResponse]]] = web.AppKey("page_fault")

# Connections on which no request has come yet; the listener closes those that stay silent.
SILENT: web.AppKey[MutableSet[Any]] = web.AppKey("silent")
# Answers to writes with an Idempotency-Key.
REPEATS: web.AppKey[Repeats] = web.AppKey("repeats")
# The routes of the API that take larger bodies than others: "METHOD /path/{as}/declared" → bytes.
BODY_LIMITS: web.AppKey[dict[str, int]] = web.AppKey("body_limits")
# OpenAPI of every route.
DESCRIPTION: web.AppKey[dict[str, Any]] = web.AppKey("description", dict)

IDENTITY: web.RequestKey[Identity | None] = web.RequestKey("identity")
# The body as it came, where something had to read it before the handler.
BODY: web.RequestKey[bytes] = web.RequestKey("body", bytes)


def identity_of(request: web.Request) -> Identity:
    """The caller of a route that is not open."""
    identity = request[IDENTITY]
    assert identity is not None, "the route's access is checked before its handler"
    return identity


def actor_of(request: web.Request) -> str:
    """The caller as decisions name it."""
    return identity_of(request).actor


__all__: list[Any] = [
    "AUTH", "BODY", "BODY_LIMITS", "CATALOGUE", "CLOCK", "DESCRIPTION", "IDENTITY", "PAGE_ACCESS", "PAGE_FAULT", "PARTS",
    "READER", "REFUSALS", "REPEATS", "ROUTE_ACCESS", "SETTINGS", "SILENT", "WRITER",
    "actor_of", "identity_of",
]  # fmt: skip
