"""`muster export`: all that is on record as a file, with the mapping by which it comes back unchanged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from muster.cli.client import open_client
from muster.cli.listing import progress
from muster.cli.output import UrlOption, write
from muster.cli.record_file import Record, render_csv, render_json, render_mapping
from muster.errors import ConfigurationError

COMMANDS = typer.Typer(help="What is on record, as a file for other tools.", no_args_is_help=True)
QueryArgument = Annotated[list[str] | None, typer.Argument(help="Query over CIs; without: all that are on record.")]
FileOption = Annotated[Path | None, typer.Option("--file", "-f", help="Write into this file in place of standard output.")]
MappingOption = Annotated[Path | None, typer.Option("--mapping", "-m", help="Also write the mapping by which `muster import` takes it back.")]


@COMMANDS.command()
def csv(query: QueryArgument = None, file: FileOption = None, mapping: MappingOption = None, url: UrlOption = None) -> None:
    """As CSV: a row for each host or device on record, a column for each attribute that one has."""
    records = _fetch(url, query)
    _put(render_csv(records), file)
    if mapping is not None:
        _put(render_mapping(records, "csv"), mapping)


@COMMANDS.command()
def json(query: QueryArgument = None, file: FileOption = None, mapping: MappingOption = None, url: UrlOption = None) -> None:
    """As JSON: a list with an object for each host or device on record."""
    records = _fetch(url, query)
    _put(render_json(records), file)
    if mapping is not None:
        _put(render_mapping(records, "json"), mapping)


def _fetch(url: str | None, query: list[str] | None) -> list[Record]:
    found: list[Record] = []
    with progress() as advance:
        for page in open_client(url).pages("/v1/records", limit=None, query=" ".join(query or [])):
            found += page["items"]
            advance(len(found), int(page["total"]))
    return found


def _put(text: str, file: Path | None) -> None:
    if file is None:
        sys.stdout.write(text)
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as opened:
            write(text, opened)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be written: {error.strerror}; check the path and its rights") from None
