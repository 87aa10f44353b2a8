"""Simulations: what a report would do, without a write. Design: docs/cases.md."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from collector.api.exchange import answer, read_body, read_bytes, read_id
from collector.api.fault import MediaTypeError
from collector.api.keys import CLOCK, PARTS, WRITER
from collector.api.route import Resource, Route
from collector.simulation.replay_job import ReplayJobs, ReplayView, ReplayWish
from collector.store.edit import Context
from collector.store.trial import Trial, try_report
from collector.store.writer import Writer
from muster.errors import InputError
from muster.wire.codec import decode_report, is_json
from muster.wire.compression import inflate
from muster.wire.report import CONTENT_TYPE_JSON, CONTENT_TYPE_MSGPACK, ReceivedReport, Report

BODY_LIMIT = 8 * 1_048_576


async def try_out(request: web.Request) -> web.Response:
    """`sequence` and `observed_at` may be left out: it is tried as the source's next report, observed now."""
    body = await read_bytes(request, limit=BODY_LIMIT)
    try:
        is_json(request.content_type)
    except InputError as error:
        raise MediaTypeError(error.message, path="") from None
    now = request.app[CLOCK].now_ms()
    plain, content_type, told = await asyncio.to_thread(read_report, body, request.content_type, request.headers.get("Content-Encoding", ""), now)
    return answer(await simulate_report(request.app[WRITER], request.app[PARTS].context, plain, content_type, told, now=now))


async def simulate_report(writer: Writer, context: Context, plain: bytes, content_type: str, told: ReceivedReport, *, now: int) -> Trial:
    """What this report would do; the page asks through this too. Raises as taking it does.

    In the writer's turn: it is written as any other, and taken back; nothing else may be decided meanwhile.
    """
    return await writer.run(lambda connection: try_report(connection, context, plain, content_type, told, now=now))


def read_report(body: bytes, content_type: str, encoding: str, now: int) -> tuple[bytes, str, ReceivedReport]:
    """(body, its type, report), with the sequence and the instant that were left out. Raises InputError, TooLargeError."""
    plain = inflate(body, encoding, maximum_compressed_bytes=BODY_LIMIT, maximum_inflated_bytes=BODY_LIMIT)
    kind = CONTENT_TYPE_JSON if is_json(content_type) else CONTENT_TYPE_MSGPACK
    codec: Any = msgspec.json if kind == CONTENT_TYPE_JSON else msgspec.msgpack
    try:
        told = codec.decode(plain, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"no report: {error}", path="$") from None
    missing = {name: msgspec.Raw(codec.encode(value)) for name, value in {"sequence": 0, "observed_at": now}.items() if name not in told}
    whole = codec.encode({**told, **missing}) if missing else plain
    return whole, kind, decode_report(whole, kind)


REPLAYS: web.AppKey[ReplayJobs] = web.AppKey("replays", ReplayJobs)


async def start_replay(request: web.Request) -> web.Response:
    """Runs beside everything else; ask for it by its id."""
    wish = await read_body(request, ReplayWish)
    view = await request.app[REPLAYS].start(request.app[PARTS].context, wish, request.app[CLOCK].now_ms())
    return answer(view, status=202)


async def get_replay(request: web.Request) -> web.Response:
    return answer(request.app[REPLAYS].get(read_id(request)))


RESOURCE = Resource(
    name="simulation",
    summary="Simulations",
    routes=(
        Route(
            "POST",
            "/v1/simulations",
            try_out,
            "configuration_manager",
            "What a report would do: links, new CIs, values, differences, cases. Nothing is written",
            body=Report,
            answer=Trial,
            body_types=(CONTENT_TYPE_JSON, CONTENT_TYPE_MSGPACK),
            statuses=(403, 409, 413, 415, 422, 503),
        ),
        Route(
            "POST",
            "/v1/simulations/replays",
            start_replay,
            "configuration_manager",
            "Begin to hold the last days' reports against a changed rule set; nothing live is written",
            body=ReplayWish,
            answer=ReplayView,
            status=202,
            statuses=(409, 422),
        ),
        Route(
            "GET", "/v1/simulations/replays/{id}", get_replay, "viewer", "How far a replay is, and what came out", answer=ReplayView, statuses=(404,)
        ),
    ),
)

__all__ = ["REPLAYS", "RESOURCE", "read_report", "simulate_report"]
