"""`muster health`: the figures that the CMDB is held to, what stands behind each, and their trend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.output import Column, Output, OutputOption, UrlOption, column, instant, show_list

COMMANDS = typer.Typer(help="CMDB health: completeness, correctness, freshness and what needs a person. Alone as `show`.")
ClassOption = Annotated[str, typer.Option("--class", help="Only CIs of this class and its sub-classes.")]
ZoneOption = Annotated[str, typer.Option("--zone", help="Only CIs of this zone.")]
OwnerOption = Annotated[str, typer.Option("--owner", help="Only what this person owns, as recorded, with its parts.")]


def say_ratio(value: object) -> object:
    """A ratio as a percentage that is never rounded up: 99.99 % is not 100 %."""
    if not isinstance(value, int | float):
        return value
    return f"{int(value * 10_000) / 100:.2f} %"


FIGURE_COLUMNS = (
    column("figure", "name"),
    column("count"),
    column("of"),
    column("share", "ratio", read=say_ratio),
    Column("by class or kind", lambda item: _say_lines(item["lines"])),
)
ITEM_COLUMNS = (
    column("subject"),
    column("number", "ci", "number"),
    column("class", "ci", "class"),
    column("on", "owner", "name"),
    column("kind"),
    column("attribute"),
    column("detail", read=lambda detail: detail or None),
)
TREND = ("completeness", "correctness", "freshness", "coverage", "duplicates", "orphans", "unreviewed")
SHOWN_LINES = 6


@COMMANDS.callback(invoke_without_command=True)
def show_alone(
    context: typer.Context,
    *,
    ci_class: ClassOption = "",
    zone: ZoneOption = "",
    owner: OwnerOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """CMDB health: completeness, correctness, freshness and what needs a person. Without a verb as `show`."""
    if context.invoked_subcommand is None:
        show(ci_class=ci_class, zone=zone, owner=owner, output=output, url=url)


@COMMANDS.command()
def show(
    *,
    ci_class: ClassOption = "",
    zone: ZoneOption = "",
    owner: OwnerOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """The figures of the estate, or of a class, zone or owner."""
    found: dict[str, Any] = open_client(url).get("/v1/health/cmdb", **{"class": ci_class, "zone": zone, "owner": owner})
    if output in {Output.JSON, Output.YAML}:
        show_list([found], FIGURE_COLUMNS, output)
        return
    rows = [
        *found["figures"],
        {"name": "oldest unreviewed", "count": instant(found["oldest_unreviewed_at"]), "lines": []},
        {"name": "median age unreviewed", "count": _say_days(found["median_unreviewed_seconds"]), "lines": []},
        {"name": "CIs in scope", "count": found["ci_total"], "lines": []},
    ]
    show_list(rows, FIGURE_COLUMNS, output)


@COMMANDS.command("list")
def list_items(
    figure: Annotated[str, typer.Argument(help="completeness, correctness, freshness, coverage, duplicates, orphans, unreviewed, pins or findings.")],
    *,
    ci_class: ClassOption = "",
    zone: ZoneOption = "",
    owner: OwnerOption = "",
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """What stands behind a figure: the CIs, differences or addresses that it counts against the estate."""
    wanted = {"class": ci_class, "zone": zone, "owner": owner}
    show_pages(open_client(url), f"/v1/health/cmdb/{part(figure)}", ITEM_COLUMNS, output, limit=limit, **wanted)


@COMMANDS.command()
def trend(
    since: Annotated[str | None, typer.Option("--from", help="Not before: RFC 3339.")] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """The figures of the whole estate day by day, as last measured on each."""
    days = open_client(url).get("/v1/health/cmdb-trend", **{"from": since})["items"]
    columns = [Column("day", lambda item: f"{datetime.fromtimestamp(item['day'] / 1000, UTC):%Y-%m-%d}"), column("CIs", "ci_total")]
    show_list(days, [*columns, *(_trend_column(name) for name in TREND)], output)


def _trend_column(name: str) -> Column:
    def read(item: Mapping[str, Any]) -> object:
        count, of = item["counts"].get(name, (None, None))
        return count if of is None else say_ratio(count / of) if of else None

    return Column(name, read)


def _say_lines(lines: list[dict[str, Any]]) -> object:
    """The worst first, as many as fit a line."""
    worst = sorted(lines, key=lambda each: (each["count"] / each["of"] if each["of"] else 0, -each["count"]))
    said = []
    for each in worst[:SHOWN_LINES]:
        name = " ".join(filter(None, (each["class"], each["attribute"], each["kind"])))
        said.append(f"{name} {each['count']}" + ("" if each["of"] is None else f"/{each['of']}"))
    return ", ".join(said) + (f" and {len(lines) - SHOWN_LINES} more" if len(lines) > SHOWN_LINES else "")


def _say_days(seconds: float | None) -> object:
    return None if seconds is None else f"{seconds / 86_400:.1f} d"
