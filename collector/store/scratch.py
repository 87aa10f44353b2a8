"""A store for the length of one simulation: a temporary SQLite file with all tables, gone at the end; or an empty database that is named."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, select

from collector.store.engine import Database, open_database
from collector.store.schema import ci, metadata, source
from muster.errors import ConfigurationError, UnavailableError


@contextmanager
def open_scratch() -> Iterator[Database]:
    """An empty store that nothing outlives, so that nothing is flushed to disk. Raises UnavailableError where there is no room for it."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="muster-simulation-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UnavailableError(f"no temporary folder: {error.strerror}; make room or set TMPDIR") from None
    with folder as path:
        database = open_database(f"sqlite:///{path}/store.db")
        event.listen(database.writing, "connect", _never_flush)
        try:
            with database.begin() as connection:
                metadata.create_all(connection)
            yield database
        finally:
            database.close()


@contextmanager
def open_empty(url: str) -> Iterator[Database]:
    """The database at a URL, with its tables made; it must be empty. Raises ConfigurationError, UnavailableError."""
    from collector.store.migrate import migrate_database  # alembic is slow to load

    database = open_database(url)
    try:
        migrate_database(database)
        with database.connect() as connection:
            is_used = any(connection.execute(select(column).limit(1)).first() for column in (ci.c.id, source.c.id))
        if is_used:
            raise ConfigurationError("the database holds CIs or sources; a case runs in an empty one, name another")
        yield database
    finally:
        database.close()


def _never_flush(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()
