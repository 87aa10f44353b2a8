"""What a page declares (`PAGE`): its routes and who may use them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from collector.api.identity import Access

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One route. `access`: the least role; `open` needs no session. `form_limit`: bytes of a form, where it may be larger than others."""

    method: str
    path: str
    handler: Handler
    access: Access = "viewer"
    form_limit: int = 0


@dataclass(frozen=True)
class PageModule:
    """One page: `name` is its module's, `summary` is shown in the documentation."""

    name: str
    summary: str
    routes: tuple[Route, ...]
