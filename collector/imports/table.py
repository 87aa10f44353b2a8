"""Rows of a CSV, JSON or XLSX file, one after the other, in bounded memory; what is no table is told with its row.

A workbook is a zip archive of XML from outside: its parts are counted and measured before any is opened.
"""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from collector.imports.mapping import Format
from muster.document import suggest
from muster.errors import InputError, TooLargeError, quote

FILE_LIMIT = 64 * 1_048_576
ROWS_LIMIT = 500_000
COLUMNS_LIMIT = 500
CELL_LIMIT = 16_384
_INFLATED_LIMIT = 512 * 1_048_576
_RATIO_LIMIT = 200  # of a whole workbook; real ones stay below 30
_PARTS_LIMIT = 2_000
_TEXTS_LIMIT = 64 * 1_048_576  # of any part but sheets, which are read row by row: the list of all texts is held in memory
_NO_ENCODINGS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "unicode_escape", "raw-unicode-escape", "raw_unicode_escape"})
_DELIMITERS = (",", ";", "\t", "|")


class Row(Struct, frozen=True):
    """One row. `number`: as a spreadsheet counts it, or the place in a JSON list from 1. `fault`: why it cannot be read at all."""

    number: int
    cells: Mapping[str, Any]
    fault: str = ""


class Table(Struct):
    """Columns, and rows to go through once."""

    columns: tuple[str, ...]
    rows: Iterator[Row]


def read_table(content: bytes, form: Format) -> Table:
    """The table of a file's content. Raises InputError, TooLargeError for what is no table of that kind."""
    if len(content) > FILE_LIMIT:
        raise TooLargeError(f"the file has {len(content)} bytes; the limit is {FILE_LIMIT}, split it", limit_bytes=FILE_LIMIT)
    kind = form.kind if form.kind != "auto" else _guess(content)
    if kind == "xlsx":
        return _read_workbook(content, form)
    return _read_json(content) if kind == "json" else _read_csv(content, form)


def _guess(content: bytes) -> str:
    if content.startswith(b"PK\x03\x04"):
        return "xlsx"
    return "json" if content.lstrip(codecs.BOM_UTF8 + b" \t\r\n")[:1] in (b"[", b"{") else "csv"


def _read_csv(content: bytes, form: Format) -> Table:
    text = _decode(content, form.encoding)
    if "\0" in text:
        raise InputError("NUL characters: this is no text in that encoding; name another with format.encoding", path="")
    delimiter = form.delimiter if form.delimiter != "auto" else _find_delimiter(text)
    if len(delimiter) != 1:
        raise InputError(f"delimiter {quote(delimiter)} is not one character", path="format.delimiter")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        heading = next((row for number, row in enumerate(reader, 1) if number == form.header_row), None)
    except csv.Error as error:
        raise InputError(f"the heading cannot be read: {error}", path="") from None
    if heading is None:
        raise InputError(f"no row {form.header_row} that names the columns", path="")
    columns = _check_columns(heading)
    return Table(columns, _iterate_csv(reader, columns, form.header_row))


def _iterate_csv(reader: Any, columns: Sequence[str], header_row: int) -> Iterator[Row]:
    number = header_row
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(number, {}, f"cannot be read: {error}; is a quotation mark not closed?")
            return
        if cells is None:
            return
        _check_count(number - header_row)
        if cells:
            yield _to_row(number, columns, cells)


def _to_row(number: int, columns: Sequence[str], cells: Sequence[Any]) -> Row:
    if len(cells) > len(columns) and any(each not in (None, "") for each in cells[len(columns) :]):
        return Row(number, {}, f"{len(cells)} values for {len(columns)} columns; is one not quoted that holds the delimiter?")
    return Row(number, {name: value for name, value in zip(columns, cells, strict=False) if name})


def _decode(content: bytes, encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        if name not in _NO_ENCODINGS:
            return content.decode("utf-8-sig" if name == "utf-8" else name)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        said = f"row {row}: byte 0x{content[error.start]:02x} is no {encoding}"
        raise InputError(
            f"{said}; save the file as UTF-8, or name its encoding with format.encoding, for example gb18030 or cp1252", path=""
        ) from None
    except (LookupError, ValueError):
        pass
    raise InputError(f"unknown encoding {quote(encoding)}; write utf-8, gb18030, cp1252, utf-16, …", path="format.encoding")


def _find_delimiter(text: str) -> str:
    heading = text[:65_536].split("\n", 1)[0]
    return max(_DELIMITERS, key=heading.count)


def _read_json(content: bytes) -> Table:
    try:
        plain = content.removeprefix(codecs.BOM_UTF8)
        if plain.lstrip()[:1] == b"{":
            whole = msgspec.json.decode(plain, type=dict[str, msgspec.Raw])
            if "items" not in whole:
                raise InputError("an object without `items`; give a list of objects", path="$")
            plain = bytes(whole["items"])
        items = msgspec.json.decode(plain, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"no list of JSON objects: {error}", path="$") from None
    _check_count(len(items))
    columns: dict[str, None] = {}
    for each in items:
        columns.update(dict.fromkeys(_to_cells(each)[0]))
    return Table(_check_columns(list(columns), told=False), (Row(at, *_to_cells(each)) for at, each in enumerate(items, 1)))


def _to_cells(raw: msgspec.Raw) -> tuple[dict[str, Any], str]:
    """The cells of one object; what is nested is named with dots."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}, "no JSON that can be read"
    if not isinstance(value, dict):
        return {}, f"{quote(value)} is no object"
    cells: dict[str, Any] = {}
    waiting = [("", value)]
    while waiting:
        prefix, inner = waiting.pop()
        for name, each in inner.items():
            if isinstance(each, dict):
                waiting.append((f"{prefix}{name}.", each))
            else:
                cells[f"{prefix}{name}"] = each
    return cells, ""


def _read_workbook(content: bytes, form: Format) -> Table:
    from openpyxl import load_workbook  # takes 150 ms, and most processes never import

    _check_archive(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book[_choose_sheet(book.sheetnames, form.sheet)]
        sheet.reset_dimensions()
        rows = sheet.iter_rows(values_only=True, max_col=COLUMNS_LIMIT + 1)
        heading = next((row for number, row in enumerate(rows, 1) if number == form.header_row), None)
    except InputError:
        raise
    except Exception as error:  # whatever its parsers raise on a broken file
        raise InputError(f"no workbook that can be read: {type(error).__name__}; save it anew as .xlsx", path="") from None
    if heading is None:
        raise InputError(f"no row {form.header_row} that names the columns", path="")
    columns = _check_columns(["" if each is None else str(each) for each in heading])
    return Table(columns, _iterate_sheet(rows, columns, form.header_row))


def _choose_sheet(names: Sequence[str], wanted: str) -> str:
    if wanted and wanted not in names:
        raise InputError(f"no sheet {quote(wanted)}{suggest(wanted, list(names))}", path="format.sheet")
    return wanted or names[0]


def _iterate_sheet(rows: Iterator[Sequence[Any]], columns: Sequence[str], header_row: int) -> Iterator[Row]:
    number = header_row
    while True:
        number += 1
        try:
            cells = next(rows, None)
        except Exception as error:  # as above
            yield Row(number, {}, f"cannot be read: {type(error).__name__}; save the workbook anew as .xlsx")
            return
        if cells is None:
            return
        _check_count(number - header_row)
        if any(each is not None for each in cells):
            yield _to_row(number, columns, [_plain(each) for each in cells])


def _plain(value: Any) -> Any:
    """A cell's value: dates as ISO 8601 text, whole numbers without a fraction."""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _check_archive(content: bytes) -> None:
    """Refuse archives that unpack to far more than they are. Sizes told there bind: nothing beyond them is ever unpacked."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        raise InputError("no workbook: not a zip archive that can be read; save it anew as .xlsx", path="") from None
    inflated = sum(each.file_size for each in parts)
    if len(parts) > _PARTS_LIMIT or inflated > _INFLATED_LIMIT or inflated > max(len(content), 65_536) * _RATIO_LIMIT:
        message = f"the workbook unpacks to {inflated} bytes in {len(parts)} parts, more than any real one of its size"
        raise TooLargeError(message, limit_bytes=_INFLATED_LIMIT)
    for each in parts:
        if each.file_size > _TEXTS_LIMIT and not each.filename.startswith("xl/worksheets/"):
            message = f"{quote(each.filename)} of the workbook unpacks to {each.file_size} bytes, the limit is {_TEXTS_LIMIT}; save the sheet as CSV"
            raise TooLargeError(message, limit_bytes=_TEXTS_LIMIT)
    if not any(each.filename == "xl/workbook.xml" for each in parts):
        raise InputError("a zip archive, and no workbook; save it as .xlsx", path="")


def _check_columns(names: Sequence[str], *, told: bool = True) -> tuple[str, ...]:
    columns = [each.strip() for each in names]
    while columns and not columns[-1]:
        columns.pop()
    if len(columns) > COLUMNS_LIMIT:
        raise InputError(f"more than {COLUMNS_LIMIT} columns", path="")
    if not columns and told:
        raise InputError("the row that names the columns is empty", path="")
    doubled = sorted({each for each in columns if each and columns.count(each) > 1})
    if doubled:
        raise InputError(f"column {quote(doubled[0])} stands twice; rename one", path="")
    return tuple(columns)


def _check_count(count: int) -> None:
    if count > ROWS_LIMIT:
        raise InputError(f"more than {ROWS_LIMIT} rows; split the file", path="")
