"""Lists as CSV and JSON: the rows that a page shows, all of them, with plain values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import web

ROW_LIMIT = 100_000
FORMATS = ("csv", "json")
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """RFC 4180 with a heading; a text that a spreadsheet would take for a formula gets an apostrophe before it.

    >>> to_csv(["name"], [["=1+1"], ["web-01"]])
    "name\\r\\n'=1+1\\r\\nweb-01\\r\\n"
    """
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_plain(each) for each in row] for row in rows)
    return written.getvalue()


def to_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A list of objects, one for each row."""
    return msgspec.json.encode([dict(zip(columns, row, strict=True)) for row in rows])


def send_table(name: str, form: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> web.Response:
    """A download named `muster-NAME.csv` or `.json`."""
    headers = {"Content-Disposition": f'attachment; filename="muster-{name}.{form}"'}
    if form == "json":
        return web.Response(body=to_json(columns, rows), content_type="application/json", headers=headers)
    # The byte order mark tells spreadsheets that the text is UTF-8.
    return web.Response(text="\ufeff" + to_csv(columns, rows), content_type="text/csv", charset="utf-8", headers=headers)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = "; ".join(_plain(each) for each in value)
    text = value if isinstance(value, str) else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
