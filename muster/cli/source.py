"""`muster source`: who reports, and whether it may."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from muster.cli.client import open_client
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.output import Output, OutputOption, UrlOption, column, instant, show_one, tell

COMMANDS = typer.Typer(help="Sources: who reports, how it stands, and whether it may.", no_args_is_help=True)
COLUMNS = (
    column("id", "source", "id"),
    column("kind", "source", "kind"),
    column("name", "source", "name"),
    column("zone", "source", "zone"),
    column("state"),
    column("silent", "is_silent"),
    column("last report", "last_report_at", read=instant),
    column("records", "record_count"),
    column("refused", "rejected_total"),
    column("version", "software_version"),
)
SourceArgument = Annotated[int, typer.Argument(help="The source's number, as in the list.")]
StateOption = Annotated[list[str] | None, typer.Option("--state", help="active, pending or revoked; again for several. Without: all.")]


@COMMANDS.command("list")
def list_sources(state: StateOption = None, limit: LimitOption = DEFAULT_LIMIT, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List sources."""
    show_pages(open_client(url), "/v1/sources", COLUMNS, output, limit=limit, state=state)


@COMMANDS.command()
def show(source: SourceArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """One source: how it reports, how its clock stands, what was refused of it."""
    found: dict[str, Any] = open_client(url).get(f"/v1/sources/{source}")
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    rows += [
        ("instance", found["source"]["instance"]),
        ("created", instant(found["created_at"])),
        ("last sequence", found["last_sequence"]),
        ("clock offset", f"{found['clock_offset_ms']} ms"),
    ]
    rows += [("refused", each) for each in found["last_rejections"]]
    rows += [("section", each) for each in found["sections"]]
    show_one(found, rows, output)


@COMMANDS.command()
def approve(source: SourceArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Let a source report that waits for approval."""
    tell(f"source {source} may report", open_client(url).send("POST", f"/v1/sources/{source}/approve"), output)


@COMMANDS.command()
def revoke(source: SourceArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Refuse a source from now on, with all its tokens. What it reported stays."""
    tell(f"source {source} is refused from now on", open_client(url).send("POST", f"/v1/sources/{source}/revoke"), output)
