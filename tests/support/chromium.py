"""A real browser with no network of its own, and what a page may be asked about: violations, requests, contrast, names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

FOLDER = Path(__file__).parent
EXECUTABLE = os.environ.get("MUSTER_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_WATCH = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', (event) => window.__violations.push(event.violatedDirective + ' ' + event.blockedURI));
"""
_CONTRAST = (FOLDER / "page_contrast.js").read_text(encoding="utf-8")
_NAMES = (FOLDER / "page_names.js").read_text(encoding="utf-8")


@dataclass
class Watched:
    """A page and what was noticed while it loaded and was used."""

    page: Page
    base: str
    foreign: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def open(self, path: str) -> int:
        """Load a path with its scripts; the status."""
        response = self.page.goto(self.base + path, wait_until="load")
        assert response is not None
        return response.status

    def violations(self) -> list[str]:
        found: list[str] = self.page.evaluate("window.__violations || []")
        return found

    def low_contrast(self) -> list[str]:
        found = self.page.evaluate(_CONTRAST)
        assert found["seen"] > 5, "the page shows next to nothing"
        faults: list[str] = found["faults"]
        return faults

    def naming_faults(self) -> list[str]:
        found: list[str] = self.page.evaluate(_NAMES)
        return found

    def overflow(self, width: int, height: int) -> int:
        """Pixels by which the page is wider than a window of this size."""
        self.page.set_viewport_size({"width": width, "height": height})
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium, ended with the context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def make_context(
    browser: Browser, base: str, *, cookie: dict[str, str] | None = None, language: str = "en", theme: str = "light", size: str = "1366x768",
    has_script: bool = True,
) -> BrowserContext:  # fmt: skip
    """A fresh browser profile, signed in with a cookie where one is given."""
    width, height = (int(each) for each in size.split("x"))
    context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=has_script)
    chosen = [{"name": "muster_language", "value": language, "url": base}, {"name": "muster_theme", "value": theme, "url": base}]
    context.add_cookies([*chosen, *([cookie] if cookie else [])])  # type: ignore[list-item]  # plain dictionaries of the right shape
    context.add_init_script(_WATCH)
    context.set_default_timeout(15_000)
    return context


def watch(context: BrowserContext, base: str) -> Watched:
    """A new page whose foreign requests and console errors are noted."""
    watched = Watched(context.new_page(), base)
    host = urlsplit(base).netloc

    def note_request(request: Request) -> None:
        if urlsplit(request.url).netloc != host and not request.url.startswith("data:"):
            watched.foreign.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            watched.console.append(message.text)

    watched.page.on("request", note_request)
    watched.page.on("console", note_message)
    watched.page.on("pageerror", lambda error: watched.console.append(str(error)))
    return watched
