"""What is on record as CSV or JSON, and the mapping file by which an import of it changes nothing. Pure.

A text that a spreadsheet would run as a formula, or that begins with an apostrophe, gets an apostrophe, which imports take off again.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from muster.instant import render_instant

Record = Mapping[str, Any]
HEAD = ("id", "number", "class", "zone", "lifecycle")
_FORMULA = re.compile(r"[=+\-@\t\r']")
_IDENTIFIER = "identifier."
_TAG = "tag."


def render_csv(records: Sequence[Record]) -> str:
    """RFC 4180 with a heading; lists as JSON, instants as RFC 3339."""
    columns = columns_of(records)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*HEAD, *columns])
    for each in records:
        row = _cells(each)
        writer.writerow([_guard(row.get(name)) for name in (*HEAD, *columns)])
    return out.getvalue()


def render_json(records: Sequence[Record]) -> str:
    """A list of objects, one a line."""
    rows = (json.dumps(_cells(each), ensure_ascii=False) for each in records)
    return "[\n" + ",\n".join(rows) + "\n]\n"


def render_mapping(records: Sequence[Record], form: Literal["csv", "json"]) -> str:
    """The mapping file (TOML) of such an export."""
    lines = ['id = "export"', 'class = {column = "class"}', 'zone = {column = "zone"}', 'lifecycle = {column = "lifecycle"}', 'ci = "id"']
    lines += ["", "[format]", f'kind = "{form}"', "trim = false", 'empty = [""]']
    lines += ['delimiter = ","'] if form == "csv" else []
    for group, prefix in (("identifiers", _IDENTIFIER), ("attributes", ""), ("tags", _TAG)):
        named = [each for each in columns_of(records) if _group(each) == group]
        lines += ["", f"[{group}]", *(f"{_quote(each.removeprefix(prefix))} = {_quote(each)}" for each in named)] if named else []
    return "\n".join(lines) + "\n"


def columns_of(records: Sequence[Record]) -> list[str]:
    """Every attribute, identifier and tag that some record has, sorted."""
    names = {name for each in records for name in each["recorded"]}
    return [*sorted(names), *sorted({f"{_TAG}{name}" for each in records for name in each["tags"]})]


def _group(column: str) -> str:
    return "tags" if column.startswith(_TAG) else "identifiers" if column.startswith(_IDENTIFIER) else "attributes"


def _cells(record: Record) -> dict[str, Any]:
    """A record's values by column; instants as text."""
    head = {name: record[name] for name in HEAD}
    types: Mapping[str, str] = record["types"]
    values = {
        name: render_instant(value) if types.get(name) == "timestamp" and isinstance(value, int) else value
        for name, value in record["recorded"].items()
    }
    return {**head, **values, **{f"{_TAG}{name}": text for name, text in record["tags"].items()}}


def _guard(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
