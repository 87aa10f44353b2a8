"""Opening a copy of a database to read it alone: what an auditor was given, perhaps on a medium that cannot be written.

Not for a collector's own database while it runs: that is read through its API, or as `postgresql+psycopg://`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote as quote_path

from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from collector.store.engine import mapped_errors, open_database
from muster.errors import ConfigurationError, quote


@contextmanager
def reading_copy(url: str, *, table: str) -> Iterator[Connection]:
    """A connection that reads one consistent state and can write nothing. `table`: one that a database of Muster has.

    Raises ConfigurationError for a URL that is none, a file that is not there, or a database that is no such; UnavailableError.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(f"database {quote(url)} is no URL; write sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME") from None
    if parsed.get_backend_name() == "sqlite":
        with _reading_file(Path(parsed.database or "")) as connection:
            _check(connection, table, parsed.database or "")
            yield connection
        return
    database = open_database(url)
    try:
        with database.connect() as connection:
            _check(connection, table, parsed.database or "")
            yield connection
    finally:
        database.close()


@contextmanager
def _reading_file(file: Path) -> Iterator[Connection]:
    if not file.is_file():
        raise ConfigurationError(f"{file}: there is no such file; write sqlite:///PATH of a database of Muster")
    # A copy taken with its write-ahead log needs it read; without one nothing beside the file is looked for or made.
    mode = "mode=ro" if file.with_name(file.name + "-wal").is_file() else "mode=ro&immutable=1"
    address = f"file:{quote_path(str(file.resolve()))}?{mode}"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool)
    try:
        with mapped_errors(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _check(connection: Connection, table: str, name: str) -> None:
    if not inspect(connection).has_table(table):
        raise ConfigurationError(f"{name}: holds no table {table!r}; is it a database of Muster?")
