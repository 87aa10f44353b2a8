"""Errors to RFC 9457 problems: the one place where an exception becomes a status. Nothing of a traceback reaches a caller."""

from __future__ import annotations

import http
import math
from typing import Any

import msgspec
from aiohttp import web

from collector.api.authentication import TooManyAttemptsError
from muster.errors import (
    AuthenticationError,
    AuthorisationError,
    ConfigurationError,
    ConflictError,
    DocumentError,
    InputError,
    MusterError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from muster.wire.problem import CONTENT_TYPE_PROBLEM, Problem, problem_type

DETAIL_LIMIT = 2_000
# What a failed precondition is called by those who raise it; everything else in conflict is 409.
PRECONDITIONS = frozenset({"version-moved", "precondition-failed"})


class MediaTypeError(InputError):
    """The body's content type or encoding is none that is taken. Answered 415."""


class TimeExceededError(MusterError, TimeoutError):
    """The body did not arrive in time. Answered 408."""


class PreconditionMissingError(MusterError):
    """A write without If-Match where it is needed. Answered 428."""


# The first that fits; sub-classes stand before what they derive from.
_STATUSES: tuple[tuple[type[MusterError], int, str], ...] = (
    (TooManyAttemptsError, 429, "too-many-requests"),
    (TimeExceededError, 408, "body-too-slow"),
    (PreconditionMissingError, 428, "if-match-missing"),
    (MediaTypeError, 415, "unsupported-media-type"),
    (TooLargeError, 413, "too-large"),
    (InputError, 422, "invalid"),
    (AuthenticationError, 401, "unauthenticated"),
    (AuthorisationError, 403, "forbidden"),
    (NotFoundError, 404, "not-found"),
    (UnavailableError, 503, "unavailable"),
    (ConfigurationError, 422, "invalid"),
)


def to_problem(error: BaseException) -> tuple[Problem, dict[str, str], dict[str, Any]]:
    """The problem of an error, headers that go with it, and members beyond the standard ones."""
    if isinstance(error, web.HTTPException):
        return _of_status(error)
    if isinstance(error, ConflictError):
        status = 412 if error.code in PRECONDITIONS else 409
        more = {"current": error.current} if error.current is not None else {}
        return _problem(status, error.code, str(error)), {}, more
    for kind, status, code in _STATUSES:
        if isinstance(error, kind):
            return _described(error, status, code), _headers_of(error, status), _members_of(error)
    return _problem(500, "internal", "the collector failed; its log tells why"), {}, {}


def render_problem(problem: Problem, headers: dict[str, str], more: dict[str, Any]) -> web.Response:
    """The problem as a response."""
    content = {**more, **msgspec.to_builtins(problem)}
    return web.Response(body=msgspec.json.encode(content), status=problem.status, headers=headers, content_type=CONTENT_TYPE_PROBLEM)


def _described(error: MusterError, status: int, code: str) -> Problem:
    path = error.path if isinstance(error, InputError | DocumentError) else ""
    detail = error.message if isinstance(error, InputError) else str(error)
    return _problem(status, code, detail, path=path)


def _problem(status: int, code: str, detail: str, *, path: str = "") -> Problem:
    title = http.HTTPStatus(status).phrase
    return Problem(title=title, status=status, type=problem_type(code), detail=detail[:DETAIL_LIMIT], path=path)


def _of_status(error: web.HTTPException) -> tuple[Problem, dict[str, str], dict[str, Any]]:
    """aiohttp's own: not found, method not allowed, a body over its limit."""
    codes = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}
    details = {404: "there is nothing under this path", 405: "this path does not take this method", 413: "the body is over the limit"}
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return _problem(error.status, codes.get(error.status, "http"), details.get(error.status, error.reason)), headers, {}


def _headers_of(error: MusterError, status: int) -> dict[str, str]:
    if isinstance(error, UnavailableError) and error.retry_after_seconds is not None:
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_seconds)))}
    if status == 503:
        return {"Retry-After": "5"}
    return {"WWW-Authenticate": 'Bearer realm="muster"'} if status == 401 else {}


def _members_of(error: MusterError) -> dict[str, Any]:
    if isinstance(error, DocumentError):
        return {"file": error.file, "line": error.line}
    return {"limit_bytes": error.limit_bytes} if isinstance(error, TooLargeError) else {}
