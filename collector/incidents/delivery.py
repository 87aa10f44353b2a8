"""One attempt to send one request: time-outs, no redirects, bounded answer, guarded addresses. No retry: see `outbox.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from aiohttp.resolver import ThreadedResolver

from collector.incidents.egress_guard import EgressPolicy, EgressRefusedError, GuardedResolver, check_url
from muster.errors import UnavailableError
from muster.ports import OutgoingRequest

ANSWER_LIMIT_BYTES = 65_536


@dataclass(frozen=True)
class Answer:
    """What came back; of the body at most 64 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def send(request: OutgoingRequest, policy: EgressPolicy, *, timeout_seconds: float = 20.0) -> Answer:
    """Send and read the answer. Raises EgressRefusedError, and UnavailableError for every fault of the network.

    The headers and the URL's query never appear in an error: they may hold secrets.
    """
    check_url(request.url, policy)
    parts = urlsplit(request.url)
    where = f"{parts.scheme}://{parts.netloc}"
    resolver = GuardedResolver(policy, ThreadedResolver(), is_encrypted=parts.scheme == "https")
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
    limits = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=min(10.0, timeout_seconds))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
            session.request(
                request.method, request.url, data=request.body, headers={"user-agent": "Muster", **request.headers}, allow_redirects=False
            ) as response,
        ):
            body = await _read_bounded(response)
            return Answer(response.status, dict(response.headers), body)
    except EgressRefusedError:
        raise
    except TimeoutError:
        raise UnavailableError(f"{where}: no answer within {timeout_seconds:g} s") from None
    except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, ValueError) as error:
        refused = _find_refusal(error)
        if refused is not None:
            raise refused from None
        raise UnavailableError(f"{where}: {type(error).__name__}: {_first_line(error)}") from None


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(8192):
        parts.append(chunk)
        size += len(chunk)
        if size >= ANSWER_LIMIT_BYTES:
            break
    return b"".join(parts)[:ANSWER_LIMIT_BYTES]


def _find_refusal(error: BaseException | None) -> EgressRefusedError | None:
    while error is not None:
        if isinstance(error, EgressRefusedError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:120]
