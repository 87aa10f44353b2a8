"""`muster change`: approved changes as files, and what of them was observed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.output import Output, OutputOption, UrlOption, clean, column, instant, show_list, show_one, tell, write
from muster.cli.service import read_files, say_held

COMMANDS = typer.Typer(help="Approved changes: what is expected to be observed, and what was.", no_args_is_help=True)
COLUMNS = (
    column("id"),
    column("title"),
    column("state"),
    column("from", "from_at", read=instant),
    column("to", "to_at", read=instant),
    column("approved by", "approved_by"),
    column("accepted"),
    column("open"),
)
PLAN_COLUMNS = (column("change", "change_id"), column("action"), column("held", "is_held", read=say_held))
FilesArgument = Annotated[list[Path], typer.Argument(help="YAML files of changes, or folders that hold them.")]
ChangeArgument = Annotated[str, typer.Argument(help="The change's id.")]
StateOption = Annotated[
    list[str] | None, typer.Option("--state", help="planned, approved, verified, partly_verified, not_verified; again for several.")
]


@COMMANDS.command("list")
def list_changes(state: StateOption = None, limit: LimitOption = DEFAULT_LIMIT, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List changes, the latest window first."""
    show_pages(open_client(url), "/v1/changes", COLUMNS, output, limit=limit, state=state)


@COMMANDS.command()
def show(change: ChangeArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """One change: what it expects, and what of that was observed once its window has ended."""
    found: dict[str, Any] = open_client(url).get(f"/v1/changes/{part(change)}")
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    rows += [("approved", instant(found["approved_at"])), ("applied by", found["applied_by"]), ("applied", instant(found["applied_at"]))]
    for place, each in enumerate(found["expects"]):
        seen = found["evidence"][place] if place < len(found["evidence"]) else None
        rows.append(("expects", " ".join(f"{name}={value}" for name, value in each.items())))
        if seen is not None:
            missing = ", ".join(name for _, name in seen["missing"])
            rows.append(("observed", f"{seen['observed']} of {seen['of']}" + (f"; not on {missing}" if missing else "")))
    show_one(found, rows, output)


@COMMANDS.command()
def check(files: FilesArgument, output: OutputOption = Output.TABLE) -> None:
    """Check files alone and together. Needs no collector; classes of the site are not known here."""
    from collector.reconcile.change_document import check_changes
    from muster.model.ci_class import load_catalogue

    found = check_changes(read_files(files), load_catalogue())
    tell("1 change is right" if len(found) == 1 else f"{len(found)} changes are right", [{"id": each.id} for each in found.values()], output)


@COMMANDS.command()
def plan(files: FilesArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """What applying would change. Changes nothing."""
    _show("/v1/changes/plan", files, output, url)


@COMMANDS.command()
def apply(files: FilesArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Put changes in force, all or none; what differs since their windows began is held against them."""
    _show("/v1/changes", files, output, url)


@COMMANDS.command()
def export(change: ChangeArgument, url: UrlOption = None) -> None:
    """The YAML in force."""
    write(open_client(url).get_text(f"/v1/changes/{part(change)}/document"))


@COMMANDS.command()
def schema() -> None:
    """The JSON Schema of a change's file, for editors. Needs no collector."""
    from collector.reconcile.change_document import change_schema

    write(json.dumps(change_schema(), indent=2, ensure_ascii=False))


def _show(path: str, files: list[Path], output: Output, url: str | None) -> None:
    documents = [{"file": file, "text": text} for file, text in read_files(files).items()]
    planned: list[dict[str, Any]] = open_client(url).send("POST", path, {"documents": documents})["items"]
    show_list(planned, PLAN_COLUMNS, output)
    if output is Output.TABLE:
        for each in planned:
            if each["difference"]:
                write("\n" + "\n".join(map(clean, each["difference"].splitlines())))
