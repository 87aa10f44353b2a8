"""States and trials as tables for people: one table for each part that is not empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from muster.cli.output import Output, render_columns, render_value, to_text, write

STATE_TABLES: dict[str, tuple[str, ...]] = {
    "cis": ("id", "class", "name", "owner", "lifecycle", "presence", "is_recorded", "source_records"),
    "differences": ("kind", "subject", "attribute", "recorded", "observed", "state"),
    "cases": ("kind", "members", "state"),
    "relations": ("type", "from", "to", "qualifier", "side", "sources"),
    "redirects": ("class", "name", "to"),
    "held": ("source", "ref"),
    "rejected": ("step", "path", "reason"),
    "refused": ("step", "code", "message"),
}
TRIAL_TABLES: dict[str, tuple[str, ...]] = {
    "made": ("number", "class", "name"),
    "links": ("ref", "class", "ci", "was", "rule", "explanation"),
    "values": ("ci", "attribute", "old", "new"),
    "differences": ("ci", "kind", "attribute", "recorded", "observed", "was", "state"),
    "cases": ("kind", "members", "was", "state"),
}


def show_parts(value: Mapping[str, Any], tables: Mapping[str, Sequence[str]], output: Output) -> None:
    """The whole value as JSON or YAML, else its tables."""
    if output is not Output.TABLE:
        write(render_value(value, output))
        return
    shown = [name for name in tables if value.get(name)]
    for name in shown:
        rows = [[_cell(each.get(column)) for column in tables[name]] for each in value[name]]
        write(f"{name.upper()}\n{render_columns([list(tables[name]), *rows])}")
    if not shown:
        write("nothing")


def _cell(value: object) -> str:
    """References to CIs and records by what people call them."""
    if isinstance(value, Mapping):
        if "number" in value and "name" in value:
            return f"{value['name']} ({value['number']})" if value["number"] else str(value["name"])
        if "source" in value and "ref" in value:
            return f"{value['source']}:{value['ref']}"
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        return ", ".join(map(_cell, value))
    return "; ".join(value.splitlines()) if isinstance(value, str) and value else to_text(value)
