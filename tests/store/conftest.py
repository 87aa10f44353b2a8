"""A migrated store of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.engine import Database, open_database
from collector.store.migrate import migrate_database
from tests.store.sender import Estate
from tests.support.postgresql_server import engine_url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = open_database(engine_url(request.param, tmp_path))
    yield database
    database.close()


@pytest.fixture
def database(empty_database: Database) -> Database:
    migrate_database(empty_database)
    return empty_database


@pytest.fixture
def estate(database: Database) -> Estate:
    return Estate(database)
