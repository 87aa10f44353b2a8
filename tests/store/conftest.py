"""A migrated store of each kind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from collector.store.engine import Database, open_database
from collector.store.migrate import migrate_database
from collector.store.schema import metadata
from tests.store.sender import Estate
from tests.support.postgresql_server import engine_url, fresh_database


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = open_database(engine_url(request.param, tmp_path))
    yield database
    database.close()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy, because migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    database = open_database(f"sqlite:///{path}")
    migrate_database(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def migrated_postgresql() -> str:
    """The URL of a migrated database, emptied for each test."""
    url = fresh_database()
    database = open_database(url)
    migrate_database(database)
    database.close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "store.db")
        database = open_database(f"sqlite:///{tmp_path}/store.db")
    else:
        database = open_database(request.getfixturevalue("migrated_postgresql"))
        with database.begin() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    yield database
    database.close()


@pytest.fixture
def estate(database: Database) -> Estate:
    return Estate(database)
