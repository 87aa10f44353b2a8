"""`muster import`: a file of recorded CIs, tried first or put on record."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from muster.cli.client import open_client
from muster.cli.output import EXIT_REFUSED, Output, OutputOption, UrlOption, column, render_value, show_list, write
from muster.errors import ConfigurationError, quote

FILE_LIMIT = 64 * 1_048_576
KEPT_BODY_BYTES = 12 * 1_048_576  # of a larger file no answer is kept: to import it again changes nothing
TIMEOUT_SECONDS = 3_600.0
FAULT_COLUMNS = (column("row"), column("column"), column("value"), column("what to do", "message"))
NEAR_COLUMNS = (column("row"), column("looks like", "name"), column("number"), column("by", "rule"))


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, JSON or XLSX; what it is, is seen from its content.")],
    mapping: Annotated[Path, typer.Option("--mapping", "-m", help="What its columns are (TOML or YAML, docs/import.md).")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and write nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Put the good rows on record although others are refused.")] = False,
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "",
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
) -> None:
    """Put a file of CIs on record: one decision, all rows or none. To import it again changes nothing."""
    content = _read(file, FILE_LIMIT)
    body = {
        "content": base64.b64encode(content).decode(),
        "mapping": _read_text(mapping),
        "mapping_name": mapping.name,
        "file_name": file.name,
        "dry_run": dry_run,
        "skip_bad": skip_bad,
        "reason": reason,
    }
    client = open_client(url, timeout_seconds=TIMEOUT_SECONDS)
    with _waiting(f"{'trying' if dry_run else 'importing'} {file.name}"):
        told: dict[str, Any] = client.send("POST", "/v1/imports", body, has_key=len(content) <= KEPT_BODY_BYTES)
    if output in (Output.JSON, Output.YAML):
        write(render_value(told, output))
    elif output is Output.CSV:
        show_list(told["faults"], FAULT_COLUMNS, output)
    else:
        _show(told, output)
    if told["refused"]:
        raise typer.Exit(EXIT_REFUSED)


def _show(told: dict[str, Any], output: Output) -> None:
    """The match rate first, then what becomes of the rows, then what to do."""
    linked = sum(told["linked"].values())
    rate = f"{100 * linked / told['rows']:.1f} %" if told["rows"] else "-"
    by = ", ".join(f"{count} by {rule}" for rule, count in told["linked"].items())
    write(f"{rate} of {told['rows']} rows are CIs that are there already" + (f" ({by})" if by else ""))
    write(f"{told['new']} new, {told['changed']} changed, {told['unchanged']} unchanged, {told['refused']} refused")
    if told["missing"]:
        held = ", so many that the file is suspected" if told["is_braked"] else ""
        write(f"{told['missing']} CIs of earlier imports are not in the file{held}; a case lists them, they stay on record")
    if told["near_misses"]:
        show_list(told["near_misses"], NEAR_COLUMNS, output)
    if told["faults"]:
        show_list(told["faults"], FAULT_COLUMNS, output, total=told["fault_count"])
    if told["is_applied"]:
        write(f"on record; `muster difference undo {told['decision_id']}` takes all of it back")
    elif told["is_dry_run"]:
        write("nothing was written: this was a dry run")
    elif told["refused"]:
        write("nothing was written: correct the rows, or --skip-bad")
    else:
        write("nothing was written: all of it is on record already")


def _read(file: Path, limit: int) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}; check the path and its rights") from None
    if len(content) > limit:
        raise ConfigurationError(f"{file}: larger than {limit} bytes; split it")
    return content


def _read_text(file: Path) -> str:
    try:
        return _read(file, 1_048_576).decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: not UTF-8 text; save the mapping {quote(file.name)} as UTF-8") from None


def _waiting(text: str) -> Any:
    """A bar on standard error where that is a terminal."""
    from contextlib import nullcontext

    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)


NOUN = "import"
COMMAND = import_file
