"""A file and its mapping together: are the columns there, and what does each row wish.

with await asyncio.to_thread(read_rows, content, mapping) as rows:  # the whole file, before a turn to write is taken
    wishes = rows.wishes(mapping, catalogue)
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import IO, Self

from collector.imports.mapping import ImportMapping, columns_of
from collector.imports.row import RowFault, Wish, read_row
from collector.imports.table import Row, Table, read_table
from muster.document import suggest
from muster.errors import InputError, UnavailableError, quote
from muster.model.ci_class import ClassCatalogue

ROWS_AT_ONCE = 500
HELD_BYTES = 8 * 1_048_576  # rows beyond it wait in a temporary file


class SpooledRows:
    """All rows of a file, read and counted, in bounded memory. Closing it removes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def wishes(self, mapping: ImportMapping, catalogue: ClassCatalogue) -> Iterator[Wish | list[RowFault]]:
        """What each row wishes to be on record, or its faults; from the first row each time."""
        self._file.seek(0)
        for line in self._file:
            number, cells, fault = json.loads(line)
            yield read_row(Row(number, cells, fault), mapping, catalogue)


def read_rows(content: bytes, mapping: ImportMapping) -> SpooledRows:
    """The rows of a file. Raises InputError as `read_wishes`, also for too many rows; UnavailableError where there is no room for them."""
    table = _read(content, mapping)
    file = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 -- closed by whom it is given to
    try:
        rows = iter(table.rows)
        while part := list(islice(rows, ROWS_AT_ONCE)):
            file.write("".join([json.dumps((row.number, row.cells, row.fault), default=str) + "\n" for row in part]).encode())
    except OSError as error:
        file.close()
        raise UnavailableError(f"no room for the rows of the file: {error.strerror}; make room or set TMPDIR") from None
    except BaseException:
        file.close()
        raise
    return SpooledRows(file)


def read_wishes(content: bytes, mapping: ImportMapping, catalogue: ClassCatalogue) -> Iterator[Wish | list[RowFault]]:
    """What the rows wish to be on record, or their faults, one after the other.

    Raises InputError where the file is no table, or lacks a column that the mapping names.
    """
    return (read_row(row, mapping, catalogue) for row in _read(content, mapping).rows)


def _read(content: bytes, mapping: ImportMapping) -> Table:
    table = read_table(content, mapping.format)
    for column, place in columns_of(mapping).items():
        if column not in table.columns:
            raise InputError(f"{place}: the file has no column {quote(column)}{suggest(column, list(table.columns))}", path="column")
    return table
