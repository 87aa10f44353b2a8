"""The writer: groups commit, one failure does not poison others, a full queue says so, nothing is told before it is durable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select

from collector.store.engine import Database, open_database
from collector.store.schema import setting
from collector.store.writer import Writer
from muster.errors import ConflictError, UnavailableError


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    writer = Writer(database, queue_limit=50)
    yield writer
    writer.stop()


def put(connection: Connection, name: str) -> str:
    connection.execute(insert(setting).values(name=name, value=b""))
    return name


def count(database: Database) -> int:
    with database.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(setting)).scalar_one())


def test_what_waits_is_committed_in_one_transaction(database: Database, writer: Writer) -> None:
    futures = [writer.submit(lambda connection, name=f"n{number}": put(connection, name)) for number in range(40)]
    writer.start()
    assert [future.result(20) for future in futures] == [f"n{number}" for number in range(40)]
    assert count(database) == 40
    assert writer.figures.commits_total <= 3


def test_one_failure_leaves_the_others_of_its_group(database: Database, writer: Writer) -> None:
    def fail(connection: Connection) -> None:
        put(connection, "gone")
        raise ConflictError("moved meanwhile")

    first, bad, double, last = (
        writer.submit(lambda connection: put(connection, "first")),
        writer.submit(fail),
        writer.submit(lambda connection: put(connection, "first")),
        writer.submit(lambda connection: put(connection, "last")),
    )
    writer.start()
    assert (first.result(20), last.result(20)) == ("first", "last")
    assert isinstance(bad.exception(20), ConflictError)
    assert double.exception(20) is not None
    assert count(database) == 2


def test_a_full_queue_asks_to_come_again(database: Database) -> None:
    writer = Writer(database, queue_limit=1)
    waiting = writer.submit(lambda connection: put(connection, "a"))
    with pytest.raises(UnavailableError) as caught:
        writer.submit(lambda connection: put(connection, "b"))
    assert caught.value.retry_after_seconds == 2.0
    writer.start()
    assert waiting.result(20) == "a"
    writer.stop()


def test_stopping_commits_what_is_queued(database: Database, writer: Writer) -> None:
    future = writer.submit(lambda connection: put(connection, "a"))
    writer.start()
    writer.stop()
    assert (future.done(), count(database)) == (True, 1)


def test_a_result_is_not_told_before_its_commit(database: Database, writer: Writer) -> None:
    seen_before_commit: list[bool] = []
    inside = threading.Event()
    first = writer.submit(lambda connection: put(connection, "a"))

    def look(connection: Connection) -> None:
        seen_before_commit.append(first.done())
        inside.set()

    second = writer.submit(look)
    writer.start()
    assert inside.wait(20)
    second.result(20)
    assert seen_before_commit == [False]


def test_a_database_that_is_away_is_unavailable_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    database = open_database(f"sqlite:///{folder}/store.db")
    folder.rmdir()
    writer = Writer(database)
    writer.start()
    with pytest.raises(UnavailableError, match="database cannot serve: unable to open"):
        writer.submit(lambda connection: put(connection, "a")).result(20)
    assert writer.figures.is_failing
    folder.mkdir()
    writer.submit(setting.create).result(20)
    assert writer.submit(lambda connection: put(connection, "a")).result(20) == "a"
    assert not writer.figures.is_failing
    writer.stop()
    database.close()


def test_a_full_disk_is_unavailable(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/store.db")
    writer = Writer(database)
    writer.start()
    writer.submit(setting.create).result(20)

    def fill(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=8")  # what a full disk says to SQLite, without filling one
        connection.execute(insert(setting).values(name="large", value=bytes(1_000_000)))

    with pytest.raises(UnavailableError, match="full"):
        writer.submit(fill).result(20)
    writer.stop()
    database.close()
