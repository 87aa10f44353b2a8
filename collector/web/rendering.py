"""Templates to responses, one environment for each language; everything is escaped."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collector.web.language import LANGUAGES, load_words
from collector.web.view.moment import say_exact, zone_name
from collector.web.visit import Visit, refresh_counts, visit_of

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def load_environment(tag: str) -> Environment:
    """The templates in one language. A name that a page did not give is an error, never an empty place."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    words = load_words(tag)
    environment.install_gettext_callables(words.translations.gettext, words.translations.ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    environment.globals.update(LANGUAGES=LANGUAGES, with_query=with_query, own_address=own_address, number=lambda value: f"{value:,}")
    return environment


def with_query(visit: Visit, **changes: Any) -> str:
    """The page's own address with some parameters changed; None takes one away."""
    query = {**visit.query, **changes}
    kept = {name: str(value) for name, value in query.items() if value is not None and value != ""}
    return f"{visit.path}?{urlencode(kept)}" if kept else visit.path


def own_address(visit: Visit) -> str:
    """Where a form of the frame leads back to: this page, or the first one where this may not be asked for again."""
    return with_query(visit, done=None) if visit.is_repeatable else "/"


def render_page(template: str, visit: Visit, **values: Any) -> str:
    """The page as HTML."""
    viewpoint = visit.viewpoint
    environment = load_environment(viewpoint.words.tag)
    named = {"visit": visit, "asset": visit.assets.address, "zone": viewpoint.zone.key, "zone_name": zone_name(viewpoint.now, viewpoint)}
    return environment.get_template(template).render({**named, "made_at": say_exact(viewpoint.now, viewpoint), **values})


async def respond(request: web.Request, template: str, *, status: int = 200, visit: Visit | None = None, **values: Any) -> web.Response:
    """A page, with the navigation's counts where somebody is signed in."""
    visit = visit or visit_of(request)
    if visit.identity is not None:
        await refresh_counts(request)
    text = render_page(template, visit, **values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers={"Vary": "Cookie, Accept-Language"})
