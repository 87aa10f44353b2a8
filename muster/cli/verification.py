"""`muster verification`: planned comparisons of the record with reality: drawn, measured, answered, signed off, kept as evidence."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from muster.cli.client import open_client, part
from muster.cli.health import say_ratio
from muster.cli.listing import DEFAULT_LIMIT, LimitOption, show_pages
from muster.cli.output import Column, Output, OutputOption, UrlOption, column, counted, instant, show_list, show_one, tell
from muster.errors import InputError, quote

COMMANDS = typer.Typer(help="Verifications: is what is recorded what is there? Planned, sampled, signed off.", no_args_is_help=True)
RunArgument = Annotated[str, typer.Argument(help="The run's number, as in the list.")]


class Method(enum.StrEnum):
    """How a run is measured."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


def _due(run: Mapping[str, Any]) -> object:
    return "overdue" if run["is_overdue"] else "soon" if run["is_due_soon"] else None


COLUMNS = (
    column("number"),
    column("title"),
    column("state"),
    Column("due", _due),
    column("planned", "planned_at", read=instant),
    column("responsible"),
    column("method"),
    column("sampled"),
    column("agreement", "result", "ratio", read=say_ratio),
    Column("95 % interval", lambda run: _interval(run["result"])),
    column("findings", "open_findings"),
    column("signed by", "signed_by"),
)
ITEM_COLUMNS = (
    column("position"),
    column("number", "ci", "number"),
    column("class", "ci", "class"),
    column("name", "ci", "name"),
    column("answer"),
    Column("differs", lambda item: [each[0] for each in item["values"] if each[3] in ("differs", "not_found")]),
    column("by", "answered_by"),
    column("note"),
)
FINDING_COLUMNS = (
    column("finding", "number"),
    column("ci", "ci", "name"),
    column("attribute"),
    column("recorded"),
    column("observed"),
    column("owner"),
)


@COMMANDS.command()
def plan(  # noqa: PLR0913 -- the options of a command, each by name
    title: Annotated[str, typer.Argument(help="What people call it.")],
    *,
    query: Annotated[str, typer.Option("--query", help="Its scope: CIs on record, for example 'class:server zone:berlin'.")],
    at: Annotated[str, typer.Option("--at", help="When it is planned for: RFC 3339.")],
    responsible: Annotated[str, typer.Option("--responsible", help="Who answers for it.")],
    method: Annotated[
        Method, typer.Option("--method", help="automatic: against what sources see now; manual: people check each CI.")
    ] = Method.AUTOMATIC,
    sample: Annotated[int, typer.Option("--sample", min=0, help="How many CIs are drawn; 0: all in scope.")] = 0,
    stratified: Annotated[bool, typer.Option("--stratified", help="Each class gives its share of the sample.")] = False,
    every_months: Annotated[int, typer.Option("--every-months", min=0, help="Planned anew when it begins; 0: once.")] = 0,
    due_days: Annotated[int, typer.Option("--due-days", min=0, help="How long findings may stay open.")] = 30,
    seed: Annotated[str, typer.Option("--seed", help="To draw an earlier sample again; without it, chance.")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Plan a run. Its seed is written down, so that anybody can draw the same sample again."""
    wanted = {
        "title": title,
        "query": query,
        "planned_at": at,
        "responsible": responsible,
        "method": method.value,
        "sample_size": sample or None,
        "is_stratified": stratified,
        "every_months": every_months or None,
        "due_days": due_days,
        "seed": seed,
    }
    made = open_client(url).send("POST", "/v1/verifications", wanted)
    tell(f"verification {made['number']} is planned for {instant(made['planned_at'])}; seed {made['seed']}", made, output)


@COMMANDS.command("list")
def list_runs(
    state: Annotated[list[str] | None, typer.Option("--state", help="planned, running, measured, signed or cancelled; again for several.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """List runs, newest plan first."""
    show_pages(open_client(url), "/v1/verifications", COLUMNS, output, limit=limit, state=state)


@COMMANDS.command()
def show(
    run: RunArgument,
    record: Annotated[bool, typer.Option("--record", help="The whole run as evidence: population, every CI, findings.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """One run: plan, result, and whether what was signed is unchanged."""
    client = open_client(url)
    if record:
        whole: dict[str, Any] = client.get(f"/v1/verifications/{part(run)}/record")
        if output in {Output.JSON, Output.YAML}:
            show_one(whole, [], output)
        else:
            show_list(whole["items"], ITEM_COLUMNS, output)
            if output is Output.TABLE and whole["findings"]:
                show_list(whole["findings"], FINDING_COLUMNS, output)
        return
    found: dict[str, Any] = client.get(f"/v1/verifications/{part(run)}")
    show_one(found, _rows(found), output)


@COMMANDS.command()
def items(
    run: RunArgument,
    answer: Annotated[list[str] | None, typer.Option("--answer", help="open, equal, differs or not_found; again for several.")] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """The CIs of its sample, with what is still to be checked."""
    show_pages(open_client(url), f"/v1/verifications/{part(run)}/items", ITEM_COLUMNS, output, limit=limit, answer=answer)


@COMMANDS.command()
def run(run: RunArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Draw the sample and begin; the automatic method is measured at once."""
    found = open_client(url).send("POST", f"/v1/verifications/{part(run)}/run")
    text = f"verification {found['number']}: {found['sampled']} of {found['population']} CIs drawn"
    tell(f"{text}; {_say_result(found)}" if found["result"] else f"{text}; answer with: muster verification answer {run} CI", found, output)


@COMMANDS.command()
def answer(
    run: RunArgument,
    ci: Annotated[int, typer.Argument(help="The CI's number.")],
    values: Annotated[
        list[str] | None, typer.Argument(help="attribute=equal, attribute=not_found, or attribute=differs:VALUE that was found.")
    ] = None,
    *,
    equal: Annotated[bool, typer.Option("--equal", help="Every other value is equal.")] = False,
    missing: Annotated[bool, typer.Option("--not-found", help="The CI itself is not there.")] = False,
    note: Annotated[str, typer.Option("--note", help="Kept with the answer.")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Say what was found of one CI of a manual run."""
    client = open_client(url)
    answers, found = parse_answers(values or [])
    if equal:
        attributes = _attributes(client.get(f"/v1/verifications/{part(run)}/record"), ci)
        answers = {**dict.fromkeys(attributes, "equal"), **answers}
    body = {"ci": ci, "is_found": not missing, "answers": answers, "found": found, "note": note}
    done = client.send("POST", f"/v1/verifications/{part(run)}/answers", body)
    text = f"verification {done['number']}: {done['answered']} of {done['sampled']} CIs answered"
    tell(f"{text}; {_say_result(done)}" if done["result"] else text, done, output)


@COMMANDS.command("sign-off")
def sign_off(
    run: RunArgument,
    note: Annotated[str, typer.Option("--note", help="Kept with the run.")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Confirm the result as a second person; nobody can change it afterwards."""
    done = open_client(url).send("POST", f"/v1/verifications/{part(run)}/sign-off", {"note": note})
    tell(f"verification {done['number']} is signed off by {done['signed_by']}; digest {done['digest']}", done, output)


@COMMANDS.command()
def cancel(
    run: RunArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the run.")],
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Cancel a run that is not signed off."""
    done = open_client(url).send("POST", f"/v1/verifications/{part(run)}/cancel", {"reason": reason})
    tell(f"verification {done['number']} is cancelled", done, output)


def parse_answers(values: list[str]) -> tuple[dict[str, str], dict[str, object]]:
    """`serial=differs:X9` → ({serial: differs}, {serial: X9}). A found value that is JSON is taken as such. Raises InputError."""
    answers: dict[str, str] = {}
    found: dict[str, object] = {}
    for each in values:
        name, mark, said = each.partition("=")
        word, has_value, value = said.partition(":")
        if not mark or word not in {"equal", "differs", "not_found"} or (has_value and word != "differs"):
            raise InputError(f"{quote(each)} is no answer; write attribute=equal, attribute=not_found or attribute=differs:VALUE", path="answers")
        answers[name] = word
        if has_value:
            try:
                found[name] = json.loads(value)
            except ValueError:
                found[name] = value
    return answers, found


def _attributes(record: dict[str, Any], number: int) -> list[str]:
    for item in record["items"]:
        if item["ci"]["number"] == number:
            return [each[0] for each in item["values"]]
    raise InputError(f"CI {number} is not in the sample", path="ci")


def _interval(result: Mapping[str, Any] | None) -> object:
    if not result or result["lower"] is None:
        return None
    return f"{say_ratio(result['lower'])} to {say_ratio(result['upper'])}"


def _say_result(run: Mapping[str, Any]) -> str:
    result = run["result"]
    return f"{result['equal']} of {result['examined']} agree ({say_ratio(result['ratio'])}), {counted(run['open_findings'], 'finding')}"


def _rows(found: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [(each.name, each.read(found)) for each in COLUMNS]
    names = ("query", "seed", "sample_size", "is_stratified", "population", "answered", "every_months", "planned_by", "measured_by", "note", "digest")
    rows += [(name.replace("_", " "), found[name]) for name in names]
    rows += [("measured", instant(found["measured_at"])), ("signed", instant(found["signed_at"])), ("unchanged since signed", found["is_intact"])]
    result = found["result"]
    if result:
        rows += [(name.replace("_", " "), result[name]) for name in ("equal", "differs", "not_found", "values_equal", "values_compared")]
        rows += [(f"of {each['class']}", f"{each['equal']} of {each['examined']} agree, {each['population']} in scope") for each in result["strata"]]
    return rows
