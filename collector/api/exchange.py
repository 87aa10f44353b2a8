"""Reading requests and writing answers: query parameters and bodies into structs, structs into JSON, entity tags."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from collector.api.fault import MediaTypeError, PreconditionMissingError, TimeExceededError
from collector.api.keys import BODY, READER, SETTINGS
from muster.document import suggest
from muster.errors import InputError, TooLargeError, quote
from muster.instant import parse_instant
from muster.wire.codec import decode
from muster.wire.compression import inflate

T = TypeVar("T")
Q = TypeVar("Q", bound=msgspec.Struct)
JSON_BODY_LIMIT = 4 * 1_048_576
QUICK_BYTES = 65_536  # larger bodies are decoded beside the loop
_CHUNK = 65_536


async def read_body(request: web.Request, kind: type[T], *, limit: int = JSON_BODY_LIMIT) -> T:
    """A JSON body as a struct. Raises MediaTypeError, TooLargeError, InputError with the path of the first fault."""
    media_type = request.content_type
    if media_type not in ("application/json", "application/octet-stream") and not media_type.endswith("+json"):
        raise MediaTypeError(f"Content-Type {quote(media_type)} is not taken here; send application/json", path="")
    raw = await read_bytes(request, limit=limit)
    encoding = request.headers.get("Content-Encoding", "")

    def read() -> T:
        return decode(inflate(raw, encoding, maximum_compressed_bytes=limit, maximum_inflated_bytes=limit), kind, "application/json")

    return read() if len(raw) <= QUICK_BYTES and not encoding else await asyncio.to_thread(read)


async def read_bytes(request: web.Request, *, limit: int) -> bytes:
    """The body as it came, at most `limit` bytes. Raises TooLargeError, TimeExceededError."""
    known: bytes | None = request.get(BODY)
    if known is not None:
        if len(known) > limit:
            raise TooLargeError(f"the body is over {limit} bytes", limit_bytes=limit)
        return known
    if request.content_length is not None and request.content_length > limit:
        raise TooLargeError(f"the body has {request.content_length} bytes, the limit is {limit}", limit_bytes=limit)
    received = bytearray()
    seconds = request.app[SETTINGS].body_seconds
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_chunked(_CHUNK):
                received += chunk
                if len(received) > limit:
                    raise TooLargeError(f"the body is over {limit} bytes", limit_bytes=limit)
    except TimeoutError:
        raise TimeExceededError(f"the body did not arrive within {seconds:g} s") from None
    return bytes(received)


async def ask_store(request: web.Request, work: Callable[[Any], T]) -> T:
    """What `work` finds on a connection that only reads; whoever writes is not held up by it."""
    database = request.app[READER].database

    def run() -> T:
        with database.connect() as connection:
            return work(connection)

    return await asyncio.to_thread(run)


def read_query(request: web.Request, kind: type[Q]) -> Q:
    """The query parameters as a struct; a list takes a parameter several times. Raises InputError for an unknown or doubled one."""
    fields = {each.encode_name: each for each in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for name in request.query:
        if name not in fields:
            raise InputError(f"unknown parameter {quote(name)}{suggest(name, list(fields))}", path=name[:80])
        given = request.query.getall(name)
        if str(fields[name].type).startswith("list"):
            values[name] = [part for each in given for part in each.split(",") if part]
        elif len(given) > 1:
            raise InputError("the parameter is given twice", path=name)
        else:
            values[name] = given[0]
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$.")
        raise InputError(message, path=at.rstrip("`").partition("[")[0]) from None


def read_instant(text: str, path: str) -> int:
    """Milliseconds UTC of a parameter: RFC 3339 text, or milliseconds as digits. Raises InputError."""
    return parse_instant(int(text) if text.isdecimal() and len(text) < 16 else text, path=path)


def read_match(request: web.Request) -> int:
    """The version that If-Match names. Raises PreconditionMissingError, InputError."""
    given = request.headers.get("If-Match")
    if given is None:
        raise PreconditionMissingError("send If-Match with the ETag of what you read, so that no other change is overwritten")
    text = given.strip().removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > 18:
        raise InputError(f"If-Match {quote(given)} is no ETag of this API", path="")
    return int(text)


def read_id(request: web.Request, name: str = "id") -> str:
    """A part of the path."""
    return request.match_info[name]


def read_number(request: web.Request) -> int:
    """The `id` of the path where it is a number. Raises InputError."""
    text = request.match_info["id"]
    if not text.isdecimal() or len(text) > 18:
        raise InputError(f"{quote(text)} is no number", path="id")
    return int(text)


def answer(value: object, *, status: int = 200, version: int | None = None, headers: dict[str, str] | None = None) -> web.Response:
    """A struct as JSON. `version`: becomes the ETag."""
    named = dict(headers or {})
    if version is not None:
        named["ETag"] = f'"{version}"'
    return web.Response(body=msgspec.json.encode(value), status=status, headers=named, content_type="application/json")


def nothing() -> web.Response:
    """Done, and nothing to say."""
    return web.Response(status=204)
