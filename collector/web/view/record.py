"""Forms of what people record: lines of `name=value` as values, and what came of an import."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from collector.store.imported import ImportReport
from collector.web.view.viewpoint import Viewpoint
from muster.errors import InputError, quote
from muster.model.ci_class import CiClass


class ImportSummary(Struct, frozen=True):
    """`sentences`: the match rate first. `rows`: row, column, value and what to do."""

    is_good: bool
    sentences: list[str]
    rows: list[tuple[int, str, str, str]]
    near: list[tuple[int, int, str]]
    decision_id: str | None


def parse_lines(text: str, ci_class: CiClass | None, *, joins: bool = False) -> dict[str, Any]:
    """`name=value` a line. Values of attributes that are no text are JSON. `joins`: a name that comes again makes a list.

    Raises InputError with the line.
    """
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or not equals:
            raise InputError(f"line {number}: {quote(line)} is no name=value", path="")
        if name in found and not joins:
            raise InputError(f"line {number}: {name!r} is given twice", path="")
        found[name] = (
            [*(found[name] if isinstance(found[name], list) else [found[name]]), value] if name in found else to_typed(value, name, ci_class)
        )
    return found


def to_typed(text: str, name: str, ci_class: CiClass | None) -> Any:
    """What was typed as the value of an attribute: JSON where it is no text."""
    attribute = ci_class.attributes.get(name) if ci_class is not None else None
    if attribute is None or attribute.type in ("text", "ip", "mac", "uuid", "timestamp"):
        return text
    if attribute.type == "list" and not text.startswith("["):
        return [each.strip() for each in text.split(",") if each.strip()]
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text  # refused with the attribute's name where it is checked


def to_import_summary(told: ImportReport, file: str, viewpoint: Viewpoint, *, limit: int) -> ImportSummary:
    """What came of an import, in the reader's language."""
    linked = sum(told.linked.values())
    rate = f"{100 * linked / told.rows:.1f} %" if told.rows else "—"
    by = ", ".join(f"{count} {rule}" for rule, count in told.linked.items())
    sentences = [
        viewpoint.say("%(file)s: %(rate)s of %(rows)s rows are CIs that are there already", file=file, rate=rate, rows=told.rows)
        + (f" ({by})" if by else ""),
        viewpoint.say(
            "%(new)s new, %(changed)s changed, %(unchanged)s unchanged, %(refused)s refused",
            new=told.new,
            changed=told.changed,
            unchanged=told.unchanged,
            refused=told.refused,
        ),
    ]
    if told.missing:
        sentences.append(viewpoint.say("%(count)s CIs of earlier imports are not in the file; a case lists them.", count=told.missing))
    if told.is_applied:
        sentences.append(viewpoint.say("It is on record, as one decision."))
    elif told.is_dry_run:
        sentences.append(viewpoint.say("Nothing was written: this was a trial."))
    elif told.refused:
        sentences.append(viewpoint.say("Nothing was written: correct the rows, or leave the bad ones out."))
    else:
        sentences.append(viewpoint.say("Nothing was written: all of it is on record already."))
    return ImportSummary(
        is_good=told.refused == 0,
        sentences=sentences,
        rows=[(each.row, each.column, each.value, each.message) for each in told.faults[:limit]],
        near=[(each.row, each.number, each.name) for each in told.near_misses[:limit]],
        decision_id=told.decision_id,
    )
