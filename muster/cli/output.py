"""How commands answer: a table for people, JSON, YAML or CSV for programs; and the exit codes (docs/cli.md).

Text that came from the network never reaches a terminal or a spreadsheet as a command: control characters are shown as such, and a CSV
field that a spreadsheet would run as a formula starts with an apostrophe.
"""

from __future__ import annotations

import csv
import enum
import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Annotated, Any

import typer

from muster.errors import AuthenticationError, AuthorisationError, ConflictError, MusterError, NotFoundError, UnavailableError
from muster.instant import render_instant

EXIT_REFUSED, EXIT_USAGE, EXIT_NOT_FOUND, EXIT_FORBIDDEN, EXIT_UNREACHABLE, EXIT_CONFLICT = range(1, 7)
EXIT_FAULT = 70  # EX_SOFTWARE of sysexits(3)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FORMULA = re.compile(r"[=+\-@\t\r]")
_COLOURS = {
    **dict.fromkeys(("up", "met", "active", "seen"), "green"),
    **dict.fromkeys(("down", "breached", "critical", "absent"), "red"),
    **dict.fromkeys(("degraded", "undetermined", "high", "major", "stale"), "yellow"),
}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


class Output(enum.StrEnum):
    """The form of an answer."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table for people; json, yaml or csv for programs.")]
UrlOption = Annotated[str | None, typer.Option("--url", help="The collector's address; else MUSTER_URL or a profile.")]


@dataclass(frozen=True)
class Column:
    """One column: its heading, and what it shows of an item."""

    name: str
    read: Callable[[Mapping[str, Any]], object]

    def text(self, item: Mapping[str, Any]) -> str:
        return to_text(self.read(item))


def counted(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`, `3 classes`: a number with its noun, in English.

    >>> counted(1, "class"), counted(0, "class"), counted(2, "policy")
    ('1 class', '0 classes', '2 policies')
    """
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def column(name: str, *keys: str, read: Callable[[Any], object] | None = None) -> Column:
    """A column of a nested value; `keys` default to the name. `read`: what to show of that value."""
    path = keys or (name,)

    def find(item: Mapping[str, Any]) -> object:
        value: Any = item
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if read is None or value is None else read(value)

    return Column(name, find)


def show_list(items: Sequence[Mapping[str, Any]], columns: Sequence[Column], output: Output, *, total: int | None = None) -> None:
    """A list: whole items as JSON or YAML, the columns as a table or CSV. Tells on standard error when there are more."""
    if output in {Output.JSON, Output.YAML}:
        write(render_value(list(items), output))
    elif output is Output.CSV:
        write(render_csv([each.name for each in columns], [[each.text(item) for each in columns] for item in items]))
    else:
        write_table([each.name for each in columns], [[each.text(item) for each in columns] for item in items])
    if total is not None and total > len(items):
        print(f"{len(items)} of {total} shown; --limit 0 shows all", file=sys.stderr)


def show_one(item: Any, rows: Sequence[tuple[str, object]], output: Output) -> None:
    """One thing: whole as JSON or YAML, its rows `(name, value)` as a table or CSV."""
    if output in {Output.JSON, Output.YAML}:
        write(render_value(item, output))
    elif output is Output.CSV:
        write(render_csv(["name", "value"], [[name, to_text(value)] for name, value in rows]))
    else:
        write_table(["", ""], [[name, to_text(value)] for name, value in rows], has_heading=False)


def tell(text: str, answer: object, output: Output) -> None:
    """What was done: a sentence for people, the collector's answer for programs."""
    if output in {Output.JSON, Output.YAML}:
        write(render_value(answer, output))
    else:
        write(clean(text))


def write(text: str, stream: IO[str] | None = None) -> None:
    """Text as it is, with a line's end."""
    out = sys.stdout if stream is None else stream
    out.write(text if text.endswith("\n") else text + "\n")


def write_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, has_heading: bool = True) -> None:
    """With rich where standard output is a terminal; else plain columns that are never cut."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, show_header=has_heading, pad_edge=False)
        for place, heading in enumerate(headings):
            table.add_column(heading, style=None if has_heading or place else "bold", overflow="fold")
        for row in rows:
            table.add_row(*(_colour(escape(clean(each)), each) for each in row))
        Console(highlight=False).print(table)
        return
    write(render_columns([headings, *rows] if has_heading else rows))


def render_columns(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns with two spaces between."""
    cleaned = [[clean(each) for each in row] for row in rows]
    widths = [max(map(_width, each)) for each in zip(*cleaned, strict=True)]
    return "".join("  ".join(text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in cleaned)


def render_value(value: Any, output: Output) -> str:
    """JSON or YAML."""
    if output is Output.YAML:
        return _render_yaml(value)
    return _CONTROL.sub(
        lambda found: found.group() if found.group() == "\n" else f"\\u{ord(found.group()):04x}", json.dumps(value, indent=2, ensure_ascii=False)
    )


def render_csv(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """RFC 4180 with a heading."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(headings)
    writer.writerows([[_defuse(each) for each in row] for row in rows])
    return out.getvalue()


def to_text(value: object) -> str:
    """A value in a field: `-` for nothing, yes and no, lists with commas, JSON for what is nested."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and all(isinstance(each, str | int | float) for each in value):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def instant(value: object) -> object:
    """Milliseconds as RFC 3339 UTC to the second."""
    return render_instant(value)[:-5] + "Z" if isinstance(value, int) and not isinstance(value, bool) else value


def localised(value: object) -> object:
    """The English text of texts by language."""
    return value.get("en") or next(iter(value.values()), None) if isinstance(value, Mapping) else value


def clean(text: str) -> str:
    """Control characters and changes of direction as `\\x1b`, so that a name from a device cannot steer a terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def exit_code(error: MusterError) -> int:
    """The exit code of an error: docs/cli.md."""
    kinds: tuple[tuple[type[MusterError], int], ...] = (
        (NotFoundError, EXIT_NOT_FOUND),
        (AuthenticationError, EXIT_FORBIDDEN),
        (AuthorisationError, EXIT_FORBIDDEN),
        (UnavailableError, EXIT_UNREACHABLE),
        (ConflictError, EXIT_CONFLICT),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), EXIT_REFUSED)


def _colour(shown: str, text: str) -> str:
    """Words of state and verdict in the colour that people know; the word itself stays."""
    colour = _COLOURS.get(text.partition(":")[0])
    return f"[{colour}]{shown}[/{colour}]" if colour else shown


def _render_yaml(value: Any) -> str:
    """Text with control characters in quotes, as escapes: plain YAML would fold some of them."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """For this one call: representers are kept by class."""

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _CONTROL.search(text) else None)

    Dumper.add_representer(str, represent)
    return str(yaml.dump(value, Dumper=Dumper, allow_unicode=True, sort_keys=False))


def _defuse(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) and text != "-" and not _NUMBER.fullmatch(text) else text


def _width(text: str) -> int:
    """Columns that a text takes on a terminal; East Asian wide characters take two."""
    return sum(0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
