"""Language, theme and time zone of the reader, kept in cookies of this browser."""

from __future__ import annotations

from zoneinfo import available_timezones

from aiohttp import web

from collector.web.language import LANGUAGES
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.return_address import safe_return
from collector.web.visit import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, ZONE_COOKIE, visit_of

YEAR_SECONDS = 365 * 86_400
# Zones that are names of places; the rest are old spellings and offsets.
_AREAS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


async def show(request: web.Request) -> web.Response:
    visit = visit_of(request)
    zones = ["UTC", *sorted(name for name in available_timezones() if name.startswith(_AREAS))]
    return await respond(request, "preferences.html", visit=visit, zones=zones, chosen_zone=request.cookies.get(ZONE_COOKIE, ""))


async def change(request: web.Request) -> web.Response:
    """Each field that is sent and known becomes a cookie; an empty zone goes back to the server's."""
    form = await request.post()
    response = web.Response(status=303, headers={"Location": safe_return(str(form.get("return", "/")))})
    known = {LANGUAGE_COOKIE: ("language", set(LANGUAGES)), THEME_COOKIE: ("theme", set(THEMES)), ZONE_COOKIE: ("zone", available_timezones())}
    for cookie, (name, allowed) in known.items():
        value = str(form.get(name, ""))
        if value in allowed:
            response.set_cookie(cookie, value, max_age=YEAR_SECONDS, path="/", samesite="Lax", secure=request.secure, httponly=True)
    if form.get("zone") == "":
        response.del_cookie(ZONE_COOKIE, path="/")
    return response


PAGE = PageModule(
    "preferences",
    "Language, theme and time zone of this browser",
    (Route("GET", "/preferences", show, "open"), Route("POST", "/preferences", change, "open")),
)
