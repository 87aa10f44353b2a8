"""The blocks of an hour become one, smaller, of which every point is the same."""

from __future__ import annotations

import random

from sqlalchemy import Row, delete, select

from collector.store import compaction, series
from collector.store.compaction import HOUR_MS
from collector.store.engine import Database
from collector.store.schema import chunk
from muster.ports import SeriesView
from tests.store.metric import NOW, STEP, TABLE, WEB1, block, make_estate, reader_of

HOUR = NOW - NOW % HOUR_MS
LATER = HOUR + 3 * HOUR_MS


def compact(database: Database, now: int, limit: int = 10) -> int:
    with database.connect() as connection:
        joined = [
            compaction.join_blocks(work, compaction.load_blocks(connection, work)) for work in compaction.load_work(connection, now, limit=limit)
        ]
    with database.begin() as connection:
        return sum(compaction.save_block(connection, each) for each in joined)


def chunks(database: Database) -> list[Row[tuple[int, int, int, bool]]]:
    with database.connect() as connection:
        columns = (chunk.c.start_at, chunk.c.end_at, chunk.c.count, chunk.c.is_compact)
        return list(connection.execute(select(*columns).order_by(chunk.c.start_at)))


def points(database: Database) -> list[SeriesView]:
    names = [each.name for each in TABLE]
    return reader_of(database).series_points(WEB1, names, since=0, until=LATER, points=20_000)


def report_hours(database: Database, hours: int) -> None:
    """Reports of four instants each, out of order, one of them twice."""
    chance = random.Random(hours)
    starts = [HOUR + at * STEP for at in range(0, 240 * hours, 4)]
    chance.shuffle(starts)
    with database.begin() as connection:
        number = make_estate(connection)["web1"]
        for start in [*starts, starts[0]]:
            values = [[round(chance.random(), 2) for _ in range(4)], [start // 1000 + at for at in range(4)], [start * 3 + at for at in range(4)]]
            series.save_samples(connection, number, tables={"t1": TABLE}, samples=[block(values, at=start)], received_at=LATER)


def test_an_hour_becomes_one_block_with_the_same_points(database: Database) -> None:
    report_hours(database, 2)
    before = points(database)
    assert compact(database, LATER) == 2
    assert [tuple(each) for each in chunks(database)] == [
        (HOUR, HOUR + HOUR_MS - STEP, 240, True), (HOUR + HOUR_MS, HOUR + 2 * HOUR_MS - STEP, 240, True),
    ]  # fmt: skip
    assert points(database) == before
    assert compact(database, LATER) == 0


def test_an_hour_that_is_not_over_waits(database: Database) -> None:
    report_hours(database, 1)
    assert compact(database, HOUR + HOUR_MS + compaction.GRACE_MS - 1) == 0
    assert compact(database, HOUR + HOUR_MS + compaction.GRACE_MS) == 1


def test_late_samples_join_the_block_of_their_hour(database: Database) -> None:
    report_hours(database, 1)
    compact(database, LATER)
    with database.begin() as connection:
        late = block([[5.0], [None], [7]], at=HOUR + 7)
        series.save_samples(connection, 1, tables={}, samples=[late], received_at=LATER)
    before = points(database)
    assert (HOUR + 7, 5.0) in next(each.points for each in before if each.name == "node_load1")
    assert compact(database, LATER) == 1
    assert [tuple(each)[2:] for each in chunks(database)] == [(241, True)]
    assert points(database) == before


def test_a_missing_sample_does_not_hide_a_known_one_of_the_same_instant(database: Database) -> None:
    with database.begin() as connection:
        number = make_estate(connection)["web1"]
        both = [block([[1], [None], [None]]), block([[None], [2], [3]])]
        series.save_samples(connection, number, tables={"t1": TABLE}, samples=both, received_at=LATER)
    compact(database, LATER)
    assert {each.name: each.points for each in points(database)} == {
        "node_load1": [(NOW, 1.0)], "node_cpu_seconds_total": [(NOW, 2.0)], "node_network_receive_bytes_total": [(NOW, 3.0)],
    }  # fmt: skip


def test_work_comes_in_steps(database: Database) -> None:
    report_hours(database, 3)
    assert [compact(database, LATER + HOUR_MS, limit=2) for _ in range(3)] == [2, 1, 0]


def test_blocks_that_retention_took_meanwhile_are_not_brought_back(database: Database) -> None:
    report_hours(database, 1)
    with database.connect() as connection:
        (work,) = compaction.load_work(connection, LATER, limit=9)
        joined = compaction.join_blocks(work, compaction.load_blocks(connection, work))
    with database.begin() as connection:
        connection.execute(delete(chunk))
        assert compaction.save_block(connection, joined) is False
    assert chunks(database) == []


def test_an_hour_of_very_many_samples_is_packed_in_parts(database: Database) -> None:
    report_hours(database, 1)
    before = points(database)
    packed: list[int] = []
    while True:
        with database.connect() as connection:
            works = compaction.load_work(connection, LATER, limit=1)
            if not works:
                break
            blocks = compaction.load_blocks(connection, works[0], maximum_samples=100 * len(TABLE))
        packed.append(len(blocks))
        with database.begin() as connection:
            assert compaction.save_block(connection, compaction.join_blocks(works[0], blocks))
    assert packed == [25, 25, 11]
    assert points(database) == before
