"""`muster token`: credentials of enrolments, programs and sources. A token is shown once, when it is made."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.output import Output, OutputOption, UrlOption, column, instant, show_list, tell
from muster.errors import ConfigurationError, quote
from muster.model.query import parse_duration

COMMANDS = typer.Typer(help="Tokens of enrolments, programs and sources.", no_args_is_help=True)
COLUMNS = (
    column("id"),
    column("kind"),
    column("name"),
    column("role"),
    column("scope"),
    column("uses left", "uses_left"),
    column("created", "created_at", read=instant),
    column("expires", "expires_at", read=instant),
    column("revoked", "revoked_at", read=instant),
    column("last used", "last_used_at", read=instant),
)
SCOPES = {"kind": "kinds", "name": "names", "zone": "zones", "class": "classes", "range": "ranges"}


class Kind(enum.StrEnum):
    """What a token is for."""

    ENROLMENT = "enrolment"
    API = "api"
    SOURCE = "source"


class Role(enum.StrEnum):
    """What the holder may do."""

    VIEWER = "viewer"
    AUDITOR = "auditor"
    CONFIGURATION_MANAGER = "configuration_manager"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


@COMMANDS.command("list")
def list_tokens(output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List tokens, never their secrets."""
    show_list(open_client(url).get("/v1/tokens")["items"], COLUMNS, output)


@COMMANDS.command()
def create(
    kind: Annotated[Kind, typer.Argument(help="enrolment: for agents and discovery to introduce themselves; api: for a program.")],
    name: Annotated[str, typer.Argument(help="What it is for, as lists and the audit trail show it.")],
    *,
    role: Annotated[Role | None, typer.Option(help="Of an api token; without: viewer.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it holds, for example 24h or 30d; without: until it is revoked.")] = None,
    uses: Annotated[int | None, typer.Option(min=1, help="How often it can be used; without: any number.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="What a source may claim: kind=, name=, zone=, class= or range=; again for several.")
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Make a token. It is printed alone on a line, so that a file can take it; it is never shown again."""
    body: dict[str, Any] = {"kind": kind.value, "name": name, "role": role.value if role else "viewer" if kind is Kind.API else None, "uses": uses}
    if expires is not None:
        body["expires_in_seconds"] = parse_duration(expires)
        if not body["expires_in_seconds"]:
            raise ConfigurationError(f"--expires {quote(expires)} is no duration; write for example 24h or 30d")
    if scope:
        body["scope"] = _parse_scope(scope)
    made = open_client(url).send("POST", "/v1/tokens", body)
    tell(made["token"], made, output)


@COMMANDS.command()
def revoke(
    token: Annotated[str, typer.Argument(help="The token's id, as in the list.")], output: OutputOption = Output.TABLE, url: UrlOption = None
) -> None:
    """Refuse a token from the next request on."""
    tell(f"token {token} is refused from now on", open_client(url).send("DELETE", f"/v1/tokens/{part(token)}"), output)


def _parse_scope(given: list[str]) -> dict[str, list[str]]:
    """`zone=berlin` twice gives {"zones": [...]}. Raises ConfigurationError."""
    scope: dict[str, list[str]] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if name not in SCOPES or not equals or not value:
            known = ", ".join(f"{each}=…" for each in SCOPES)
            raise ConfigurationError(f"--scope {quote(each)} is no scope; write one of {known}")
        scope.setdefault(SCOPES[name], []).append(value)
    return scope
