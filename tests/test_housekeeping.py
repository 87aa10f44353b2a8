"""A collector notes that it runs, keeps its store in bounds, and leaves that to one of several; its database may go and come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from collector.housekeeping import Housekeeping, HousekeepingSettings
from collector.store import lease, liveness, series
from collector.store.engine import Database, open_database
from collector.store.liveness import Gap
from collector.store.migrate import migrate_database
from collector.store.retention import DAY_MS
from collector.store.schema import chunk, report
from collector.store.writer import Writer
from muster.clock import FakeClock
from tests.store.metric import NOW, STEP, TABLE, block, make_estate
from tests.support.postgresql_server import migrated_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = open_database(migrated_url(request.param, tmp_path))
    yield database
    database.close()


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    writer = Writer(database)
    writer.start()
    yield writer
    writer.stop()


def gaps(database: Database) -> list[Gap]:
    with database.connect() as connection:
        return liveness.load_gaps(connection, 0, NOW + 10 * DAY_MS)


def count(database: Database, column: object) -> int:
    with database.connect() as connection:
        return int(connection.execute(select(func.count(column))).scalar_one())  # type: ignore[call-overload]


async def test_downtime_between_two_processes_is_on_record(database: Database, writer: Writer) -> None:
    clock = FakeClock(NOW)
    first = Housekeeping(database, writer, clock=clock, holder="a")
    for _ in range(5):
        await first.step()
        clock.advance(seconds=10)
    await first.stop()
    clock.advance(seconds=300)
    await Housekeeping(database, writer, clock=clock, holder="b").step()
    assert gaps(database) == [Gap(NOW + 50_000, NOW + 350_000, is_crash=False)]


async def test_old_reports_go_and_samples_are_packed(database: Database, writer: Writer) -> None:
    clock = FakeClock(NOW + 31 * DAY_MS)
    with database.begin() as connection:
        source_id = make_estate(connection)["web1"]
        for sequence in range(25):
            row = {"source_id": source_id, "sequence": sequence, "body_hash": b"", "body": b"", "content_type": "", "answer": b""}
            connection.execute(insert(report).values(**row, observed_at=NOW, received_at=NOW))
        for at in range(30):
            samples = [block([[1.5], [at], [at]], at=NOW + at * STEP)]
            series.save_samples(connection, source_id, tables={"t1": TABLE}, samples=samples, received_at=NOW + DAY_MS)
    keeper = Housekeeping(database, writer, clock=clock, holder="a", settings=HousekeepingSettings(rows_per_round=10))
    for _ in range(3):
        await keeper.step()  # while more is left, each step is a round
    assert (count(database, report.c.id), count(database, chunk.c.id)) == (1, 1)
    assert (keeper.figures.removed_total["report"], keeper.figures.packed_total, keeper.figures.is_leader) == (24, 1, True)


async def test_one_of_several_keeps_house_until_it_stops(database: Database, writer: Writer) -> None:
    clock = FakeClock(NOW)
    first, second = (Housekeeping(database, writer, clock=clock, holder=name) for name in ("a", "b"))
    for keeper in (first, second):
        await keeper.step()
    assert (first.figures.is_leader, second.figures.is_leader) == (True, False)
    await first.stop()
    clock.advance(seconds=30)
    await second.step()
    assert second.figures.is_leader
    with database.connect() as connection:
        held = lease.load_lease(connection, "housekeeping")
    assert held is not None
    assert (held.holder, held.fencing_token) == ("b", 2)


async def test_a_database_that_is_away_is_tried_again(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/store/store.db")
    migrate_database(database)
    writer = Writer(database)
    writer.start()
    clock = FakeClock(NOW)
    keeper = Housekeeping(database, writer, clock=clock, holder="a")
    database.close()
    (tmp_path / "store").rename(tmp_path / "gone")
    await keeper.step()
    assert (keeper.figures.failures_total, keeper.figures.is_failing) == (1, True)
    (tmp_path / "gone").rename(tmp_path / "store")
    await keeper.step()
    assert (keeper.figures.failures_total, keeper.figures.is_failing, gaps(database)) == (1, False, [])
    writer.stop()
    database.close()
