"""`muster pin`: values that people hold against every source."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from muster.cli.ci import parse_values
from muster.cli.client import open_client
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.output import Output, OutputOption, UrlOption, column, instant, tell
from muster.errors import ConfigurationError

COMMANDS = typer.Typer(help="Pins: values held against every source, with reason, owner and an end.", no_args_is_help=True)
COLUMNS = (
    column("number", "ci", "number"),
    column("ci", "ci", "name"),
    column("attribute"),
    column("value"),
    column("owner"),
    column("until", "expires_at", read=instant),
    column("reason"),
    column("by", "held_by"),
)
OwnerOption = Annotated[str | None, typer.Option(help="Those held for this person.")]


@COMMANDS.command("list")
def list_pins(
    query: Annotated[list[str] | None, typer.Argument(help="Query over their CIs.")] = None,
    owner: OwnerOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List pins, those that end first before the others."""
    show_pages(open_client(url), "/v1/pins", COLUMNS, output, limit=limit, query=" ".join(query or []), owner=owner)


@COMMANDS.command("set")
def set_pin(
    ci: Annotated[str, typer.Argument(help="The CI's number or id.")],
    value: Annotated[str, typer.Argument(help="attribute=value; JSON for what is no text.")],
    *,
    reason: Annotated[str, typer.Option(help="Why.")],
    owner: Annotated[str, typer.Option(help="For whom; who answers for it.")],
    until: Annotated[str | None, typer.Option(help="When it ends (RFC 3339); without: until it is taken off.")] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Hold a value. What sources say stays in sight and is counted as a pinned difference."""
    [(attribute, held)] = parse_values([value]).items()
    if held is None:
        raise ConfigurationError(f"a pin needs a value; write {attribute}=VALUE, or `muster pin release {ci} {attribute}` to take it off")
    body = {"ci": ci, "attribute": attribute, "value": held, "reason": reason, "owner": owner, "expires_at": until}
    made: dict[str, Any] = open_client(url).send("POST", "/v1/pins", body)
    tell(f"{attribute} is held; `muster difference undo {made['id']}` takes it back", made, output)


@COMMANDS.command()
def release(
    ci: Annotated[str | None, typer.Argument(help="The CI's number or id.")] = None,
    attribute: Annotated[str | None, typer.Argument(help="The attribute that is held.")] = None,
    *,
    query: Annotated[str | None, typer.Option(help="All pins of the CIs that this finds, in place of one.")] = None,
    owner: OwnerOption = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Take one pin off, or all that a query and an owner find, as one decision."""
    body: dict[str, Any] = {"reason": reason}
    if ci is not None and attribute is not None and query is None and owner is None:
        body["pins"] = [{"ci": ci, "attribute": attribute}]
    elif ci is None and (query is not None or owner is not None):
        body |= {"query": query or "", "owner": owner}
    else:
        raise ConfigurationError("which pins? Write a CI and an attribute, or --query, or --owner")
    made: dict[str, Any] = open_client(url).send("POST", "/v1/pins/release", body)
    tell(f"taken off; `muster difference undo {made['id']}` puts them back", made, output)
