"""`muster ci merge`, `unmerge`, `split`, `delete` and `assign`: CIs made one and made two again, each shown before it is done.

Registered under `muster ci`; this module declares no noun of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from muster.cli.ci import COMMANDS as CI_COMMANDS
from muster.cli.ci import KeyArgument
from muster.cli.client import open_client, part
from muster.cli.output import Output, OutputOption, UrlOption, instant, show_one, tell, to_text
from muster.errors import ConfigurationError, quote

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Tell what would come of it and write nothing.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]


@CI_COMMANDS.command("merge")
def merge_cis(
    keep: Annotated[str, typer.Argument(help="The CI that stays: number or id.")],
    others: Annotated[list[str], typer.Argument(help="The CIs that become it.")],
    choose: Annotated[
        list[str] | None, typer.Option("--choose", help="ATTRIBUTE=survivor|loser|NUMBER: whose recorded value holds; again for several.")
    ] = None,
    reason: ReasonOption = "",
    *,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Make CIs one. Their ids and numbers lead to the one that stays; `muster ci unmerge` takes it back."""
    client = open_client(url)
    choices = dict(_choice(each) for each in choose or [])
    if dry_run:
        found = client.get("/v1/merges/preview", ci=[keep, *others], keep=keep)
        show_one(found, list(preview_rows(found)), output)
        return
    made = client.send("POST", "/v1/merges", {"cis": [keep, *others], "keep": keep, "choices": choices, "reason": reason})
    tell(f"{', '.join(others)} merged into {keep}; take it back with: muster ci unmerge {made['id']}", made, output)


def _choice(text: str) -> tuple[str, str]:
    attribute, found, word = text.partition("=")
    if not found or not attribute or not word:
        raise ConfigurationError(f"--choose {quote(text)}: write ATTRIBUTE=survivor, ATTRIBUTE=loser or ATTRIBUTE=NUMBER")
    return attribute, word


@CI_COMMANDS.command("unmerge")
def unmerge_ci(
    merge: Annotated[str, typer.Argument(help="The CI that was merged away, the one that stayed, or the merge's decision.")],
    reason: ReasonOption = "",
    *,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Take a merge back: the CIs are what they were and never merge again by a rule. Of an un-merge's decision: merge again."""
    client = open_client(url)
    made = client.send("POST", "/v1/unmerges" + ("/rehearsal" if dry_run else ""), {"merge": merge, "reason": reason})
    if dry_run:
        show_one(made, list(outcome_rows(made)), output)
        return
    tell(
        f"{made['kind']}: done; see what was made in between with: muster ci merges CI; take it back with: muster ci unmerge {made['id']}",
        made,
        output,
    )


@CI_COMMANDS.command("split")
def split_ci(
    ci: KeyArgument,
    records: Annotated[list[str], typer.Argument(help="Its records that are another thing: kind/name/instance, or 'kind/name/instance REF'.")],
    reason: ReasonOption = "",
    *,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Split records off that were linked wrongly from the start; they become a CI of their own."""
    made = open_client(url).send("POST", "/v1/splits" + ("/rehearsal" if dry_run else ""), {"ci": ci, "records": records, "reason": reason})
    if dry_run:
        show_one(made, list(outcome_rows(made)), output)
        return
    tell(f"split off from {ci}; take it back with: muster ci unmerge {made['id']}", made, output)


@CI_COMMANDS.command("merges")
def show_merges(ci: KeyArgument, output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """A CI's merges, and what was made between a merge and its un-merge and waits for its owner."""
    found: dict[str, Any] = open_client(url).get(f"/v1/cis/{part(ci)}/merges")
    rows: list[tuple[str, object]] = []
    for each in found["merges"]:
        state = "in force" if each["undone_by"] is None else "taken back"
        rows.append(
            (
                to_text(instant(each["at"])),
                f"{_name(each['loser'])} into {_name(each['survivor'])}, {each['made_by']}, {state}: {each['decision_id']}",
            )
        )
    for each in found["made_later"]:
        word = "assigned" if each["is_assigned"] else "not assigned"
        rows.append((f"later {each['id']}", f"{each['kind']} {_brief(each['summary'])}: {_name(each['ci'])} or {_name(each['other'])}, {word}"))
    rows += [("tombstone", f"#{each['number']} {each['name']}, deleted {to_text(instant(each['deleted_at']))}") for each in found["tombstones"]]
    show_one(found, rows or [("merges", "none")], output)


@CI_COMMANDS.command("assign")
def assign(
    later: Annotated[int, typer.Argument(help="The number of what was made later, as `muster ci merges` lists it.")],
    ci: Annotated[str, typer.Argument(help="Whose it is: number or id.")],
    reason: ReasonOption = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Say whose something is that was made between a merge and its un-merge."""
    made = open_client(url).send("POST", f"/v1/made-later/{later}/assignment", {"ci": ci, "reason": reason})
    tell(f"{later} belongs to {ci}", made, output)


@CI_COMMANDS.command("delete")
def delete(ci: KeyArgument, reason: ReasonOption = "", output: OutputOption = Output.TABLE, url: UrlOption = None) -> None:
    """Delete a CI with its parts. A tombstone stays, and the same device is seen anew if it reports again. For administrators."""
    path = f"/v1/cis/{part(ci)}" + (f"?reason={part(reason)}" if reason else "")
    made = open_client(url).send("DELETE", path)
    tell(f"{ci} is deleted; undo with: muster difference undo {made['id']}", made, output)


def preview_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """A preview, for people."""
    yield "stays", _name(found["survivor"])
    if found["proposal"]["id"] != found["survivor"]["id"]:
        yield "proposed to stay", _name(found["proposal"])
    names = {side["ci"]["id"]: _name(side["ci"]) for side in found["sides"]}
    for side in found["sides"]:
        counts = ", ".join(f"{side[name]} {name.replace('_', ' ')}" for name in _COUNTED if side[name])
        yield names[side["ci"]["id"]], f"{side['lifecycle']}, {side['presence']}; {counts or 'nothing hangs on it'}"
        yield "", "; ".join(side["records"]) or "no source sees it"
    yield from evidence_rows(found["evidence"], names)
    for each in found["values"]:
        if each["is_conflict"]:
            told = " | ".join(f"{names[one['ci_id']]}: {to_text(one['value'])}" for one in each["stated"] if one["has_value"])
            yield f"conflict: {each['attribute']}", f"{told}; {to_text(each['result'])} would hold"
    yield "parts", f"{found['parts_joined']} are the same, {found['parts_moved']} come along"
    for each in found["refusals"]:
        yield f"refused: {each['code']}", each["message"]


_COUNTED = ("relations", "parts", "pins", "open_differences", "incidents", "series", "state_changes")


def evidence_rows(evidence: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    """What agrees and what differs, kind by kind."""
    for each in evidence:
        told = " | ".join(f"{names.get(ci_id, ci_id)}: {', '.join(values) or '-'}" for ci_id, values in each["values"])
        yield f"{each['word']}: {each['kind']}", told


def outcome_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """What a decision would make, for people."""
    yield "would be", found["kind"]
    for each in found["cis"]:
        if each["merged_into"] is not None:
            yield _name(each["ci"]), f"leads to #{each['merged_into']}"
        else:
            yield _name(each["ci"]), f"{'; '.join(each['records']) or 'no source sees it'}; {each['parts']} parts"


def _name(ci: Mapping[str, Any]) -> str:
    return f"{ci['name']} (#{ci['number']})"


def _brief(summary: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {to_text(value)}" for name, value in summary.items() if value not in (None, ""))
