"""A store with the tables alone, and a transaction on it as the outbox takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, Engine, create_engine

from collector.store.schema import metadata
from tests.support.postgresql_server import engine_url

T = TypeVar("T")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(engine_url(request.param, tmp_path))
    metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def transaction(engine: Engine) -> Any:
    async def run(work: Callable[[Connection], T]) -> T:
        with engine.begin() as connection:
            return work(connection)

    return run
