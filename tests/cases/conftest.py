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
# Cases write little: emptying by DELETE costs a fraction of TRUNCATE's files, and what the engine has compiled stays at hand.
_DELETES = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]


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
def open_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenStore]:
    """Opens an empty store of one kind; of each kind one at a time."""
    if request.param == "postgresql":
        database: Database = request.getfixturevalue("postgresql_store")
        statements = ["; ".join(["SET LOCAL session_replication_role = replica", *_DELETES])]
    else:
        path = tmp_path_factory.mktemp("case") / "store.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        database = open_database(f"sqlite:///{path}")
        event.listen(database.writing, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF").close())
        statements = ["PRAGMA defer_foreign_keys=ON", *_DELETES]

    @contextmanager
    def open_emptied() -> Iterator[Database]:
        with database.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        yield database

    yield open_emptied
    if request.param == "sqlite":
        database.close()
