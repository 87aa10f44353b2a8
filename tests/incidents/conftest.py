"""A store of each kind, and its writer as the outbox takes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.store.engine import Database, open_database
from collector.store.schema import metadata
from collector.store.writer import Writer
from tests.support.postgresql_server import engine_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(engine_url(request.param, tmp_path))
    metadata.create_all(opened.writing)
    yield opened
    opened.close()


@pytest.fixture
def engine(database: Database) -> Engine:
    """For what tests write and read by themselves."""
    return database.writing


@pytest.fixture
def transaction(database: Database) -> Iterator[Any]:
    writer = Writer(database)
    writer.start()
    yield writer.run
    writer.stop()
