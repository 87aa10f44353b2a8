"""`muster baseline`: names for a time and a scope: taken, listed, exported, checked, and compared with each other or with now."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from muster.cli.client import Client, open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, progress, show_pages
from muster.cli.moment import FromOption, ToOption, day, to_moments
from muster.cli.output import EXIT_REFUSED, Output, OutputOption, UrlOption, column, counted, instant, render_csv, show_one, tell, to_text, write
from muster.errors import ConfigurationError

COMMANDS = typer.Typer(help="Baselines: what a scope was at an instant, kept and provable.", no_args_is_help=True)
COLUMNS = (
    column("name"),
    column("at", read=instant),
    column("query"),
    column("contents", "with_contents"),
    column("cis", "ci_count"),
    column("owner"),
    column("by", "taken_by"),
    column("taken", "taken_at", read=instant),
    column("digest", read=lambda digest: f"{digest[:16]}…"),
)
COMPARISON_COLUMNS = (
    column("number", "ci", "number"),
    column("class", "ci", "class"),
    column("ci", "ci", "name"),
    column("change"),
)
CSV_COLUMNS = ("number", "id", "class", "name", "zone", "owner_id", "lifecycle", "is_absent", "is_recorded")
LONG_SECONDS = 3_600.0  # computing over a large scope
NameArgument = Annotated[str, typer.Argument(help="The baseline's name or id.")]
_lines = msgspec.json.Encoder(order="sorted")


@COMMANDS.command()
def take(
    name: Annotated[str, typer.Argument(help="Its name, which no other baseline has.")],
    query: Annotated[list[str] | None, typer.Argument(help="Which CIs; without: all (docs/reference/query.md).")] = None,
    *,
    reason: Annotated[str, typer.Option(help="Why it is taken.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    at: Annotated[str | None, typer.Option(help="Of this instant (RFC 3339), as known now; without: of now.")] = None,
    contents: Annotated[bool, typer.Option(help="With what the CIs hold.")] = True,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Take a baseline. It is never changed or deleted afterwards."""
    body = {"name": name, "query": " ".join(query or []), "reason": reason, "owner": owner, "contents": contents}
    if at is not None:
        body["at"] = day(at)
    made: dict[str, Any] = open_client(url, timeout_seconds=LONG_SECONDS).send("POST", "/v1/baselines", body)
    tell(f"baseline {made['name']} holds {counted(made['ci_count'], 'CI')}; digest {made['digest']}", made, output)


@COMMANDS.command("list")
def list_baselines(limit: LimitOption = DEFAULT_LIMIT, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """List baselines, the newest first."""
    show_pages(open_client(url), "/v1/baselines", COLUMNS, output, limit=limit)


@COMMANDS.command()
def show(
    name: NameArgument,
    *,
    check: Annotated[bool, typer.Option("--check", help="Compute it anew from the history and hold it against its digest.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """One baseline: scope, instant, owner, reason, digest. With --check the exit code is 1 where it is not what was taken."""
    client = open_client(url, timeout_seconds=LONG_SECONDS)
    found: dict[str, Any] = client.get(f"/v1/baselines/{part(name)}")
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS if each.name != "digest"]
    rows += [("known", instant(found["known_at"])), ("reason", found["reason"]), ("digest", found["digest"]), ("decision", found["decision_id"])]
    if not check:
        show_one(found, rows, output)
        return
    checked: dict[str, Any] = client.get(f"/v1/baselines/{part(name)}/check")
    rows.append(("check", "intact" if checked["is_intact"] else f"NOT what was taken: it gives {checked['recomputed']}"))
    rows += [("fault", f"among the CIs with numbers {first} to {last}") for first, last in checked["faults"]]
    show_one({**found, "check": checked}, rows, output)
    if not checked["is_intact"]:
        raise typer.Exit(EXIT_REFUSED)


@COMMANDS.command()
def diff(
    name: NameArgument,
    against: Annotated[str, typer.Argument(help="Another baseline, or now.")] = "now",
    *,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """What became of a baseline: CIs added, removed and changed, with old and new values."""
    show_comparison(open_client(url), f"/v1/baselines/{part(name)}/comparison", output, limit=limit, against=against)


@COMMANDS.command()
def compare(
    query: Annotated[list[str] | None, typer.Argument(help="Which CIs; without: all.")] = None,
    *,
    since: FromOption,
    until: ToOption = None,
    contents: Annotated[bool, typer.Option(help="With what the CIs hold.")] = True,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """What became of a scope between any two instants, without a baseline."""
    moments = to_moments(since, until)
    show_comparison(open_client(url), "/v1/comparison", output, limit=limit, query=" ".join(query or []), contents=str(contents).lower(), **moments)


@COMMANDS.command()
def export(
    name: NameArgument,
    *,
    form: Annotated[str, typer.Option("--format", help="jsonl: one CI a line, of which the SHA-256 is the baseline's digest; csv.")] = "jsonl",
    file: Annotated[Path | None, typer.Option("--file", help="Write into this file; without: to standard output.")] = None,
    url: UrlOption = None,
) -> None:
    """Write out all that a baseline holds."""
    if form not in ("jsonl", "csv"):
        raise ConfigurationError(f"unknown --format {form!r}; write jsonl or csv")
    client = open_client(url, timeout_seconds=LONG_SECONDS)
    pages = client.pages(f"/v1/baselines/{part(name)}/cis", limit=None)
    done = 0
    with contextlib.ExitStack() as stack:
        stream = None if file is None else stack.enter_context(file.open("w", encoding="utf-8", newline=""))
        advance = stack.enter_context(progress())
        for page in pages:
            write(_render(page["items"], form, is_first=done == 0), stream)
            done += len(page["items"])
            advance(done, page["total"])


def _render(items: list[dict[str, Any]], form: str, *, is_first: bool) -> str:
    if form == "jsonl":
        return "".join(_lines.encode(each).decode() + "\n" for each in items)
    rows = [
        [
            *(to_text(each[name]) for name in CSV_COLUMNS),
            *(_lines.encode(each[name]).decode() for name in ("effective", "recorded", "tags", "relations")),
        ]
        for each in items
    ]
    text = render_csv((*CSV_COLUMNS, "effective", "recorded", "tags", "relations"), rows)
    return text if is_first else text.partition("\n")[2]


def show_comparison(client: Client, path: str, output: Output, *, limit: int, **query: object) -> None:
    """Pages of comparisons: one line for each CI in a table, whole otherwise."""
    if output is not Output.TABLE:
        show_pages(client, path, (*COMPARISON_COLUMNS[:4], column("values"), column("relations")), output, limit=limit, **query)
        return
    lines: list[str] = []
    count = 0
    for page in client.pages(path, limit=limit or None, **query):
        for each in page["items"]:
            count += 1
            lines += describe(each)
    write("\n".join([*lines, f"{count} {'CI' if count == 1 else 'CIs'}" if lines else "nothing has changed"]) + "\n")


def describe(each: dict[str, Any]) -> list[str]:
    """One CI's comparison as lines."""
    ci = each["ci"]
    lines = [f"{each['change']:<8} {ci['class']} {ci['name']} (number {ci['number']})"]
    lines += [
        f"    {value['layer']} {value['attribute']}: {to_text(value['old']) or '—'} → {to_text(value['new']) or '—'}" for value in each["values"]
    ]
    for relation in each["relations"]:
        other = "an unknown CI" if relation["other"] is None else f"{relation['other']['class']} {relation['other']['name']}"
        arrow = "→" if relation["direction"] == "out" else "←"
        lines.append(f"    relation {relation['change']}: {relation['type']} {arrow} {other}")
    return lines
