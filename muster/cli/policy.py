"""`muster policy`: what decides on differences by itself, as files: checked, tried, planned, applied and exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.output import Output, OutputOption, UrlOption, clean, column, counted, instant, show_list, tell, write
from muster.cli.service import read_files, say_held
from muster.clock import SystemClock
from muster.instant import render_instant
from muster.model.query import parse_duration

COMMANDS = typer.Typer(help="Policies: what decides on differences by itself, and what people's decisions need.", no_args_is_help=True)
COLUMNS = (
    column("id"),
    column("kind"),
    column("action"),
    column("when", read=lambda when: " ".join(f"{name}={_say(value)}" for name, value in when.items())),
    column("decided in 30 d", "decided"),
    column("file", read=lambda file: file or "built in"),
)
PLAN_COLUMNS = (column("file"), column("action"), column("held", "is_held", read=say_held))
TEST_COLUMNS = (
    column("policy", "rule", read=lambda rule: rule or "none: a person"),
    column("action"),
    column("differences", "count"),
    column("cis", "ci_count"),
    column("as decided", "as_decided"),
    column("examples", read=lambda refs: ", ".join(each["name"] for each in refs)),
)
FilesArgument = Annotated[list[Path], typer.Argument(help="YAML files of policies, or folders that hold them.")]
OptionalFilesArgument = Annotated[list[Path] | None, typer.Argument(help="YAML files, or folders; none: the policies in force.")]
PruneOption = Annotated[bool, typer.Option("--prune", help="These are all: files that were applied before and are not named are taken out.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="7d, or RFC 3339. Without: 30 days.")]


@COMMANDS.command("list")
def list_policies(output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List what is in force, in the order in which it is asked."""
    found: dict[str, Any] = open_client(url).get("/v1/policies")
    show_list(found["items"], COLUMNS, output)


@COMMANDS.command()
def check(files: FilesArgument, output: OutputOption = Output.TABLE) -> None:
    """Check files alone and together. Needs no collector; classes of the site are not known here."""
    from collector.reconcile.policy_document import check_policies
    from muster.model.ci_class import load_catalogue

    found = check_policies(read_files(files), load_catalogue())
    text = f"{len(found.policies)} policies and {len(found.requirements)} requirements are right"
    names = [each.id for each in found.policies] + [each.id for each in found.requirements]
    tell(text, [{"id": name} for name in names], output)


@COMMANDS.command("test")
def try_policies(files: OptionalFilesArgument = None, since: SinceOption = None, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """What policies would have decided of the differences of the last days. Changes nothing."""
    body: dict[str, Any] = {}
    if files:
        body["documents"] = _documents(files)
    if since:
        seconds = parse_duration(since)
        body["since"] = since if seconds is None else render_instant(SystemClock().now_ms() - seconds * 1000)
    found: dict[str, Any] = open_client(url).send("POST", "/v1/policies/test", body)
    show_list(found["items"], TEST_COLUMNS, output)
    if output is Output.TABLE:
        cut = ", of which the newest were looked at" if found["is_cut"] else ""
        write(f"{counted(found['total'], 'difference')} since {instant(found['since'])}{cut}")


@COMMANDS.command()
def plan(files: FilesArgument, *, prune: PruneOption = False, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """What applying would change. Changes nothing."""
    _show("plan", files, output, url, prune=prune)


@COMMANDS.command()
def apply(files: FilesArgument, *, prune: PruneOption = False, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Put files in force, all or none. A faulty one leaves what was in force."""
    _show("apply", files, output, url, prune=prune)
    if output is Output.TABLE:
        write("\nThey decide on what opens or moves from now on; what is open now waits for you (`muster difference groups`).")


@COMMANDS.command()
def export(file: Annotated[str, typer.Argument(help="The file's name, as in the list.")], url: UrlOption = None) -> None:
    """The YAML in force."""
    write(open_client(url).get_text(f"/v1/policies/files/{part(file)}"))


@COMMANDS.command()
def schema() -> None:
    """The JSON Schema of a file of policies, for editors. Needs no collector."""
    from collector.reconcile.policy_document import policy_schema

    write(json.dumps(policy_schema(), indent=2, ensure_ascii=False))


def _documents(files: list[Path]) -> list[dict[str, str]]:
    return [{"file": file, "text": text} for file, text in read_files(files).items()]


def _show(action: str, files: list[Path], output: Output, url: str | None, *, prune: bool) -> None:
    body = {"documents": _documents(files), "removes_absent": prune}
    planned: list[dict[str, Any]] = open_client(url).send("POST", f"/v1/policies/{action}", body)["items"]
    show_list(planned, PLAN_COLUMNS, output)
    if output is Output.TABLE:
        for each in planned:
            if each["difference"]:
                write("\n" + "\n".join(map(clean, each["difference"].splitlines())))


def _say(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
