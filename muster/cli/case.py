"""`muster case`: questions of identity or mass loss that wait for a person."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.output import Output, OutputOption, UrlOption, column, instant, show_one, tell

COMMANDS = typer.Typer(help="Cases: questions of identity or mass loss that wait for a person.", no_args_is_help=True)
COLUMNS = (
    column("id"),
    column("kind"),
    column("state"),
    column("cis", "members", read=lambda members: [f"{each['name']} ({each['number']})" for each in members]),
    column("opened", "opened_at", read=instant),
)


class Action(enum.StrEnum):
    """What can be decided."""

    SAME = "same"
    DIFFERENT = "different"
    RELEASE = "release"
    CONFIRM = "confirm"
    DISMISS = "dismiss"


CaseArgument = Annotated[str, typer.Argument(help="The case's id, as in the list.")]


@COMMANDS.command("list")
def list_cases(
    state: Annotated[list[str] | None, typer.Option("--state", help="open (default), resolved or dismissed; again for several.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List open cases, newest first."""
    show_pages(open_client(url), "/v1/cases", COLUMNS, output, limit=limit, state=state)


@COMMANDS.command()
def show(case: CaseArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """One case: whom it concerns and what speaks for what."""
    found: dict[str, Any] = open_client(url).get(f"/v1/cases/{part(case)}")
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    rows += [("evidence", {name: value}) for name, value in found["evidence"].items()]
    show_one(found, rows, output)


@COMMANDS.command()
def resolve(
    case: CaseArgument,
    action: Annotated[
        Action,
        typer.Argument(help="same or different: what the records are; release: the loss is real; confirm: it is as the case says; dismiss: nothing."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Decide a case."""
    made = open_client(url).send("POST", f"/v1/cases/{part(case)}/decision", {"action": action.value, "reason": reason})
    tell(f"case {case}: {action.value}; undo with: muster difference undo {made['id']}", made, output)
