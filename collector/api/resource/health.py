"""Whether the process lives and can serve, for supervisors and load balancers; open, and telling nothing that needs a token."""

from __future__ import annotations

import asyncio

from aiohttp import web
from msgspec import Struct

from collector.api.exchange import answer
from collector.api.keys import PARTS
from collector.api.route import Resource, Route


class Health(Struct, frozen=True):
    """`status`: ok or unready; `reasons`: what is wrong, in words."""

    status: str
    reasons: list[str] = []


async def live(_request: web.Request) -> web.Response:
    """The process answers; it says nothing of the database."""
    return answer(Health("ok"))


async def ready(request: web.Request) -> web.Response:
    """503 while reports could not be made durable."""
    reasons = list(await asyncio.to_thread(request.app[PARTS].readiness))
    if reasons:
        return answer(Health("unready", reasons), status=503, headers={"Retry-After": "5"})
    return answer(Health("ok"))


RESOURCE = Resource(
    name="health",
    summary="Liveness and readiness",
    routes=(
        Route("GET", "/healthz", live, "open", "Whether the process lives", answer=Health),
        Route("GET", "/readyz", ready, "open", "Whether reports and reads are served", answer=Health, statuses=(503,)),
    ),
)
