"""`muster ci`: configuration items: found by query, shown with their facts and history, and recorded by hand."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.moment import AtOption, FromOption, KnownOption, ToOption, day, render_comparison, render_then, say_relation, to_moments
from muster.cli.output import Output, OutputOption, UrlOption, column, instant, show_one, tell, to_text
from muster.clock import SystemClock
from muster.errors import ConfigurationError, quote
from muster.instant import render_instant

COMMANDS = typer.Typer(help="Configuration items: what is there.", no_args_is_help=True)
COLUMNS = (
    column("number"),
    column("class"),
    column("name"),
    column("zone"),
    column("presence"),
    column("operation"),
    column("lifecycle"),
    column("recorded", "is_recorded"),
    column("sources", "source_kinds"),
    column("differences", "open_differences"),
    column("seen", "seen_at", read=instant),
)
HISTORY_COLUMNS = (
    column("at", "valid_from", read=instant),
    column("until", "valid_to", read=instant),
    column("known", "known_from", read=instant),
    column("ci", "ci", "name"),
    column("layer"),
    column("attribute"),
    column("old", "old_value"),
    column("new", "new_value"),
    column("cause", "cause_kind"),
    column("by", "actor"),
    column("source", "source", "kind"),
)
KeyArgument = Annotated[str, typer.Argument(help="The CI's number or id.")]


@COMMANDS.command("list")
def list_cis(
    query: Annotated[
        list[str] | None, typer.Argument(help="Query, for example class:server os.name:debian seen<7d (docs/reference/query.md).")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="name (without it), number, class, zone, presence, operation, seen, changed, created; - before it turns it round."),
    ] = None,
    *,
    at: AtOption = None,
    known: KnownOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List CIs. A query that begins with - comes after --, for example: muster ci list -- -zone:lab."""
    query_text = " ".join(query or [])
    show_pages(open_client(url), "/v1/cis", COLUMNS, output, limit=limit, query=query_text, sort=sort, at=day(at), known=day(known))


@COMMANDS.command()
def show(
    ci: KeyArgument,
    contents: Annotated[str | None, typer.Option("--contents", help="List what it holds of this class instead, for example package.")] = None,
    *,
    at: AtOption = None,
    known: KnownOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """One CI: facts with where each comes from, identifiers, relations, checks and what it holds."""
    client = open_client(url)
    if contents is not None:
        columns, moment = (*COLUMNS[:4], column("values", "columns")), {"at": day(at), "known": day(known)}
        show_pages(client, f"/v1/cis/{part(ci)}/contents", columns, output, limit=limit, **{"class": contents}, **moment)
        return
    if at is not None or known is not None:
        then = client.get(f"/v1/cis/{part(ci)}/as-at", at=day(at) or render_instant(SystemClock().now_ms()), known=day(known))
        show_one(then, render_then(then), output)
        return
    found: dict[str, Any] = client.get(f"/v1/cis/{part(ci)}")
    show_one(found, [*_head(found), *_facts(found), *_surroundings(found)], output)


@COMMANDS.command()
def history(
    ci: KeyArgument,
    attribute: Annotated[str | None, typer.Option(help="Of this attribute only.")] = None,
    layer: Annotated[str | None, typer.Option(help="observed, recorded, relation, presence, lifecycle or identity.")] = None,
    *,
    contents: Annotated[bool, typer.Option("--contents", help="Also of what it holds.")] = False,
    known: KnownOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """What changed, newest first."""
    path = f"/v1/cis/{part(ci)}/history"
    wanted = {"attribute": attribute, "layer": layer, "contents": contents, "known": day(known)}
    show_pages(open_client(url), path, HISTORY_COLUMNS, output, limit=limit, **wanted)


@COMMANDS.command()
def compare(
    ci: KeyArgument,
    *,
    since: FromOption,
    until: ToOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """What became of a CI between any two instants."""
    found: dict[str, Any] = open_client(url).get(f"/v1/cis/{part(ci)}/comparison", **to_moments(since, until))
    show_one(found, [("ci", found["ci"]["name"]), ("change", found["change"]), *render_comparison(found)], output)


@COMMANDS.command()
def record(  # noqa: PLR0913 -- each option of a command is a parameter
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CI] [attribute=value]…", help="The CI (not with --class), then values; attribute= takes one off. JSON for what is no text."
        ),
    ] = None,
    *,
    ci_class: Annotated[str | None, typer.Option("--class", help="A CI of this class, known by its identifiers or not yet seen by anybody.")] = None,
    identifier: Annotated[list[str] | None, typer.Option("--identifier", help="kind=value, with --class; again for several.")] = None,
    zone: Annotated[str, typer.Option(help="With --class: the zone of its names and addresses.")] = "default",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="name=value; name= takes the tag off; again for several.")] = None,
    lifecycle: Annotated[str | None, typer.Option(help="planned, in_stock, live, maintenance, retired or disposed.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Record attributes, tags or the lifecycle by hand. Refused where somebody else changed the CI meanwhile.

    With --class: a CI that is recognised by its identifiers, or a new one, for example
    muster ci record --class server --identifier serial=S1 name=web01.
    """
    ci, values = _split(words or [], is_new=ci_class is not None)
    body: dict[str, Any] = {"attributes": parse_values(values), "tags": _parse_tags(tag or []), "reason": reason}
    if lifecycle is not None:
        body["lifecycle"] = lifecycle
    if ci_class is not None:
        made = open_client(url).send("POST", "/v1/cis", body | {"class": ci_class, "identifiers": _parse_identifiers(identifier or []), "zone": zone})
        tell(f"{made['summary']['name']} is on record (number {made['summary']['number']})", made, output)
        return
    if identifier:
        raise ConfigurationError("--identifier belongs to --class, which says what is recorded; identifiers of a known CI are attributes")
    if not body["attributes"] and not body["tags"] and lifecycle is None:
        raise ConfigurationError("nothing to record; write for example owner=kim@example.org, or --tag role=web")
    client = open_client(url)
    found, etag = client.get_tagged(f"/v1/cis/{part(ci)}")
    made = client.send("PATCH", f"/v1/cis/{part(ci)}/recorded", body, etag=etag)
    tell(f"recorded of {found['summary']['name']} (number {found['summary']['number']})", made, output)


def _split(words: list[str], *, is_new: bool) -> tuple[str, list[str]]:
    """The CI and the values. Raises ConfigurationError."""
    if is_new:
        return "", words
    if not words or "=" in words[0]:
        raise ConfigurationError("which CI? Write its number or id first, or --class for one that is not there yet")
    return words[0], words[1:]


def _parse_identifiers(given: list[str]) -> dict[str, str | list[str]]:
    found: dict[str, list[str]] = {}
    for each in given:
        kind, equals, text = each.partition("=")
        if not kind or not equals or not text:
            raise ConfigurationError(f"--identifier {quote(each)} is no kind=value, for example serial=ABC123")
        found.setdefault(kind, []).append(text)
    return {kind: values[0] if len(values) == 1 else values for kind, values in found.items()}


def parse_values(given: list[str]) -> dict[str, Any]:
    """`attribute=value` pairs: a value that is JSON is that, else text; nothing is None. Raises ConfigurationError."""
    values: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"{quote(each)} is no attribute=value")
        if name in values:
            raise ConfigurationError(f"{name!r} is given twice")
        values[name] = _parse_value(text)
    return values


def _parse_value(text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _parse_tags(given: list[str]) -> dict[str, str | None]:
    tags: dict[str, str | None] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"--tag {quote(each)} is no name=value")
        tags[name] = text or None
    return tags


def _head(found: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [(each.name, each.read(found["summary"])) for each in COLUMNS]
    return [
        *rows,
        ("id", found["summary"]["id"]),
        *_deletion(found["deleted"]),
        ("tags", [f"{name}={value}" for name, value in found["tags"].items()]),
        ("services", found["services"]),
    ]


def _deletion(deleted: dict[str, Any] | None) -> list[tuple[str, object]]:
    if deleted is None:
        return []
    why = f": {deleted['reason']}" if deleted["reason"] else ""
    back = f"take it back with: muster difference undo {deleted['decision_id']}"
    return [("deleted", f"{render_instant(deleted['at'])} by {deleted['by']}{why}; what follows is how it was"), ("", back)]


def _facts(found: dict[str, Any]) -> list[tuple[str, object]]:
    """Attribute, value, and in brackets who says so and whether the record says otherwise."""
    rows: list[tuple[str, object]] = [("", "")]
    for fact in found["facts"]:
        if not fact["has_effective"] and not fact["has_recorded"]:
            continue
        value = to_text(fact["effective"] if fact["has_effective"] else fact["recorded"])
        source = fact["source"]["kind"] if fact["source"] else "recorded"
        recorded = f"; recorded: {to_text(fact['recorded'])}" if fact["is_different"] else ""
        rows.append((fact["attribute"], f"{value} {fact['unit']}".rstrip() + f"  [{source}{recorded}]"))
    return rows


def _surroundings(found: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("", "")]
    rows += [("identifier", f"{each['kind']} {each['value']}  [{each['state']}]") for each in found["identifiers"]]
    rows += [("relation", say_relation(each)) for each in found["relations"] if each["valid_to"] is None]
    rows += [("check", f"{each['check']}: {each['state']} since {instant(each['since'])}  [{each['source']['kind']}]") for each in found["checks"]]
    rows += [("holds", f"{count} {name}") for name, count in found["contents"].items()]
    return rows
