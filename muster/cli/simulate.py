"""`muster simulate`: what a report would do, or what a course of events comes to in a store of its own (docs/cases.md)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from muster.cli.client import open_client
from muster.cli.output import EXIT_REFUSED, Output, OutputOption, UrlOption, clean, write
from muster.cli.replay import read_rules, replay
from muster.cli.state_table import STATE_TABLES, TRIAL_TABLES, show_parts
from muster.errors import ConfigurationError, DocumentError, InputError, TooLargeError

MAXIMUM_BYTES = 64 * 1_048_576


def simulate(  # noqa: PLR0913 -- each is an option of the command
    file: Annotated[
        Path | None, typer.Argument(help="A report as on the wire, or with --empty a case, in YAML or JSON; - for standard input.")
    ] = None,
    *,
    empty: Annotated[bool, typer.Option("--empty", help="The file is a case: run it from an empty CMDB on. Needs no collector.")] = False,
    check: Annotated[bool, typer.Option("--check", help="With --empty: compare with what the case expects; 1 where it is otherwise.")] = False,
    raw_ids: Annotated[bool, typer.Option("--raw-ids", help="With --empty: print the stored ids instead of ci-1, ci-2, ...")] = False,
    database: Annotated[
        str | None, typer.Option(help="With --empty: run in this empty database; with --days: read this collector's database, without a collector.")
    ] = None,
    days: Annotated[float | None, typer.Option("--days", help="Instead of a file: hold the last days' reports against changed rules.")] = None,
    classes: Annotated[Path | None, typer.Option("--classes", help="With --days: the folder of class files as they would be.")] = None,
    settings: Annotated[Path | None, typer.Option("--settings", help="With --days: a TOML file of reconciliation numbers as they would be.")] = None,
    policies: Annotated[Path | None, typer.Option("--policies", help="With --days: the folder of policies as they would be.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a case file. Needs no collector.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """What would happen: a report at a running collector, the last days under other rules, or a case from an empty CMDB on. Writes nothing there."""
    if schema:
        from collector.simulation.case_format import to_json_schema

        write(json.dumps(to_json_schema(), indent=2, ensure_ascii=False))
        return
    if days is not None:
        if file is not None or empty:
            raise typer.BadParameter("--days replays the journal and takes no file", param_hint="--days")
        replay(days, read_rules(classes, settings, policies), output, database=database, url=url)
        return
    if file is None:
        raise typer.BadParameter("name a report's file, or with --empty a case's; - for standard input", param_hint="FILE")
    if classes is not None or settings is not None or policies is not None:
        raise typer.BadParameter("--classes, --settings and --policies are changed rules for a replay; say --days 30", param_hint="--days")
    if output is Output.CSV:
        raise ConfigurationError("the outcome is nested and is no csv; use --output json, yaml or table")
    text, name = read_text(file)
    if empty:
        _run_case(text, name, output, check=check, raw_ids=raw_ids, database=database)
        return
    if check or raw_ids or database is not None:
        raise typer.BadParameter("--check, --raw-ids and --database belong to a case; say --empty", param_hint="--empty")
    show_parts(open_client(url).send("POST", "/v1/simulations", _parse_report(text, name)), TRIAL_TABLES, output)


COMMAND = simulate


def _run_case(text: str, name: str, output: Output, *, check: bool, raw_ids: bool, database: str | None) -> None:
    from collector.simulation.case_file import parse_case
    from collector.simulation.case_text import CaseText
    from collector.simulation.course import Course
    from collector.store.scratch import open_empty, open_scratch

    case = parse_case(text, name)
    with open_scratch() if database is None else open_empty(database) as opened:
        course = Course(case, opened)
        try:
            course.run(checks=check)
        except InputError as error:
            raise CaseText(text, name).error(error.path, error.message) from None
        state = course.read_state(raw_ids=raw_ids)
    show_parts(state, STATE_TABLES, output)
    if check:
        for fault in course.faults:
            print(clean(f"not as expected: {fault}"), file=sys.stderr)
        if course.faults:
            raise typer.Exit(EXIT_REFUSED)


def _parse_report(text: str, name: str) -> dict[str, Any]:
    """The plain value of a report. Raises DocumentError; its faults in detail are the collector's to say."""
    from collector.simulation.case_text import CaseText

    value = CaseText(text, name).value
    if isinstance(value, dict) and isinstance(value.get("steps"), list):
        raise DocumentError("this is a case, not a report; say --empty to run it", file=name, line=1)
    if not isinstance(value, dict):
        raise DocumentError("no report: a mapping with source and sections must stand here", file=name, line=1)
    return value


def read_text(path: Path) -> tuple[str, str]:
    """(text, name) of a file or standard input. Raises ConfigurationError, DocumentError, TooLargeError."""
    name = "standard input" if str(path) == "-" else str(path)
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(MAXIMUM_BYTES + 1)
        else:
            with path.open("rb") as stream:
                raw = stream.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read: {error.strerror}; check path and rights") from None
    if len(raw) > MAXIMUM_BYTES:
        raise TooLargeError(f"{name}: over {MAXIMUM_BYTES} bytes; shorten it", limit_bytes=MAXIMUM_BYTES)
    try:
        return raw.decode("utf-8-sig"), name
    except UnicodeDecodeError:
        raise DocumentError("not UTF-8 text; save the file as UTF-8", file=name, line=1) from None
