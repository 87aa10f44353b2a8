"""`muster case`: questions of identity or mass loss that wait for a person."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.merge import evidence_rows, outcome_rows, preview_rows
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
    REPLACE = "replace"
    REVIVE = "revive"
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
    """One case: whom it concerns, what speaks for and against, what a merge would make, and what may be decided."""
    found: dict[str, Any] = open_client(url).get(f"/v1/cases/{part(case)}")
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    rows += [(f"evidence: {name.replace('_', ' ')}", value) for name, value in found["evidence"].items()]
    names = {each["id"]: f"{each['name']} (#{each['number']})" for each in found["members"]}
    rows += list(evidence_rows(found["identifiers"], names)) if found["preview"] is None else list(preview_rows(found["preview"]))
    rows.append(("may be decided", ", ".join(found["actions"]) or "nothing more"))
    show_one(found, rows, output)


@COMMANDS.command()
def resolve(
    case: CaseArgument,
    action: Annotated[
        Action,
        typer.Argument(
            help="same or different: what the CIs are; replace: same role, new hardware; revive: a retired one is in use again; "
            "release: the loss is real, or the value is trusted again; confirm: it is as the case says; dismiss: nothing."
        ),
    ],
    keep: Annotated[str | None, typer.Option("--keep", help="same: which CI stays; replace: which takes the role.")] = None,
    member: Annotated[list[str] | None, typer.Option("--member", help="Only these of the case's CIs; again for several.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")] = "",
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would come of it and write nothing.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Decide a case."""
    wanted = {"action": action.value, "reason": reason, "keep": keep, "members": member or []}
    made = open_client(url).send("POST", f"/v1/cases/{part(case)}/{'rehearsal' if dry_run else 'decision'}", wanted)
    if dry_run:
        show_one(made, list(outcome_rows(made)), output)
        return
    tell(f"case {case}: {action.value}; undo with: muster difference undo {made['id']}", made, output)
