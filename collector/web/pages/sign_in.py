"""Signing in by name and password or by a one-time link, and signing out."""

from __future__ import annotations

from aiohttp import web

from collector.api.authentication import TooManyAttemptsError
from collector.api.keys import AUTH, IDENTITY
from collector.api.session_cookie import drop_session, session_secret, set_session, sign_in_by_link
from collector.web.page import PageModule, Route
from collector.web.rendering import respond
from collector.web.return_address import safe_return
from collector.web.view.wording import N_
from collector.web.visit import visit_of
from muster.errors import AuthenticationError

USED_LINK = N_('This link has been used or has expired. Make a new one with "muster user link", or sign in by name.')
TOO_MANY = N_("Too many tries. Wait a minute, then try again.")
WRONG = N_("The name or the password is wrong.")


async def show(request: web.Request) -> web.StreamResponse:
    """The form; a link with a token signs in at once. Whoever is signed in already is led on."""
    if request.query.get("token"):
        try:
            return await sign_in_by_link(request)
        except AuthenticationError:
            return await _show_form(request, USED_LINK, back="/", name="", status=401)
    back = safe_return(request.query.get("return", "/"))
    if request.get(IDENTITY) is not None:
        return web.Response(status=303, headers={"Location": back})
    return await _show_form(request, "", back=back, name="", status=200)


async def sign_in(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    name, back = str(form.get("name", ""))[:128], safe_return(str(form.get("return", "/")))
    try:
        made = await request.app[AUTH].sign_in_with_password(name, str(form.get("password", ""))[:1024], peer=request.remote or "")
    except TooManyAttemptsError:
        return await _show_form(request, TOO_MANY, back=back, name=name, status=429)
    except AuthenticationError:
        return await _show_form(request, WRONG, back=back, name=name, status=401)
    response = web.Response(status=303, headers={"Location": back})
    set_session(request, response, made)
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """Ends the session; without one there is nothing to end."""
    secret = session_secret(request)
    if secret is not None:
        await request.app[AUTH].sign_out(secret)
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    drop_session(request, response)
    return response


async def _show_form(request: web.Request, fault: str, *, back: str, name: str, status: int) -> web.Response:
    visit = visit_of(request)
    said = visit.viewpoint.say(fault) if fault else ""
    return await respond(request, "sign_in.html", visit=visit, status=status, fault=said, back=back, name=name)


PAGE = PageModule(
    "sign_in",
    "Signing in and out",
    (
        Route("GET", "/sign-in", show, "open"),
        Route("POST", "/sign-in", sign_in, "open"),
        Route("POST", "/sign-out", sign_out, "open"),
    ),
)
