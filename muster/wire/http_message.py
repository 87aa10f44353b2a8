"""HTTP/1.1 as a client of the collector's API needs it (RFC 9112): a request to bytes, an answer from a stream, both bounded.

Not a general client: no redirects, no cookies, no compression. `http.client` does more and costs the resident agent 2 MiB (it
parses headers with the email package).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from muster.errors import ConfigurationError

MAXIMUM_ANSWER_BYTES = 1_048_576
MAXIMUM_LINE_BYTES = 16_384
MAXIMUM_HEADERS = 128
_READ_BYTES = 65_536


class MessageError(ValueError):
    """What came is no HTTP answer."""


class ClosedError(ConnectionError):
    """The peer closed the connection before it answered: a request on a kept connection may be sent again."""


class HttpAnswer(NamedTuple):
    """What a server answered; header names are lower case, the body is cut at `MAXIMUM_ANSWER_BYTES`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Peer(Protocol):
    """The part of a socket that reading needs."""

    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, seconds: float, /) -> None: ...


def render_request(method: str, path: str, host: str, *, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    """The whole request. Raises ConfigurationError where a header holds what no header may (a token with a line break)."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    for name, value in headers.items():
        if not value.isascii() or any(ord(letter) < 32 for letter in value):
            raise ConfigurationError(f"header {name} would hold a control or foreign character; look at the file that its value comes from")
        lines.append(f"{name}: {value}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + (body or b"")


class AnswerReader:
    """Reads answers from one connection, one after the other; each within its time."""

    def __init__(self, peer: Peer, *, now: Callable[[], float] = time.monotonic) -> None:
        self._peer, self._now = peer, now
        self._buffer = b""
        self._deadline = 0.0
        self._has_begun = False

    def read(self, seconds: float) -> tuple[HttpAnswer, bool]:
        """The next answer, and whether the connection may be used again. Raises MessageError, OSError (TimeoutError, ClosedError)."""
        self._deadline = self._now() + seconds
        self._has_begun = False
        status, version = self._status_line()
        headers = self._headers()
        while 100 <= status < 200:
            status, version = self._status_line()
            headers = self._headers()
        body, is_whole = self._body(status, headers)
        words = headers.get("connection", "").lower()
        return HttpAnswer(status, headers, body), is_whole and "close" not in words and (version == "HTTP/1.1" or "keep-alive" in words)

    def _status_line(self) -> tuple[int, str]:
        words = self._line().split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not (len(words[1]) == 3 and words[1].isascii() and words[1].isdigit()):
            raise MessageError("the answer is no HTTP")
        return int(words[1]), words[0]

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while line := self._line():
            name, colon, value = line.partition(":")
            if not colon or len(found) >= MAXIMUM_HEADERS:
                raise MessageError("the answer has malformed or too many headers")
            found.setdefault(name.strip().lower(), value.strip())
        return found

    def _body(self, status: int, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        """The body, and whether nothing of it is left on the connection."""
        if status in (204, 304):
            return b"", True
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = headers.get("content-length")
        if length is not None:
            if not (length.isascii() and length.isdigit()):
                raise MessageError("the answer has a malformed Content-Length")
            return self._exactly(min(int(length), MAXIMUM_ANSWER_BYTES)), int(length) <= MAXIMUM_ANSWER_BYTES
        while len(self._buffer) <= MAXIMUM_ANSWER_BYTES and self._fill():
            continue
        return self._buffer[:MAXIMUM_ANSWER_BYTES], False

    def _chunks(self) -> tuple[bytes, bool]:
        parts: list[bytes] = []
        total = 0
        while True:
            digits = self._line().partition(";")[0].strip()
            try:
                size = int(digits, 16) if digits and digits[0] not in "+-" else -1
            except ValueError:
                size = -1
            if size < 0:
                raise MessageError("the answer has a malformed chunk")
            if size == 0:
                self._headers()  # trailers
                return b"".join(parts), True
            if total + size > MAXIMUM_ANSWER_BYTES:
                return b"".join(parts), False
            parts.append(self._exactly(size))
            total += size
            if self._line():
                raise MessageError("the answer has a malformed chunk")

    def _line(self) -> str:
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAXIMUM_LINE_BYTES:
                raise MessageError("the answer has a line that never ends")
            if not self._fill():
                if not self._has_begun:
                    raise ClosedError("the collector closed the connection without an answer")
                raise MessageError("the answer was cut short")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._fill():
                raise MessageError("the answer was cut short")
        part, self._buffer = self._buffer[:size], self._buffer[size:]
        return part

    def _fill(self) -> bool:
        left = self._deadline - self._now()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._peer.settimeout(left)
        part = self._peer.recv(_READ_BYTES)
        self._has_begun = self._has_begun or bool(part)
        self._buffer += part
        return bool(part)
