"""One cell as the value of an attribute: words that mean something else, numbers, dates, booleans and lists as they are written. Pure."""

from __future__ import annotations

import datetime
import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET

from collector.imports.mapping import Cell, Format
from collector.imports.table import CELL_LIMIT
from muster.errors import InputError, quote
from muster.model.ci_class import Attribute

_GUARDED = re.compile(r"'[=+\-@\t\r']")
NOTHING: Any = object()  # the cell says nothing
CLEARED: Any = object()  # the cell takes the value off the record


def read_cell(cell: Cell, cells: Any, form: Format) -> Any:
    """The raw value of a cell, with words and defaults applied; NOTHING or CLEARED. Raises InputError for a word that `values` lacks."""
    if cell.column is None:
        return cell.constant
    raw = cells.get(cell.column)
    text = _plain_text(raw, form) if isinstance(raw, str) else raw
    if isinstance(text, str) and len(text) > CELL_LIMIT:
        raise InputError(f"{len(text)} characters; the limit of a cell is {CELL_LIMIT}", path="")
    if isinstance(text, str) and "\0" in text:
        raise InputError("holds a NUL character; write it without", path="")
    if text is None or text == [] or (isinstance(text, str) and text in form.empty):
        if cell.default is not UNSET:
            return cell.default
        return CLEARED if cell.clears else NOTHING
    if not cell.values:
        return text
    known = cell.values.get(str(text), NOTHING)
    if known is NOTHING and cell.default is UNSET:
        raise InputError(f"{quote(text)} is none of {', '.join(sorted(cell.values))}; add it to values, or give a default", path="")
    return cell.default if known is NOTHING else known


def _plain_text(raw: str, form: Format) -> str:
    """Text without the apostrophe that keeps a spreadsheet from running it as a formula."""
    text = raw.strip() if form.trim else raw
    return text[1:] if _GUARDED.match(text) else text


def to_text(value: Any) -> str:
    """A value as an identifier, a key or a tag is written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_list(value: Any, cell: Cell, form: Format) -> list[str]:
    """The members of a list, apart at the separator."""
    if isinstance(value, list):
        return [to_text(each) for each in value if each is not None and to_text(each)]
    text = to_text(value)
    if text.startswith("["):
        try:
            return [to_text(each) for each in msgspec.json.decode(text, type=list[str | int | float | bool])]
        except msgspec.DecodeError:
            pass  # a list as this file writes it, that begins with a bracket
    separator = cell.separator or form.separator
    return [each.strip() for each in text.split(separator) if each.strip()]


def to_value(value: Any, attribute: Attribute, cell: Cell, form: Format) -> Any:
    """A raw value as the attribute's type has it. Raises InputError."""
    if attribute.type == "list":
        return to_list(value, cell, form)
    if isinstance(value, list):
        raise InputError(f"a list where one {attribute.type} belongs", path="")
    match attribute.type:
        case "integer" | "number":
            return _to_number(value, attribute, cell, form)
        case "boolean":
            return _to_boolean(value, form)
        case "timestamp":
            return _to_instant(value, cell, form)
        case _:
            return to_text(value)


def _to_number(value: Any, attribute: Attribute, cell: Cell, form: Format) -> int | float:
    if isinstance(value, bool):
        raise InputError(f"{quote(value)} is no {attribute.type}", path="")
    number: int | float
    if isinstance(value, int | float):
        number = value
    else:
        text = to_text(value).replace("\u00a0", " ")
        plain = text.replace(form.thousands, "") if form.thousands else text
        plain = plain.replace(form.decimal, ".") if form.decimal != "." and "." not in plain else plain
        try:
            number = int(plain) if plain.lstrip("+-").isdecimal() else float(plain)
        except ValueError:
            written = f"decimal {form.decimal!r}, thousands {form.thousands!r}"
            raise InputError(f"{quote(text)} is no number as written in this file ({written})", path="") from None
    try:
        number = number * cell.factor if cell.factor is not None else number
    except OverflowError:
        raise InputError(f"{quote(value)} is too large a number", path="") from None
    return round(number) if attribute.type == "integer" and cell.factor is not None and number == number and abs(number) < 2**62 else number  # noqa: PLR0124 -- not a number equals nothing


def _to_boolean(value: Any, form: Format) -> bool:
    if isinstance(value, bool):
        return value
    text = to_text(value).casefold()
    if text in {each.casefold() for each in form.true}:
        return True
    if text in {each.casefold() for each in form.false}:
        return False
    raise InputError(f"{quote(to_text(value))} is neither {' nor '.join(form.true[:2])} nor {' nor '.join(form.false[:2])}", path="")


def _to_instant(value: Any, cell: Cell, form: Format) -> Any:
    pattern = cell.date or form.date
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = to_text(value)
    try:
        zone = ZoneInfo(form.time_zone)
        found = datetime.datetime.strptime(text, pattern) if pattern else datetime.datetime.fromisoformat(text)  # noqa: DTZ007 -- its zone is set next
    except (ZoneInfoNotFoundError, ValueError, OSError, re.error) as error:  # re.error: a pattern that names one part twice
        if isinstance(error, ValueError | re.error):
            raise InputError(f"{quote(text)} is no date as {pattern or 'ISO 8601'} writes it; say how with format.date", path="") from None
        raise InputError(f"unknown time zone {quote(form.time_zone)}", path="format.time_zone") from None
    moment = found if found.tzinfo is not None else found.replace(tzinfo=zone)
    try:
        moment = moment.astimezone(datetime.UTC)
    except OverflowError:
        raise InputError(f"{quote(text)} is a date that no calendar has in UTC", path="") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
