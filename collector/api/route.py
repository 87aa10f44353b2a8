"""One route as a resource declares it: routing, authorisation, OpenAPI and the tests all come from this record.

A module of `collector/api/resource/` declares `RESOURCE`; its name is the module's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from collector.api.identity import Access

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
JSON = "application/json"


@dataclass(frozen=True)
class Route:
    """One route. `access`: the least role, or `open`.

    `query`: a struct of its parameters. `body`: the type of a JSON body. `answer`: the type of the answer, None: none (204) or not JSON
    (`answer_type`). `item`: what a Page holds. `statuses`: problems of its own beside those that any route may answer. `body_limit`: bytes
    of a body, where it may be larger than others.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    summary: str
    query: type[Any] | None = None
    body: Any = None
    answer: Any = None
    item: Any = None
    status: int = 200
    body_types: tuple[str, ...] = (JSON,)
    answer_type: str = JSON
    statuses: tuple[int, ...] = ()
    has_etag: bool = False
    needs_match: bool = False
    body_limit: int = 0

    @property
    def key(self) -> str:
        """`GET /v1/cis/{id}`: unique among all routes."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Resource:
    """The routes of one noun."""

    name: str
    summary: str
    routes: tuple[Route, ...]
