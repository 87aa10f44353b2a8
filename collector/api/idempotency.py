"""`Idempotency-Key`: a write that is sent again, because its answer was lost, is answered as the first time and done once.

Answers are kept in this process for a day, the newest so many; after a restart a repeated decision is a conflict instead.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from collector.api.exchange import JSON_BODY_LIMIT, read_bytes
from collector.api.keys import BODY, BODY_LIMITS, CLOCK, IDENTITY, REPEATS
from muster.errors import ConflictError, InputError

HEADER = "Idempotency-Key"
KEY_LIMIT = 255
KEPT_LIMIT = 2_000
KEPT_BODY_BYTES = 262_144
KEPT_SECONDS = 86_400.0
LARGEST_BODY_BYTES = 4 * JSON_BODY_LIMIT


@dataclass
class _Kept:
    digest: bytes
    at_seconds: float
    status: int = 0  # 0: still under way
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Repeats:
    """What was answered to whom under which key. One for an application."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str, str], _Kept] = OrderedDict()

    def find(self, key: tuple[str, str, str, str], now_seconds: float) -> _Kept | None:
        kept = self._kept.get(key)
        return None if kept is None or now_seconds - kept.at_seconds > KEPT_SECONDS else kept

    def begin(self, key: tuple[str, str, str, str], digest: bytes, now_seconds: float) -> _Kept:
        kept = self._kept[key] = _Kept(digest, now_seconds)
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_LIMIT:  # what is under way stays: forgotten, it could be done twice
            answered = next((name for name, each in self._kept.items() if each.status), None)
            if answered is not None:
                del self._kept[answered]
        return kept

    def forget(self, key: tuple[str, str, str, str]) -> None:
        self._kept.pop(key, None)


@web.middleware
async def answer_repeats(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Only for writes with the header. What failed may be tried again under the same key."""
    given = request.headers.get(HEADER)
    identity = request.get(IDENTITY)
    if given is None or identity is None or request.method in {"GET", "HEAD", "OPTIONS"} or not request.path.startswith("/v1/"):
        return await handler(request)
    if not 0 < len(given) <= KEY_LIMIT:
        raise InputError(f"{HEADER} has 1 to {KEY_LIMIT} characters", path=HEADER)
    resource = request.match_info.route.resource
    own = request.app[BODY_LIMITS].get(f"{request.method} {resource.canonical if resource is not None else ''}", 0)
    body = request[BODY] = await read_bytes(request, limit=max(own, LARGEST_BODY_BYTES))
    repeats, now_seconds = request.app[REPEATS], request.app[CLOCK].monotonic_seconds()
    key, digest = (identity.actor, request.method, request.path_qs, given), hashlib.sha256(body).digest()
    kept = repeats.find(key, now_seconds)
    if kept is not None:
        return _repeat(kept, digest)
    entry = repeats.begin(key, digest, now_seconds)
    try:
        response = await handler(request)
    except BaseException:
        repeats.forget(key)
        raise
    if isinstance(response, web.Response) and response.status < 400 and isinstance(response.body, bytes | None):
        entry.body = response.body or b""
        entry.headers = tuple((name, value) for name, value in response.headers.items() if name in {"Content-Type", "ETag", "Location"})
        entry.status = response.status
    if entry.status == 0 or len(entry.body) > KEPT_BODY_BYTES:
        repeats.forget(key)
    return response


def _repeat(kept: _Kept, digest: bytes) -> web.Response:
    if kept.digest != digest:
        raise InputError(f"this {HEADER} was used for another request; take a new one", path=HEADER)
    if kept.status == 0:
        raise ConflictError("the same request is still under way; wait for its answer", code="request-under-way")
    return web.Response(body=kept.body, status=kept.status, headers={**dict(kept.headers), "Idempotency-Replayed": "true"})
