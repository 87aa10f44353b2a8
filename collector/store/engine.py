"""Opening a database: SQLite in WAL mode or PostgreSQL, connections for reading and for writing, foreign errors mapped.

Not for: grouping commits (`writer.py`) or making tables (`migrate.py`). Design: docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from muster.errors import ConfigurationError, UnavailableError, quote

BUSY_MS = 5_000
RETRY_SECONDS = 5.0
READERS = 8
# Any constant does, as long as every collector of a database takes the same: it makes their write transactions follow each other.
WRITE_LOCK = 0x6D757374
_MEMORY = "muster_memory"
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_MS}",
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
)


class Database:
    """One database, with an engine that only reads and one that writes.

    A write transaction excludes every other one, also of other processes: what identification decides depends on all that was
    decided before. Both engines raise UnavailableError where the database cannot serve.
    """

    def __init__(self, url: URL, writing: Engine, reading: Engine) -> None:
        self.url = url
        self.writing = writing
        self.reading = reading

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection that reads one consistent state."""
        with mapped_errors(), self.reading.connect() as connection:
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction, committed at the end, rolled back on an error."""
        with mapped_errors(), self.writing.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITE_LOCK})
            yield connection

    def close(self) -> None:
        self.writing.dispose()
        self.reading.dispose()


def open_database(url: str) -> Database:
    """The database at `sqlite:///path` or `postgresql+psycopg://...`; nothing is connected yet, the file's folder is made.

    Raises ConfigurationError where the URL is of neither kind.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(f"database {quote(url)} is no URL; write sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME") from None
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "postgresql+psycopg":
        raise ConfigurationError(f"database engine {parsed.drivername!r} is not supported; write sqlite:///PATH or postgresql+psycopg://...")
    return _open_postgresql(parsed)


def transaction_memory(connection: Connection) -> dict[str, Any]:
    """What a write transaction read or wrote and need not ask again; gone with its end, and with any savepoint that is taken back."""
    begun, known = connection.info.get(_MEMORY, (None, {}))
    if begun is not connection.get_transaction():
        begun, known = connection.get_transaction(), {}
        connection.info[_MEMORY] = begun, known
    return known  # type: ignore[no-any-return]  # as kept here


def _forget(connection: Connection, *_savepoint: object) -> None:
    connection.info.pop(_MEMORY, None)


def _open_sqlite(url: URL) -> Database:
    if url.database is None or url.database in {"", ":memory:"}:
        raise ConfigurationError("an SQLite store needs a file; write sqlite:///PATH")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"folder of {url.database!r} cannot be made: {error.strerror}; check path and rights") from None
    writing = create_engine(url, pool_size=1, max_overflow=2, connect_args={"timeout": BUSY_MS / 1000})
    reading = create_engine(url, pool_size=READERS, max_overflow=READERS, connect_args={"timeout": BUSY_MS / 1000})
    for engine, begin in ((writing, "BEGIN IMMEDIATE"), (reading, "BEGIN")):
        _control_transactions(engine, begin)
    event.listen(reading, "connect", _forbid_writing)
    event.listen(writing, "rollback_savepoint", _forget)
    return Database(url, writing, reading)


def _control_transactions(engine: Engine, begin: str) -> None:
    """The driver would begin only at the first write, and never for savepoints; so transactions are begun here."""

    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))


def _forbid_writing(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _open_postgresql(url: URL) -> Database:
    arguments = {"connect_timeout": 5, "application_name": "muster"}
    writing = create_engine(url, pool_size=2, max_overflow=2, pool_pre_ping=True, connect_args=arguments)
    reading = create_engine(
        url,
        pool_size=READERS,
        max_overflow=READERS,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        connect_args={**arguments, "options": "-c default_transaction_read_only=on"},
    )
    event.listen(writing, "rollback_savepoint", _forget)
    return Database(url, writing, reading)


def is_unavailable(error: BaseException) -> bool:
    """Whether the database, its disk or the way to it is at fault, not the statement."""
    if isinstance(error, UnavailableError | OperationalError | InterfaceError) or type(error) is DatabaseError:  # no database, or a broken one
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Full disk, lock held too long, server gone: UnavailableError, without the statement and its values."""
    try:
        yield
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        cause = error.orig if isinstance(error, DBAPIError) else error
        first_line = str(cause).strip().partition("\n")[0]
        raise UnavailableError(
            f"database cannot serve: {first_line}; check its disk and process, then it goes on by itself", retry_after_seconds=RETRY_SECONDS
        ) from None
