"""`POST /v1/reports`: a source's report, acknowledged only once it is durable. Format: docs/reference/wire.md."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import structlog
from aiohttp import web

from collector.api.authentication import TooManyAttemptsError
from collector.api.exchange import read_bytes
from collector.api.fault import MediaTypeError
from collector.api.keys import AUTH, CLOCK, PARTS, SETTINGS, WRITER, identity_of
from collector.api.rate import Bucket, Rate
from collector.api.route import Resource, Route
from collector.store import ingest
from collector.store.intake import receive_reports
from collector.store.source import Grant, parse_scope
from collector.store.writer import QUEUE_LIMIT
from muster.errors import InputError, TooLargeError, UnavailableError
from muster.wire.codec import decode_report, encode, is_json
from muster.wire.compression import inflate
from muster.wire.report import (
    CONTENT_TYPE_JSON,
    CONTENT_TYPE_MSGPACK,
    MAXIMUM_COMPRESSED_BYTES,
    MAXIMUM_INFLATED_BYTES,
    Answer,
    ReceivedReport,
    Report,
)

log = structlog.get_logger(__name__)
INLINE_BYTES = 32_768  # decoding less than this costs less than handing it to a thread
INLINE_INFLATED_BYTES = 262_144
BURST_SECONDS = 5.0
SHED_ABOVE = QUEUE_LIMIT * 9 // 10
INFLATED_RATIO = 8  # what reports of inventories inflate to, measured on hosts' package lists
ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "zstd"})


class Intake:
    """What bounds all reports together: bodies held in memory, and the rate of each token. One for an application."""

    def __init__(self, app: web.Application) -> None:
        settings = app[SETTINGS]
        self._limit_bytes = settings.body_memory_bytes
        self._held_bytes = 0
        self.rate = Bucket(Rate(settings.reports_per_second, settings.reports_per_second * BURST_SECONDS), app[CLOCK])

    @contextlib.contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Count a body of so many bytes while it is worked on. Raises UnavailableError where memory would not do."""
        if self._held_bytes + size > self._limit_bytes:
            raise UnavailableError("too many reports are under way; send again later", retry_after_seconds=2.0)
        self._held_bytes += size
        try:
            yield
        finally:
            self._held_bytes -= size


INTAKE: web.AppKey[Intake] = web.AppKey("intake", Intake)


async def post_report(request: web.Request) -> web.Response:
    """Read within limits, decode, write, and answer after the commit."""
    identity = identity_of(request)
    intake = request.app[INTAKE]
    wait = intake.rate.take(identity.token_id or identity.name)
    if wait > 0:
        raise TooManyAttemptsError("this token reports too often; send again later", retry_after_seconds=wait)
    writer = request.app[WRITER]
    if writer.waiting >= SHED_ABOVE:
        raise UnavailableError(f"{writer.waiting} writes wait already; send again later", retry_after_seconds=2.0)
    content_type, encoding = _check_types(request)
    limit = MAXIMUM_COMPRESSED_BYTES if encoding else MAXIMUM_INFLATED_BYTES
    size = limit if request.content_length is None else min(request.content_length, limit)
    with intake.hold(min(size * INFLATED_RATIO, MAXIMUM_INFLATED_BYTES) if encoding else size):
        body = await read_bytes(request, limit=limit)
        report, plain = await _decode(body, content_type, encoding)
        receipt = await _accept(request, report, plain, content_type)
    if identity.source_id is None:
        request.app[AUTH].forget_tokens()  # the first report has bound the token to its source
    if receipt.states_changed or receipt.changed_ci_ids:
        request.app[PARTS].poke()
    answer = receipt.answer
    log.debug("report_accepted", source=report.source.name, sequence=report.sequence, body_bytes=len(body), rejected=len(answer.rejected))
    wanted = CONTENT_TYPE_MSGPACK if CONTENT_TYPE_MSGPACK in request.headers.get("Accept", "") else CONTENT_TYPE_JSON
    return web.Response(body=encode(answer, wanted), content_type=wanted)


def _check_types(request: web.Request) -> tuple[str, str]:
    """Content type and encoding (empty: none). Raises MediaTypeError for a type or an encoding that is not taken."""
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower() or CONTENT_TYPE_JSON
    try:
        is_json(content_type)
    except InputError as error:
        raise MediaTypeError(error.message, path="") from None
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise MediaTypeError(f"Content-Encoding {encoding[:40]!r} is not known; use gzip, zstd or none", path="")
    return content_type, "" if encoding == "identity" else encoding


async def _decode(body: bytes, content_type: str, encoding: str) -> tuple[ReceivedReport, bytes]:
    """The report and its body as it is kept: inflated. Large ones, also those that only inflate to much, are decoded in a thread."""
    if len(body) < INLINE_BYTES:
        with contextlib.suppress(TooLargeError):
            return _decode_now(body, content_type, encoding, limit=INLINE_INFLATED_BYTES)
    return await asyncio.to_thread(_decode_now, body, content_type, encoding, limit=MAXIMUM_INFLATED_BYTES)


def _decode_now(body: bytes, content_type: str, encoding: str, *, limit: int) -> tuple[ReceivedReport, bytes]:
    plain = inflate(body, encoding, maximum_compressed_bytes=MAXIMUM_COMPRESSED_BYTES, maximum_inflated_bytes=limit)
    return decode_report(plain, content_type), plain


async def _accept(request: web.Request, report: ReceivedReport, plain: bytes, content_type: str) -> ingest.Receipt:
    identity = identity_of(request)
    context = request.app[PARTS].context
    received_at = request.app[CLOCK].now_ms()
    grant = Grant(token_id=identity.token_id, source_id=identity.source_id, scope=parse_scope(identity.scope))
    envelope = ingest.Envelope(report, plain, content_type, received_at, _sent_at(request), grant)
    receipt: ingest.Receipt = await request.app[WRITER].run_many(receive_reports, (context, envelope))
    return receipt


def _sent_at(request: web.Request) -> int | None:
    """The sender's clock at this attempt, None where it says nothing. Raises InputError."""
    text = request.headers.get("Muster-Sent-At")
    if text is None:
        return None
    if not text.isdecimal() or not text.isascii() or len(text) > 15:
        raise InputError("Muster-Sent-At must be milliseconds since 1970 as digits", path="Muster-Sent-At")
    return int(text)


RESOURCE = Resource(
    name="report",
    summary="Reports of sources",
    routes=(
        Route(
            "POST",
            "/v1/reports",
            post_report,
            "source",
            "Report what a source has observed; answered once it is durable",
            body=Report,
            answer=Answer,
            body_types=(CONTENT_TYPE_JSON, CONTENT_TYPE_MSGPACK),
            statuses=(408, 409, 413, 415, 422, 429, 503),
        ),
    ),
)

__all__ = ["INTAKE", "RESOURCE", "Intake"]
