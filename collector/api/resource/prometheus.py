"""What Prometheus asks for: the exposition and HTTP service discovery. What they hold: docs/prometheus.md."""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from collector.api.exchange import read_query
from collector.api.keys import PARTS
from collector.api.route import Resource, Route

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class TargetQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`job`: node, blackbox or snmp. `port`: instead of the job's own."""

    job: str = "node"
    port: Annotated[int, Meta(ge=1, le=65_535)] | None = None


class ScrapeTarget(Struct, frozen=True):
    """As Prometheus documents for `http_sd_config`."""

    targets: list[str]
    labels: dict[str, str]


async def metrics(request: web.Request) -> web.Response:
    body = await asyncio.to_thread(request.app[PARTS].render_metrics)
    return web.Response(body=body, headers={"Content-Type": EXPOSITION_TYPE})


async def targets(request: web.Request) -> web.Response:
    """The whole list; 503 until the CMDB is loaded, so that Prometheus keeps what it has."""
    query = read_query(request, TargetQuery)
    body = await asyncio.to_thread(request.app[PARTS].render_targets, query.job, query.port)
    return web.Response(body=body, content_type="application/json", charset="utf-8")


RESOURCE = Resource(
    name="prometheus",
    summary="Prometheus",
    routes=(
        Route("GET", "/metrics", metrics, "viewer", "The collector's own and its services' figures", answer_type="text/plain"),
        Route(
            "GET", "/v1/prometheus/targets", targets, "viewer", "HTTP service discovery",
            query=TargetQuery, answer=list[ScrapeTarget], statuses=(422, 503),
        ),
    ),
)  # fmt: skip
