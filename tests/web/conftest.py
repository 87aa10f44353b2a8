"""The real application over a filled store, and a real browser to read it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from collector.store.engine import open_database
from collector.store.migrate import migrate_database
from tests.conftest import missing
from tests.support.chromium import EXECUTABLE, Watched, make_context, open_browser, watch
from tests.support.estate_fixture import fill_estate
from tests.support.page_server import PageServer, serving


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server of its own for each module, so that decisions of one are not seen by another."""
    folder = tmp_path_factory.mktemp("pages")
    database = open_database(f"sqlite:///{folder / 'estate.db'}")
    migrate_database(database)
    filled = fill_estate(database)
    with serving(filled, folder) as server:
        yield server
    database.close()


@pytest.fixture(scope="module")
def browser(pages: PageServer) -> Iterator[Browser]:
    """After the server, since the driver holds this thread's event loop until the module ends."""
    if not Path(EXECUTABLE).exists():
        missing(f"the browser {EXECUTABLE}")
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def read(pages: PageServer, browser: Browser) -> Iterator[Callable[[str, str], Watched]]:
    """A page of kim's browser in a language and theme, the same one for the whole module: for tests that only look."""
    known: dict[tuple[str, str], Watched] = {}

    def start(language: str, theme: str) -> Watched:
        if (language, theme) not in known:
            context = make_context(browser, pages.url, cookie=pages.cookies["kim"], language=language, theme=theme)
            known[language, theme] = watch(context, pages.url)
        watched = known[language, theme]
        watched.foreign.clear()
        watched.console.clear()
        return watched

    yield start
    for each in known.values():
        each.page.context.close()


@pytest.fixture
def visit(pages: PageServer, browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Opens a page as somebody: `visit(who="ada", language="zh-Hans", ...)`; `who` None: not signed in."""
    contexts = []

    def start(*, who: str | None = "kim", **options: Any) -> Watched:
        context = make_context(browser, pages.url, cookie=pages.cookies[who] if who else None, **options)
        contexts.append(context)
        return watch(context, pages.url)

    yield start
    for each in contexts:
        each.close()
