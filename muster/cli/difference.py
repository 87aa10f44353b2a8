"""`muster difference`: the review queue: what is observed differs from what is recorded, and what is decided about it."""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from muster.cli.client import Client, open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.moment import AtOption, KnownOption, day
from muster.cli.output import Output, OutputOption, UrlOption, column, counted, instant, localised, show_list, show_one, tell
from muster.clock import SystemClock
from muster.errors import ConfigurationError, NotFoundError
from muster.instant import render_instant
from muster.model.query import parse_duration

COMMANDS = typer.Typer(help="Differences between what is observed and what is recorded, and decisions on them.", no_args_is_help=True)
RISKS = ("low", "medium", "high", "critical")
COLUMNS = (
    column("id"),
    column("risk", read=lambda risk: RISKS[risk] if 0 <= risk < len(RISKS) else risk),
    column("kind"),
    column("ci", "ci", "name"),
    column("class", "ci", "class"),
    column("attribute"),
    column("recorded"),
    column("observed"),
    column("change", "change_id", read=lambda change: change or ""),
    column("unauthorised", "is_unauthorised", read=lambda is_so: "yes" if is_so else ""),
    column("flaps", read=lambda count: count or ""),
    column("state"),
    column("confirm after", "waiting_by", read=lambda who: who or ""),
    column("opened", "opened_at", read=instant),
)
GROUP_COLUMNS = (
    column("group", "group_key"),
    column("risk", read=lambda risk: RISKS[risk] if 0 <= risk < len(RISKS) else risk),
    column("kind"),
    column("class", "ci_class"),
    column("attribute"),
    column("observed"),
    column("count"),
    column("cis", "ci_count"),
    column("change", "change_id", read=lambda change: change or ""),
    column("unauthorised", read=lambda count: count or ""),
    column("flaps", read=lambda count: count or ""),
    column("services"),
    column("example", "example", "name"),
    column("oldest", "oldest_at", read=instant),
)
BACKLOG_COLUMNS = (
    column("owner", read=lambda owner: owner or "nobody"),
    column("open"),
    column("unauthorised"),
    column("high risk", "high_risk"),
    column("oldest", "oldest_at", read=instant),
    column("median age", "median_age_ms", read=lambda ms: f"{ms // 86_400_000} d {ms // 3_600_000 % 24} h"),
)
QueryArgument = Annotated[
    list[str] | None, typer.Argument(help="Query, for example class:server attribute:os.kernel 'risk>1' (docs/reference/query.md).")
]
StateOption = Annotated[list[str] | None, typer.Option("--state", help="open (default), ignored, rejected, accepted, …; again for several.")]
IdsArgument = Annotated[list[str] | None, typer.Argument(help="Ids of differences, as in the list.")]
GroupOption = Annotated[str | None, typer.Option("--group", help="Every open difference of this group (`muster difference groups`).")]
QueryOption = Annotated[str | None, typer.Option("--query", help="Every open difference that this query finds, as `list` does.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before deciding on a group or query.")]


class Verdict(enum.StrEnum):
    """What can be decided."""

    ACCEPT = "accept"
    REJECT = "reject"
    IGNORE = "ignore"
    LINK = "link"


@COMMANDS.command("list")
def list_differences(  # noqa: PLR0913 -- each is an option that people combine
    query: QueryArgument = None,
    *,
    state: StateOption = None,
    group: GroupOption = None,
    ci: Annotated[str | None, typer.Option("--ci", help="Of this CI and what it holds: id or number.")] = None,
    sort: Annotated[str | None, typer.Option(help="risk, opened or confirmed; - before it turns it round. Without: -risk.")] = None,
    at: AtOption = None,
    known: KnownOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List differences that wait for a decision, riskiest first."""
    path = "/v1/differences"
    wanted = {"query": " ".join(query or []), "state": state, "group": group, "ci": ci, "sort": sort, "at": day(at), "known": day(known)}
    show_pages(open_client(url), path, COLUMNS, output, limit=limit, **wanted)


@COMMANDS.command()
def groups(
    query: QueryArgument = None,
    state: StateOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List differences by cause: one row is what one decision with --group is about."""
    show_pages(open_client(url), "/v1/differences/groups", GROUP_COLUMNS, output, limit=limit, query=" ".join(query or []), state=state)


@COMMANDS.command()
def show(difference: Annotated[str, typer.Argument(help="The difference's id.")], output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """One difference: what differs, who says so, and what was decided."""
    found: dict[str, Any] = open_client(url).get(f"/v1/differences/{part(difference)}")
    source = found["source"]
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    rows += [
        ("label", localised(found["label"])),
        ("why", found["explanation"]),
        ("source", None if source is None else f"{source['kind']}/{source['name']}/{source['instance']}"),
        ("group", found["group_key"]),
        ("confirmed", instant(found["confirmed_at"])),
        ("closed", instant(found["closed_at"])),
        ("services", found["services"]),
        ("moved to and fro", found["flaps"] or None),
        ("waits for a second person after", found["waiting_by"]),
        ("decision", found["decision_id"]),
        ("decided by", found["decided_by"]),
        ("reason", found["reason"]),
        ("ignored until", instant(found["ignore_until"])),
    ]
    show_one(found, rows, output)


@COMMANDS.command()
def accept(
    differences: IdsArgument = None,
    *,
    group: GroupOption = None,
    query: QueryOption = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Record what is observed. All that are named, or none."""
    client = open_client(url)
    _decide(client, Verdict.ACCEPT, choose(client, differences, group, query, yes=yes), {"reason": reason}, output)


@COMMANDS.command()
def reject(
    differences: IdsArgument = None,
    *,
    group: GroupOption = None,
    query: QueryOption = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """What is observed is wrong or was not authorised: it stays in sight until the world agrees with the record."""
    client = open_client(url)
    _decide(client, Verdict.REJECT, choose(client, differences, group, query, yes=yes), {"reason": reason}, output)


@COMMANDS.command()
def ignore(
    differences: IdsArgument = None,
    *,
    group: GroupOption = None,
    query: QueryOption = None,
    until: Annotated[str | None, typer.Option(help="When it is asked again: 30d, or RFC 3339. Without: until it goes away by itself.")] = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Not now: silent for a time."""
    if until and (seconds := parse_duration(until)) is not None:
        until = render_instant(SystemClock().now_ms() + seconds * 1000)
    client = open_client(url)
    _decide(client, Verdict.IGNORE, choose(client, differences, group, query, yes=yes), {"reason": reason, "until": until}, output)


@COMMANDS.command()
def link(
    change: Annotated[str, typer.Argument(help="The change's id, as `muster change list` says.")],
    differences: IdsArgument = None,
    *,
    group: GroupOption = None,
    query: QueryOption = None,
    reason: ReasonOption = "",
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Say that differences belong to an approved change."""
    client = open_client(url)
    _decide(client, Verdict.LINK, choose(client, differences, group, query, yes=yes), {"reason": reason, "change": change}, output)


@COMMANDS.command()
def backlog(output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """What waits for each configuration manager: the recorded owner of the CIs."""
    found: dict[str, Any] = open_client(url).get("/v1/differences/backlog")
    show_list(found["items"], BACKLOG_COLUMNS, output)


@COMMANDS.command()
def undo(
    decision: Annotated[str, typer.Argument(help="The decision's id, as it was printed and as `show` says.")],
    reason: ReasonOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Take a decision back, whole."""
    made = open_client(url).send("POST", f"/v1/decisions/{part(decision)}/undo", {"reason": reason})
    tell(f"decision {decision} is taken back by {made['id']}", made, output)


def choose(client: Client, ids: list[str] | None, group: str | None, query: str | None, *, yes: bool) -> dict[str, Any]:
    """What to decide on: of each difference the value as it is now read, so that one that moves meanwhile is not decided on unseen.

    A group or query is decided on only after a yes. Raises ConfigurationError, NotFoundError.
    """
    if sum((bool(ids), group is not None, query is not None)) != 1:
        raise ConfigurationError("name differences, or --group, or --query; one of them")
    if ids:
        return {"differences": {each: client.get(f"/v1/differences/{part(each)}")["observed_token"] for each in ids}}
    found = [each for page in client.pages("/v1/differences", limit=None, group=group, query=query) for each in page["items"]]
    if not found:
        raise NotFoundError("no open difference is found so; see `muster difference list`")
    if not yes:
        confirm(f"{counted(len(found), 'difference')} of {counted(len({each['ci']['id'] for each in found}), 'CI')}?")
    return {"differences": {each["id"]: each["observed_token"] for each in found}}


def confirm(question: str) -> None:
    """Ask on a terminal. Raises ConfigurationError where there is none, Abort for a no."""
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{question} Give --yes where nobody can be asked")
    typer.confirm(question, abort=True)


def _decide(client: Client, verdict: Verdict, chosen: Mapping[str, Any], terms: Mapping[str, object], output: Output) -> None:
    body = {"decision": verdict.value, **chosen, **{name: value for name, value in terms.items() if value}}
    made = client.send("POST", "/v1/differences/decisions", body)
    if "difference_ids" in made and "requirement" in made:
        tell(f"policy {made['requirement']} asks for a second person; confirmed with: muster waiting confirm {made['id']}", made, output)
        return
    words = {Verdict.ACCEPT: "accepted", Verdict.REJECT: "rejected", Verdict.IGNORE: "ignored", Verdict.LINK: "linked"}
    count = len(made["difference_ids"])
    tell(f"{count} {'difference' if count == 1 else 'differences'} {words[verdict]}; undo with: muster difference undo {made['id']}", made, output)
