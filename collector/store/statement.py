"""The few statements that SQLite and PostgreSQL spell differently, and lists cut to what one statement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
VALUES_PER_STATEMENT = 500


class Lookup:
    """A query by the values of one column, built once: building a statement costs more than running it, and so does a list of one value."""

    def __init__(self, query: Select[Any], column: ColumnElement[Any]) -> None:
        self._by_one = query.where(column == bindparam("value_"))
        self._by_many = query.where(column.in_(bindparam("values_", expanding=True)))

    def rows(self, connection: Connection, values: Iterable[Any], **given: Any) -> Iterator[Any]:
        """The rows of these values. `given`: the query's other parameters."""
        for part in parts(values):
            if len(part) == 1:
                yield from connection.execute(self._by_one, {**given, "value_": part[0]})
            else:
                yield from connection.execute(self._by_many, {**given, "values_": part})


def parts(values: Iterable[T], size: int = VALUES_PER_STATEMENT) -> Iterator[list[T]]:
    """The values in lists that one `IN` takes."""
    known = list(values)
    for start in range(0, len(known), size):
        yield known[start : start + size]


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert what is not there yet; rows whose key exists stay as they are."""
    if rows:
        connection.execute(_inserting(connection.dialect.name, table, ()), list(rows))


def insert_or_replace(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert, and where the primary key exists write the other columns anew. All rows have the same columns."""
    if rows:
        connection.execute(_inserting(connection.dialect.name, table, tuple(rows[0])), list(rows))


def update_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: str = "id") -> None:
    """One prepared update for many rows of the same columns, found by one key column."""
    if not rows:
        return
    names = tuple(name for name in rows[0] if name != key)
    statement = _updating(table, key, names)
    connection.execute(statement, [{"key_": row[key], **{f"{name}_": row[name] for name in names}} for row in rows])


@cache
def _updating(table: Table, key: str, names: tuple[str, ...]) -> Any:
    return update(table).where(table.c[key] == bindparam("key_")).values({name: bindparam(f"{name}_") for name in names})


@cache
def _inserting(dialect: str, table: Table, replaced: tuple[str, ...]) -> Any:
    """An insert that leaves known rows as they are, or writes these columns of them anew; building it costs more than running it."""
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    if not replaced:
        return statement.on_conflict_do_nothing()
    keys = [column.name for column in table.primary_key]
    written = {name: statement.excluded[name] for name in replaced if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=written)
