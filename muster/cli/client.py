"""The collector's API as the commands use it: one request, one answer, and every failure as an error in one line.

Redirects are never followed and no proxy is used: the token goes to the named collector alone.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote as quote_part
from urllib.parse import urlencode, urlsplit

import msgspec

from muster.cli.profile import Profile, load_profile
from muster.errors import (
    AuthenticationError,
    AuthorisationError,
    ConfigurationError,
    ConflictError,
    InputError,
    MusterError,
    NotFoundError,
    UnavailableError,
)
from muster.wire.problem import CONTENT_TYPE_PROBLEM, Problem

TIMEOUT_SECONDS = 30.0
MAXIMUM_ANSWER_BYTES = 256 * 1_048_576
PAGE_SIZE = 200
_REFUSALS: Mapping[int, type[MusterError]] = {401: AuthenticationError, 403: AuthorisationError, 404: NotFoundError, 429: UnavailableError}


class Client:
    """Talks to one collector. A connection is opened for each request."""

    def __init__(self, profile: Profile, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._profile = profile
        self._timeout_seconds = timeout_seconds

    def get(self, path: str, **query: object) -> Any:
        """The JSON of an answer. `query`: parameters; None and "" are left out, lists repeat the parameter."""
        return self._decode(self._request("GET", path, query=query)[0], path)

    def get_tagged(self, path: str) -> tuple[Any, str]:
        """The JSON of an answer and its ETag."""
        received, etag = self._request("GET", path)
        return self._decode(received, path), etag

    def get_text(self, path: str) -> str:
        """An answer that is text."""
        return self._request("GET", path)[0].decode("utf-8", errors="replace")

    def send(
        self, method: str, path: str, body: object = None, *, etag: str | None = None, content_type: str = "application/json", has_key: bool = True
    ) -> Any:
        """Write. The collector does the same request only once, however often it is tried; without `has_key` as often as it comes."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} if has_key else {}
        if etag is not None:
            headers["If-Match"] = etag
        if body is not None:
            headers["Content-Type"] = content_type
        return self._decode(self._request(method, path, body=body, headers=headers)[0], path)

    def pages(self, path: str, *, limit: int | None, **query: object) -> Iterator[dict[str, Any]]:
        """Pages of a list, until `limit` items (None: all) were given."""
        cursor: str | None = None
        left = limit
        while True:
            page = self.get(path, **query, cursor=cursor, limit=PAGE_SIZE if left is None else min(left, PAGE_SIZE))
            yield page
            cursor = page.get("next_cursor")
            left = None if left is None else left - len(page["items"])
            if not cursor or left == 0:
                return

    def _request(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, str]:
        if not self._profile.token.isprintable():
            raise ConfigurationError("the token holds a line break or another character that no token has; copy it again")
        target = path + _to_query(query or {})
        sent = {"Authorization": f"Bearer {self._profile.token}", "User-Agent": "muster-cli", **(headers or {})}
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection = self._connect()
        try:
            connection.request(method, target, body=content, headers=sent)
            answer = connection.getresponse()
            received = answer.read(MAXIMUM_ANSWER_BYTES + 1)
        except ssl.SSLCertVerificationError as error:
            hint = "name its authority in ca_file of the profile or MUSTER_CA_FILE"
            raise UnavailableError(f"{self._profile.url}: its certificate is not trusted ({error.verify_message}); {hint}") from None
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(f"{self._profile.url} does not answer ({_say(error)}); is the collector running there? try `muster up`") from None
        finally:
            connection.close()
        if len(received) > MAXIMUM_ANSWER_BYTES:
            raise UnavailableError(f"{self._profile.url}{path}: the answer is over {MAXIMUM_ANSWER_BYTES} bytes; ask for less with --limit")
        if not 200 <= answer.status < 300:
            raise to_error(answer.status, answer.headers.get_content_type(), received, where=f"{method} {self._profile.url}{path}")
        return received, answer.headers.get("ETag", "")

    def _decode(self, body: bytes, path: str) -> Any:
        """JSON; None where there is nothing."""
        try:
            return json.loads(body) if body else None
        except ValueError:
            raise UnavailableError(f"{self._profile.url}{path} did not answer with JSON; is this a Muster collector?") from None

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._profile.url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=self._timeout_seconds)
        try:
            context = ssl.create_default_context(cafile=self._profile.ca_file)
        except OSError as error:
            raise ConfigurationError(f"{self._profile.ca_file}: no file of certificates in PEM form: {_say(error)}") from None
        return http.client.HTTPSConnection(host, parts.port, timeout=self._timeout_seconds, context=context)


def open_client(url: str | None, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Client:
    """The client of this process's environment, folder and home."""
    return Client(load_profile(url, os.environ, folder=Path.cwd(), home=Path.home()), timeout_seconds=timeout_seconds)


def part(text: object) -> str:
    """A part of a path, quoted."""
    return quote_part(str(text), safe="")


def to_error(status: int, content_type: str, body: bytes, *, where: str) -> MusterError:
    """The error of a refusal: what the collector's problem says, else what the status says."""
    problem = _parse_problem(content_type, body)
    detail = problem.detail or problem.title if problem else ""
    path = f"{problem.path}: " if problem and problem.path else ""
    text = f"{path}{detail or http.client.responses.get(status, 'refused')} ({where.partition(' ')[0]} answered {status})"
    if not problem:
        text = f"{where} answered {status} {http.client.responses.get(status, '')}; is this a Muster collector?"
    if status in {409, 412}:
        return ConflictError(text, code=problem.code if problem else "conflict")
    if status >= 500:
        return UnavailableError(text)
    kind = _REFUSALS.get(status)
    return InputError(text, path="") if kind is None else kind(text)


def _parse_problem(content_type: str, body: bytes) -> Problem | None:
    if content_type != CONTENT_TYPE_PROBLEM:
        return None
    try:
        return msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _to_query(query: Mapping[str, object]) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        given = [each for each in (value if isinstance(value, list | tuple) else [value]) if each is not None and each != ""]
        pairs += [(name, str(each).lower() if isinstance(each, bool) else str(each)) for each in given]
    return f"?{urlencode(pairs)}" if pairs else ""


def _say(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
