"""Bodies kept once by their hash, however often and in whichever transaction they come."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection, func, select, update

from collector.store.content import encode, hash_body, load_contents, save_contents
from collector.store.content_sweep import HOUR_MS, find_unused, remove_unused
from collector.store.engine import Database
from collector.store.schema import content
from collector.store.writer import run_guarded

BODY = encode({"version": "1"})
KEY = hash_body(BODY)


def save(connection: Connection) -> None:
    save_contents(connection, {KEY: BODY})


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(content)).scalar_one())


def test_what_went_with_a_savepoint_is_written_again(database: Database) -> None:
    def fail(connection: Connection) -> None:
        save(connection)
        raise ValueError("refused")

    with database.begin() as connection:
        _, fault = run_guarded(connection, fail)
        assert isinstance(fault, ValueError)
        save(connection)
        assert count(connection) == 1


def test_what_went_with_its_transaction_is_written_again(database: Database) -> None:
    with suppress(ValueError), database.begin() as connection:
        save(connection)
        raise ValueError("refused")
    with database.begin() as connection:
        save(connection)
    with database.connect() as connection:
        assert load_contents(connection, [KEY]) == {KEY: {"version": "1"}}


def test_what_the_sweep_removes_in_the_same_transaction_is_written_again(database: Database) -> None:
    with database.begin() as connection:
        save(connection)
        remove_unused(connection, find_unused(connection, HOUR_MS), HOUR_MS)
        remove_unused(connection, find_unused(connection, 2 * HOUR_MS), 2 * HOUR_MS)
        assert count(connection) == 0
        save(connection)
        assert count(connection) == 1


def test_a_mark_to_remove_is_taken_off_also_where_the_same_transaction_kept_it_before(database: Database) -> None:
    with database.begin() as connection:
        save(connection)
        remove_unused(connection, find_unused(connection, HOUR_MS), HOUR_MS)
        save(connection)
        assert connection.execute(select(content.c.unused_since)).scalar_one() is None
    with database.begin() as connection:
        connection.execute(update(content).values(unused_since=HOUR_MS))
    with database.begin() as connection:
        save(connection)
        assert connection.execute(select(content.c.unused_since)).scalar_one() is None
