"""Many new rows at once through the driver itself: a prepared insert on SQLite, COPY on PostgreSQL.

Rows are tuples of what the driver takes: ids as their 16 bytes, words as their numbers. What a row leaves out gets its default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Boolean, Connection, Integer, LargeBinary, Table, func, select
from sqlalchemy.dialects import postgresql

from collector.store.uuid_text import UuidText
from collector.store.word import Word

_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
_ESCAPED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_TRANSLATION = str.maketrans(_ESCAPED)


def insert_tuples(connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of these columns. None of them may be there yet."""
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql(_insert_text(table, names), list(rows))
        return
    columns = [_copy_column(kind, values) for kind, values in zip(_kinds(table, names), zip(*rows, strict=True), strict=True)]
    text = "\n".join(map("\t".join, zip(*columns, strict=True)))
    with connection.connection.cursor() as cursor, cursor.copy(_copy_text(table, names)) as copy:  # type: ignore[attr-defined]  # psycopg's own
        copy.write(text.encode())


def update_tuples(connection: Connection, table: Table, names: tuple[str, ...], keys: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Write these columns of rows found by their keys; each row: the values, then its keys. No row is named twice."""
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql(_update_text(table, names, keys), list(rows))
        return
    connection.exec_driver_sql(_update_all_text(table, names, keys), tuple(list(values) for values in zip(*rows, strict=True)))


def select_in(connection: Connection, selecting: str, values: Sequence[Any]) -> Sequence[Any]:
    """Rows of `SELECT ... WHERE column` whose column is one of these values, as the driver gives them."""
    if not values:
        return []
    if connection.dialect.name == "postgresql":
        return connection.exec_driver_sql(f"{selecting} = ANY(%s)", (list(values),)).all()
    return connection.exec_driver_sql(_in_text(selecting, len(values)), tuple(values)).all()


def take_row_ids(connection: Connection, table: Table, count: int) -> int:
    """The first of a block of row numbers that nobody else gets: write transactions exclude each other."""
    if connection.dialect.name == "postgresql":
        first = _sequence(table)
        last = connection.exec_driver_sql(f"SELECT setval('{first}', nextval('{first}') + {count - 1:d})").scalar_one()
        return int(last) - count + 1
    return int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()) + 1


@lru_cache(maxsize=2_048)
def _in_text(selecting: str, count: int) -> str:
    return f"{selecting} IN ({', '.join('?' * count)})"


@cache
def _sequence(table: Table) -> str:
    return f"{table.name}_id_seq"


@cache
def _insert_text(table: Table, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 -- names of the schema


@cache
def _update_text(table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> str:
    written, found = ", ".join(f"{name} = ?" for name in names), " AND ".join(f"{name} = ?" for name in keys)
    return f"UPDATE {table.name} SET {written} WHERE {found}"  # noqa: S608 -- names of the schema


@cache
def _update_all_text(table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> str:
    """One statement for all rows: each column comes as an array."""
    arrays = ", ".join(f"unnest(%s::{table.c[name].type.compile(_POSTGRESQL)}[]) AS {name}" for name in (*names, *keys))
    written, found = ", ".join(f"{name} = v.{name}" for name in names), " AND ".join(f"t.{name} = v.{name}" for name in keys)
    return f"UPDATE {table.name} AS t SET {written} FROM (SELECT {arrays}) AS v WHERE {found}"  # noqa: S608 -- as above


@cache
def _copy_text(table: Table, names: tuple[str, ...]) -> str:
    return f"COPY {table.name} ({', '.join(names)}) FROM STDIN"


@cache
def _kinds(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_kind(table.c[name].type) for name in names)


def _kind(column_type: Any) -> str:
    if isinstance(column_type, UuidText):
        return "id"
    if isinstance(column_type, LargeBinary):
        return "bytes"
    if isinstance(column_type, Boolean):
        return "boolean"
    return "number" if isinstance(column_type, Integer | Word) else "text"


def _copy_column(kind: str, values: Sequence[Any]) -> list[str]:
    form = _FORMS[kind]
    return ["\\N" if value is None else form(value) for value in values]


def _copy_string(value: str) -> str:
    return value.translate(_TRANSLATION) if not _ESCAPED.keys().isdisjoint(value) else value


_FORMS: dict[str, Callable[[Any], str]] = {
    "id": bytes.hex,
    "bytes": lambda value: "\\\\x" + value.hex(),
    "boolean": lambda value: "t" if value else "f",
    "number": str,
    "text": _copy_string,
}
