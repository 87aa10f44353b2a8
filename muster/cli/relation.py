"""`muster relation`: the types of relations, and relations that people put on record."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from muster.cli.client import open_client
from muster.cli.output import Output, OutputOption, UrlOption, column, localised, show_list, tell

COMMANDS = typer.Typer(help="Relations on record.", no_args_is_help=True)
COLUMNS = (
    column("type", "name"),
    column("label", read=localised),
    column("inverse", read=localised),
    column("mode"),
    column("directed", "is_directed"),
    column("one parent", "has_one_parent"),
    column("propagates"),
    column("from", "from_classes"),
    column("to", "to_classes"),
)
FromArgument = Annotated[str, typer.Argument(help="Where it begins: id or number of a CI on record.")]
TypeArgument = Annotated[str, typer.Argument(help="Its type, as `muster relation types` lists.")]
ToArgument = Annotated[str, typer.Argument(help="Where it ends.")]
QualifierOption = Annotated[str, typer.Option("--qualifier", help="What tells it from others between the same two, for example a port.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]


@COMMANDS.command()
def types(output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List the types of relations."""
    found: list[dict[str, Any]] = open_client(url).get("/v1/relation-types")["items"]
    show_list(found, COLUMNS, output)


@COMMANDS.command()
def add(
    begins: FromArgument,
    kind: TypeArgument,
    ends: ToArgument,
    *,
    qualifier: QualifierOption = "",
    reason: ReasonOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Put a relation on record; where a thing has one parent, in place of the one before."""
    body = {"type": kind, "from": begins, "to": ends, "qualifier": qualifier, "reason": reason}
    made = open_client(url).send("POST", "/v1/relations", body)
    tell(f"recorded; undo with: muster difference undo {made['id']}", made, output)


@COMMANDS.command()
def remove(
    begins: FromArgument,
    kind: TypeArgument,
    ends: ToArgument,
    *,
    qualifier: QualifierOption = "",
    reason: ReasonOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Take a relation off the record."""
    body = {"type": kind, "from": begins, "to": ends, "qualifier": qualifier, "reason": reason, "remove": True}
    made = open_client(url).send("POST", "/v1/relations", body)
    tell(f"off the record; undo with: muster difference undo {made['id']}", made, output)
