"""Rows that go in through the driver itself come out as those that go in through SQLAlchemy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from collector.store.bulk import insert_tuples, select_in, take_row_ids, update_tuples
from collector.store.engine import Database
from collector.store.schema import content, section, source, source_record

NAMES = ("source_id", "name", "digest", "complete", "status", "interval_seconds", "observed_at", "confirmed_at", "held", "stale_at")
ROWS: list[tuple[Any, ...]] = [
    (1, "plain", "d", True, "ok", 600, 1, 2, False, 3),
    (1, 'back\\slash\ttab\nline\rreturn "quote" é 漢', None, False, "failed", 1, 2**40, 2, True, None),
    (1, "\\N", "", False, "skipped", 600, 1, 2, False, None),
]


def _make_source(connection: Any) -> None:
    connection.execute(insert(source).values(id=1, kind="agent", name="a", instance="i", zone="z", created_at=1))


def test_any_text_number_truth_and_absence_comes_back(database: Database) -> None:
    with database.begin() as connection:
        _make_source(connection)
        insert_tuples(connection, section, NAMES, ROWS)
        insert_tuples(connection, section, NAMES, [])
    with database.connect() as connection:
        found = connection.execute(select(*(section.c[name] for name in NAMES)).order_by(section.c.name)).all()
    assert sorted(map(repr, map(tuple, found))) == sorted(map(repr, ROWS))


def test_bytes_come_back_and_are_found(database: Database) -> None:
    bodies = [(bytes([at]) * 16, b"\\\x00\n" * at) for at in range(5)]
    with database.begin() as connection:
        insert_tuples(connection, content, ("hash", "body"), bodies)
        wanted = [bodies[1][0], bodies[3][0], b"x" * 16]
        found = select_in(connection, "SELECT hash, body FROM content WHERE hash", wanted)
        assert sorted(map(tuple, found)) == [bodies[1], bodies[3]]
        assert list(select_in(connection, "SELECT hash FROM content WHERE hash", [])) == []


def test_rows_are_changed_by_their_keys_alone(database: Database) -> None:
    with database.begin() as connection:
        _make_source(connection)
        insert_tuples(connection, section, NAMES, ROWS)
        update_tuples(connection, section, ("confirmed_at", "stale_at"), ("source_id", "name"), [(7, 8, 1, "plain"), (9, None, 1, "\\N")])
        rows = connection.execute(select(section.c.name, section.c.confirmed_at, section.c.stale_at)).all()
    assert {row[0]: (row[1], row[2]) for row in rows} == {"plain": (7, 8), "\\N": (9, None), ROWS[1][1]: (2, None)}


def test_row_numbers_are_taken_once(database: Database) -> None:
    values = {"section": "s", "ci_class": "server", "content_hash": b"", "observed_at": 1, "first_seen_at": 1, "changed_at": 1, "source_id": 1}
    with database.begin() as connection:
        _make_source(connection)
        first = take_row_ids(connection, source_record, 10)
        rows = [(number, *values.values(), f"r{number}") for number in range(first, first + 10)]
        insert_tuples(connection, source_record, ("id", *values, "ref"), rows)
        after = connection.execute(insert(source_record).values(**values, ref="after").returning(source_record.c.id)).scalar_one()
        assert after == first + 10
        assert take_row_ids(connection, source_record, 3) == after + 1
