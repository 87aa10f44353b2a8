"""`muster simulate`: what a course of events comes to, in a store of its own (docs/cases.md)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from muster.cli.output import EXIT_REFUSED, Output, OutputOption, clean, render_columns, render_value, to_text, write
from muster.errors import ConfigurationError, DocumentError, InputError, TooLargeError

MAXIMUM_BYTES = 64 * 1_048_576
_TABLES: dict[str, tuple[str, ...]] = {
    "cis": ("id", "class", "name", "owner", "lifecycle", "presence", "is_recorded", "source_records"),
    "differences": ("kind", "subject", "attribute", "recorded", "observed", "state"),
    "cases": ("kind", "members", "state"),
    "relations": ("type", "from", "to", "qualifier", "side", "sources"),
    "redirects": ("class", "name", "to"),
    "held": ("source", "ref"),
    "rejected": ("step", "path", "reason"),
    "refused": ("step", "code", "message"),
}


def simulate(
    case: Annotated[Path | None, typer.Argument(help="The case's file, YAML or JSON; - for standard input.")] = None,
    *,
    empty: Annotated[bool, typer.Option("--empty", help="Run a case file against an empty CMDB. Needs no collector.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Compare with what the case expects; 1 where it is otherwise.")] = False,
    raw_ids: Annotated[bool, typer.Option("--raw-ids", help="Print the stored ids instead of ci-1, ci-2, ...")] = False,
    database: Annotated[str | None, typer.Option(help="Run in this empty database instead of a temporary one.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a case file. Needs no collector.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """What would happen: a case file from an empty CMDB on. Changes nothing anywhere."""
    if schema:
        from collector.simulation.case_format import to_json_schema

        write(json.dumps(to_json_schema(), indent=2, ensure_ascii=False))
        return
    if case is None:
        raise typer.BadParameter("name a case's file, or - for standard input", param_hint="CASE")
    if not empty:
        raise typer.BadParameter("say --empty: a case runs from an empty CMDB on", param_hint="--empty")
    if output is Output.CSV:
        raise ConfigurationError("a state is nested and is no csv; use --output json, yaml or table")
    _run(*read_text(case), output, check=check, raw_ids=raw_ids, database=database)


COMMAND = simulate


def _run(text: str, name: str, output: Output, *, check: bool, raw_ids: bool, database: str | None) -> None:
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
    show_state(state, output)
    if check:
        for fault in course.faults:
            print(clean(f"not as expected: {fault}"), file=sys.stderr)
        if course.faults:
            raise typer.Exit(EXIT_REFUSED)


def show_state(state: Mapping[str, Any], output: Output) -> None:
    """The state whole, or a table of each part that is not empty."""
    if output is not Output.TABLE:
        write(render_value(state, output))
        return
    for part, columns in _TABLES.items():
        if state.get(part):
            rows = [[_cell(each.get(name)) for name in columns] for each in state[part]]
            write(f"{part.upper()}\n{render_columns([columns, *rows])}")


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


def _cell(value: object) -> str:
    if isinstance(value, list) and value and all(isinstance(each, Mapping) and "ref" in each for each in value):
        return ", ".join(f"{each['source']}:{each['ref']}" for each in value)
    return to_text(value)
