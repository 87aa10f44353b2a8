"""A file and its mapping together: are the columns there, and what does each row wish."""

from __future__ import annotations

from collections.abc import Iterator

from collector.imports.mapping import ImportMapping, columns_of
from collector.imports.row import RowFault, Wish, read_row
from collector.imports.table import read_table
from muster.document import suggest
from muster.errors import InputError, quote
from muster.model.ci_class import ClassCatalogue


def read_wishes(content: bytes, mapping: ImportMapping, catalogue: ClassCatalogue) -> Iterator[Wish | list[RowFault]]:
    """What the rows wish to be on record, or their faults, one after the other.

    Raises InputError where the file is no table, or lacks a column that the mapping names.
    """
    table = read_table(content, mapping.format)
    for column, place in columns_of(mapping).items():
        if column not in table.columns:
            raise InputError(f"{place}: the file has no column {quote(column)}{suggest(column, list(table.columns))}", path="column")
    return (read_row(row, mapping, catalogue) for row in table.rows)
