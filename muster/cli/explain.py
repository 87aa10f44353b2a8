"""`muster explain`: why a CI, a value, a difference or a case is as it is, from the report to the decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.output import Output, OutputOption, UrlOption, clean, instant, render_value, to_text, write
from muster.errors import ConfigurationError

COMMANDS = typer.Typer(help="Why: of a CI, a value, a difference or a case, from the report to the decision.", no_args_is_help=True)
Lines = Iterator[str]


@COMMANDS.command()
def ci(
    ci: Annotated[str, typer.Argument(help="The CI's number or id.")],
    attribute: Annotated[str | None, typer.Argument(help="Of this attribute alone.")] = None,
    export_case: Annotated[
        Path | None, typer.Option("--export-case", help="Write a case file of what was reported and decided instead, everything private replaced.")
    ] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Why each source's record belongs to a CI, and why its values are in force."""
    if export_case is not None:
        _export(open_client(url).get(f"/v1/cis/{part(ci)}/case-file"), export_case)
        return
    found: dict[str, Any] = open_client(url).get(f"/v1/cis/{part(ci)}/explanation", attribute=attribute)
    _show(found, output, lambda: _say_ci(found))


@COMMANDS.command()
def difference(
    difference: Annotated[str, typer.Argument(help="The difference's id, as in the list.")],
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Why there is a difference: who says so, since when, what was decided."""
    found: dict[str, Any] = open_client(url).get(f"/v1/differences/{part(difference)}/explanation")
    _show(found, output, lambda: _say_difference(found))


@COMMANDS.command()
def case(
    case: Annotated[str, typer.Argument(help="The case's id, as in the list.")], output: OutputOption = Output.TABLE, url: UrlOption = None
) -> None:
    """Why there is a case: its evidence, and how each of its members came to be."""
    found: dict[str, Any] = open_client(url).get(f"/v1/cases/{part(case)}/explanation")
    _show(found, output, lambda: _say_case(found))


def _export(case: Mapping[str, Any], path: Path) -> None:
    """JSON where the name says so, else YAML. Raises ConfigurationError where it cannot be written."""
    text = render_value(case, Output.JSON if path.suffix == ".json" else Output.YAML)
    if str(path) == "-":
        write(text)
        return
    try:
        with path.open("x", encoding="utf-8") as file:  # never through a link, never over what is there
            file.write(text if text.endswith("\n") else f"{text}\n")
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already; name another file, or remove it first") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}; check path, rights and space") from None
    write(f"{path}: {len(case['steps'])} steps; look through it before you give it away, then: muster simulate --empty {path}")


def _show(found: Mapping[str, Any], output: Output, say: Any) -> None:
    if output is Output.CSV:
        raise ConfigurationError("an explanation is nested and is no csv; use --output json, yaml or table")
    write(render_value(found, output) if output is not Output.TABLE else "\n".join(clean(each) for each in say()))


def _say_ci(found: Mapping[str, Any]) -> Lines:
    yield f"{_name(found['ci'])}, {found['ci']['class']}, {found['control_level']}"
    yield from _say_links(found["links"])
    for each in found["identifiers"]:
        why = f" ({each['why']})" if each["why"] else ""
        yield f"identifier {each['kind']} {each['value']}: {each['state']}{why}, claimed by {', '.join(map(_source, each['sources']))}"
    for fact in found["facts"]:
        yield from _say_fact(fact)
    yield from _say_chain(found)


def _say_difference(found: Mapping[str, Any]) -> Lines:
    view = found["difference"]
    what = f" of {view['attribute']}" if view["attribute"] else ""
    yield f"{view['kind']}{what} on {_name(view['ci'])}: {view['state']}"
    yield f"recorded {to_text(view['recorded'])}, observed {to_text(view['observed'])}"
    yield view["explanation"]
    if view["decided_by"]:
        yield f"decided by {view['decided_by']}{': ' + view['reason'] if view['reason'] else ''}"
    yield from _say_links(found["links"])
    if found["fact"] is not None:
        yield from _say_fact(found["fact"])
    yield from _say_chain(found)


def _say_case(found: Mapping[str, Any]) -> Lines:
    view = found["case"]
    yield f"{view['kind']}, {view['state']}, since {instant(view['opened_at'])}"
    for name, value in view["evidence"].items():
        yield f"evidence {name}: {to_text(value)}"
    if found["decision"] is not None:
        yield f"decided by {found['decision']['made_by']}{': ' + found['decision']['reason'] if found['decision']['reason'] else ''}"
    for member in found["members"]:
        yield f"member {_name(member['ci'])}, {member['ci']['class']}"
        yield from _say_links(member["links"])
    yield from _say_chain(found)


def _say_links(links: list[dict[str, Any]]) -> Lines:
    for link in links:
        flags = "".join(f", {word}" for word, holds in (("stale", not link["is_fresh"]), ("gone", link["is_absent"])) if holds)
        yield f"record {_source(link['source'])} {link['ref']}{flags}"
        yield from (f"  {sentence}" for sentence in link["explanation"].splitlines())
        if link["evidence"].get("rules_version"):
            yield f"  by the rules of version {link['evidence']['rules_version']}"


def _say_fact(fact: Mapping[str, Any]) -> Lines:
    effective = to_text(fact["effective"]) if fact["has_effective"] else "not observed"
    recorded = to_text(fact["recorded"]) if fact["has_recorded"] else "not on record"
    yield f"value {fact['attribute']} ({fact['mode']}): {effective}; recorded: {recorded}"
    for each in fact["candidates"]:
        mark = "in force" if each["is_winner"] else "not in force"
        yield f"  {_source(each['source'])} says {to_text(each['value'])}, {mark}: {each['why'] or '-'}"


def _say_chain(found: Mapping[str, Any]) -> Lines:
    if found["left_out"]:
        yield "(older steps are left out)"
    for step in found["chain"]:
        report = f" [report {step['report']['id']}, sequence {step['report']['sequence']}]" if step["report"] else ""
        made = step["decision"]
        decided = f" [{made['kind']} by {made['made_by']}{': ' + made['reason'] if made['reason'] else ''}]" if made else ""
        yield f"{instant(step['at'])}  {'; '.join(step['text'].splitlines())}{report}{decided}"


def _name(ref: Mapping[str, Any]) -> str:
    return f"{ref['name']} ({ref['number']})"


def _source(source: Mapping[str, Any]) -> str:
    return f"{source['kind']}/{source['name']}/{source['instance']}"
