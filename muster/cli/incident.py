"""`muster incident`: what is wrong, since when, who was told, and who took it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.output import Output, OutputOption, UrlOption, column, instant, localised, show_one, tell

COMMANDS = typer.Typer(help="Incidents: what is wrong, who was told, who took it.", no_args_is_help=True)
COLUMNS = (
    column("number"),
    column("state"),
    column("priority"),
    column("severity"),
    column("title", read=localised),
    column("ci", "ci", "name"),
    column("services"),
    column("started", "started_at", read=instant),
    column("resolved", "resolved_at", read=instant),
)
UNRESOLVED = ["pending", "open", "acknowledged"]
IncidentArgument = Annotated[str, typer.Argument(help="The incident's number or id.")]


@COMMANDS.command("list")
def list_incidents(
    state: Annotated[list[str] | None, typer.Option("--state", help="pending, open, acknowledged, resolved or closed; again for several.")] = None,
    service: Annotated[str | None, typer.Option(help="Of this service only.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also resolved and closed ones.")] = False,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List incidents that are not resolved, newest first."""
    states = state or ([] if every else UNRESOLVED)
    show_pages(open_client(url), "/v1/incidents", COLUMNS, output, limit=limit, state=states, service=service)


@COMMANDS.command()
def show(incident: IncidentArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """One incident with its time line and deliveries."""
    found: dict[str, Any] = open_client(url).get(f"/v1/incidents/{part(incident)}")
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    rows += [("description", localised(found["description"])), ("rule", found["rule_id"]), ("detected", instant(found["detected_at"]))]
    rows += [("acknowledged", instant(found["acknowledged_at"])), ("closed", instant(found["closed_at"])), ("reason", found["resolution_reason"])]
    rows += [("event", f"{instant(each.get('at'))} {each.get('type') or each.get('kind') or ''}") for each in found["events"]]
    rows += [("delivery", f"{each['target']} {each['type']}: {each['state']}, {each['attempts']} attempts") for each in found["deliveries"]]
    show_one(found, rows, output)


@COMMANDS.command()
def acknowledge(incident: IncidentArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Take an incident. Its targets are told."""
    found = open_client(url).send("POST", f"/v1/incidents/{part(incident)}/acknowledge")
    tell(f"incident {found['number']} is {found['state']}", found, output)
