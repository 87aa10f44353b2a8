"""What a request brings along that every page shows: language, theme, time zone, who reads, and the counts of the navigation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from aiohttp import web

from collector.api.identity import Identity
from collector.api.keys import CLOCK, IDENTITY, READER, SETTINGS
from collector.web.asset import Assets
from collector.web.language import choose_language, load_words
from collector.web.view.viewpoint import Viewpoint
from collector.web.zone import server_zone
from muster.errors import MusterError
from muster.ports import Overview

THEMES = ("auto", "light", "dark")
LANGUAGE_COOKIE, THEME_COOKIE, ZONE_COOKIE = "muster_language", "muster_theme", "muster_zone"
COUNT_SECONDS = 5.0
PAGE_ROWS = 500
# Addresses that nobody is led back to.
UNREPEATABLE = frozenset({"/sign-in"})


@dataclass
class NavigationCounts:
    """How much waits for a person, read at most every five seconds however many pages are asked for."""

    differences: int = 0
    cases: int = 0
    incidents: int = 0
    read_at: float = -COUNT_SECONDS

    def is_old(self, now_seconds: float) -> bool:
        return now_seconds - self.read_at >= COUNT_SECONDS

    def forget(self) -> None:
        """The next page counts anew: somebody has just decided something."""
        self.read_at = float("-inf")

    def take(self, overview: Overview, now_seconds: float) -> None:
        self.differences = sum(overview.open_differences.values())
        self.cases = sum(overview.open_cases.values())
        self.incidents = sum(overview.incidents.values())
        self.read_at = now_seconds


ASSETS: web.AppKey[Assets] = web.AppKey("assets", Assets)
COUNTS: web.AppKey[NavigationCounts] = web.AppKey("navigation_counts", NavigationCounts)


@dataclass(frozen=True)
class Visit:
    """One request as templates see it. `query`: the last value of each parameter."""

    viewpoint: Viewpoint
    theme: str
    identity: Identity | None
    path: str
    query: Mapping[str, str]
    counts: NavigationCounts
    assets: Assets
    is_repeatable: bool = True

    @property
    def csrf(self) -> str:
        return self.identity.csrf if self.identity else ""

    def may(self, access: str) -> bool:
        """Whether the reader's role includes an access."""
        return self.identity is not None and self.identity.may(access)


def zone_of(name: str | None) -> ZoneInfo:
    """The reader's zone where the name is one, else the server's."""
    return ZoneInfo(name) if name and name in available_timezones() else server_zone()


def visit_of(request: web.Request) -> Visit:
    """The request's visit. Its identity is None on open pages without a session."""
    identity = request.get(IDENTITY)
    cookies = request.cookies
    account = identity.language if identity else None
    tag = choose_language(cookies.get(LANGUAGE_COOKIE), account, request.headers.get("Accept-Language", ""))
    theme = cookies.get(THEME_COOKIE, "auto")
    return Visit(
        viewpoint=Viewpoint(load_words(tag), zone_of(cookies.get(ZONE_COOKIE)), request.app[CLOCK].now_ms()),
        theme=theme if theme in THEMES else "auto",
        identity=identity,
        path=request.path,
        query=dict(request.query),
        counts=request.app[COUNTS],
        assets=request.app[ASSETS],
        is_repeatable=request.method == "GET" and request.path not in UNREPEATABLE,
    )


def origin_of(request: web.Request) -> str:
    """Where sources find this collector: its public address, else the one that the reader's browser used."""
    return request.app[SETTINGS].public_url.rstrip("/") or str(request.url.origin())


async def refresh_counts(request: web.Request) -> None:
    """Read the counts anew where they are old; a store that cannot serve leaves the last ones."""
    counts = request.app[COUNTS]
    if not counts.is_old(time.monotonic()):
        return
    try:
        counts.take(await load(request, "overview"), time.monotonic())
    except MusterError:
        counts.read_at = time.monotonic()


async def load(request: web.Request, name: str, *arguments: Any, **options: Any) -> Any:
    """A read of the store in a thread, since it blocks."""
    return await asyncio.to_thread(getattr(request.app[READER], name), *arguments, **options)


async def load_all(request: web.Request, name: str, limit: int, **options: Any) -> list[Any]:
    """All pages of a list of the store, at most `limit` rows, read in one thread."""

    def read() -> list[Any]:
        found: list[Any] = []
        cursor: str | None = None
        while True:
            page = getattr(request.app[READER], name)(cursor=cursor, limit=PAGE_ROWS, **options)
            found += page.items
            cursor = page.next_cursor
            if cursor is None or len(found) >= limit:
                return found[:limit]

    return await asyncio.to_thread(read)
