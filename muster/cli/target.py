"""`muster target`: the tools that receive incidents."""

from __future__ import annotations

from typing import Annotated

import typer

from muster.cli.client import open_client, part
from muster.cli.output import Output, OutputOption, UrlOption, column, show_list, tell
from muster.errors import UnavailableError

COMMANDS = typer.Typer(help="Tools that receive incidents (targets.d).", no_args_is_help=True)


@COMMANDS.command("list")
def list_targets(output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List the targets in force."""
    show_list([{"id": each} for each in open_client(url).get("/v1/targets")["items"]], [column("id")], output)


@COMMANDS.command("test")
def send_test(target: Annotated[str, typer.Argument(help="The target's id.")], output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Send one marked test delivery and say what the target answered."""
    answer = open_client(url).send("POST", f"/v1/targets/{part(target)}/test")
    if answer["outcome"] != "delivered":
        raise UnavailableError(f"{target} did not take it ({answer['outcome']}): {answer['detail']}; see targets.d and docs/incidents.md")
    tell(f"{target} took it: {answer['detail']}", answer, output)


@COMMANDS.command()
def replay(target: Annotated[str, typer.Argument(help="The target's id.")], output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Send its dead letters again, with the same ids."""
    answer = open_client(url).send("POST", f"/v1/targets/{part(target)}/replay")
    tell(f"dead letters of {target} that are sent again: {answer['replayed']}", answer, output)
