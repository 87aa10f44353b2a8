"""`muster finding`: disagreements that verifications found, until they are corrected."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.output import Column, Output, OutputOption, UrlOption, column, instant, show_one, tell

COMMANDS = typer.Typer(help="Findings of verifications: who corrects what by when.", no_args_is_help=True)
FindingArgument = Annotated[str, typer.Argument(help="The finding's number, as in the list.")]
COLUMNS = (
    column("number"),
    column("verification"),
    column("ci", "ci", "name"),
    column("class", "ci", "class"),
    column("attribute"),
    column("recorded"),
    column("observed"),
    column("owner"),
    column("due", "due_at", read=instant),
    Column("late", lambda item: "overdue" if item["is_overdue"] else None),
    column("state"),
    column("action"),
)


@COMMANDS.command("list")
def list_findings(
    *,
    state: Annotated[list[str] | None, typer.Option("--state", help="open (default) or closed; again for both.")] = None,
    owner: Annotated[str, typer.Option("--owner", help="Only of this person.")] = "",
    overdue: Annotated[bool, typer.Option("--overdue", help="Only open ones whose due date has passed.")] = False,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List findings, what is due first first."""
    show_pages(open_client(url), "/v1/findings", COLUMNS, output, limit=limit, state=state, owner=owner, overdue=overdue or None)


@COMMANDS.command()
def show(finding: FindingArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """One finding."""
    found: dict[str, Any] = open_client(url).get(f"/v1/findings/{part(finding)}")
    show_one(found, [(each.name, each.read(found)) for each in COLUMNS], output)


@COMMANDS.command()
def change(
    finding: FindingArgument,
    *,
    owner: Annotated[str | None, typer.Option("--owner", help="Who corrects it from now on.")] = None,
    due: Annotated[str | None, typer.Option("--due", help="By when: RFC 3339.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="What is being done.")] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Give it to somebody else, move its date, or write down what is being done."""
    client = open_client(url)
    _, etag = client.get_tagged(f"/v1/findings/{part(finding)}")
    body = {name: value for name, value in {"owner": owner, "due_at": due, "action": action}.items() if value is not None}
    done = client.send("PATCH", f"/v1/findings/{part(finding)}", body, etag=etag)
    tell(f"finding {done['number']}: {done['owner']}, due {instant(done['due_at'])}", done, output)


@COMMANDS.command()
def close(
    finding: FindingArgument,
    action: Annotated[str, typer.Option("--action", help="What was done; needed where nothing was written down before.")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Close it: it is corrected."""
    done = open_client(url).send("POST", f"/v1/findings/{part(finding)}/close", {"action": action})
    tell(f"finding {done['number']} is closed: {done['action']}", done, output)
