"""Empty stores of both kinds for cases: a migrated SQLite file that is copied, one PostgreSQL database that is emptied."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text

from collector.store.engine import Database, open_database
from collector.store.schema import metadata
from tests.support.postgresql_server import migrated_url

OpenStore = Callable[[], AbstractContextManager[Database]]
# Cases write little: emptying by DELETE costs a fraction of TRUNCATE's files. Children before parents; cycles are within one table.
_EMPTY = "; ".join(["SET LOCAL session_replication_role = replica", *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))])


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    open_database(migrated_url("sqlite", folder)).close()
    return folder / "store.db"


@pytest.fixture(scope="session")
def postgresql_store() -> Iterator[Database]:
    database = open_database(migrated_url("postgresql", Path()))
    yield database
    database.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenStore:
    """Opens an empty store of one kind; of each kind one at a time."""
    if request.param == "postgresql":
        shared: Database = request.getfixturevalue("postgresql_store")

        @contextmanager
        def open_shared() -> Iterator[Database]:
            with shared.begin() as connection:
                connection.execute(text(_EMPTY))
            yield shared

        return open_shared
    template: Path = request.getfixturevalue("sqlite_template")
    path = tmp_path_factory.mktemp("case") / "store.db"

    @contextmanager
    def open_copy() -> Iterator[Database]:
        shutil.copyfile(template, path)
        database = open_database(f"sqlite:///{path}")
        event.listen(database.writing, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF").close())
        try:
            yield database
        finally:
            database.close()

    return open_copy
