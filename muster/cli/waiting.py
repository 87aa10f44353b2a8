"""`muster waiting`: decisions that a second person must confirm."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption
from muster.cli.output import Output, OutputOption, UrlOption, column, counted, instant, show_list, tell

COMMANDS = typer.Typer(help="Decisions that wait for a second person.", no_args_is_help=True)
COLUMNS = (
    column("id"),
    column("decision", "kind"),
    column("made by", "made_by"),
    column("at", read=instant),
    column("differences", "difference_ids", read=len),
    column("asked by", "requirement"),
    column("reason"),
    column("state"),
)
StateOption = Annotated[list[str] | None, typer.Option("--state", help="waiting (default), confirmed or withdrawn; again for several.")]
IdArgument = Annotated[str, typer.Argument(help="The decision's id, as in the list.")]


@COMMANDS.command("list")
def list_waiting(state: StateOption = None, limit: LimitOption = DEFAULT_LIMIT, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List what waits, the oldest first."""
    found: list[dict[str, Any]] = open_client(url).get("/v1/waiting-decisions", state=state, limit=limit or 500)["items"]
    show_list(found, COLUMNS, output)


@COMMANDS.command()
def confirm(waiting: IdArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Confirm what somebody else decided; then it is carried out."""
    made = open_client(url).send("POST", f"/v1/waiting-decisions/{part(waiting)}/confirm", None)
    tell(f"carried out; undo with: muster difference undo {made['id']}", made, output)


@COMMANDS.command()
def withdraw(waiting: IdArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """It is not decided after all."""
    made = open_client(url).send("POST", f"/v1/waiting-decisions/{part(waiting)}/withdraw", None)
    tell(f"withdrawn; to be decided again: {counted(len(made['difference_ids']), 'difference')}", made, output)
