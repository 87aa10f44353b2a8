"""One holder at a time, a token that rises with each change of it, and no write by one that lost it."""

from __future__ import annotations

import threading

import pytest

from collector.store import lease
from collector.store.engine import Database
from collector.store.lease import Lease
from muster.errors import ConflictError

NOW = 1_772_359_200_000


def take(database: Database, holder: str, now: int) -> Lease | None:
    with database.begin() as connection:
        return lease.acquire(connection, "sweep", holder, now, lifetime_ms=1000)


def test_a_job_is_held_until_it_expires(database: Database) -> None:
    assert take(database, "a", NOW) == Lease("sweep", "a", 1, NOW + 1000)
    assert take(database, "b", NOW + 999) is None
    assert take(database, "b", NOW + 1000) == Lease("sweep", "b", 2, NOW + 2000)
    assert take(database, "a", NOW + 1500) is None


def test_keeping_a_job_keeps_its_token(database: Database) -> None:
    assert take(database, "a", NOW) == Lease("sweep", "a", 1, NOW + 1000)
    assert take(database, "a", NOW + 900) == Lease("sweep", "a", 1, NOW + 1900)


def test_a_job_that_expired_meanwhile_gets_a_new_token_even_for_its_holder(database: Database) -> None:
    take(database, "a", NOW)
    assert take(database, "a", NOW + 5000) == Lease("sweep", "a", 2, NOW + 6000)


def test_who_lost_a_job_may_not_write(database: Database) -> None:
    held = take(database, "a", NOW)
    assert held is not None
    with database.begin() as connection:
        lease.check(connection, held)
    take(database, "b", NOW + 1000)
    with database.begin() as connection, pytest.raises(ConflictError, match="the job 'sweep' is now held by b") as caught:
        lease.check(connection, held)
    assert caught.value.code == "lease-lost"


def test_a_job_given_up_is_free_at_once_and_its_token_goes_on_rising(database: Database) -> None:
    held = take(database, "a", NOW)
    assert held is not None
    with database.begin() as connection:
        lease.release(connection, held)
    assert take(database, "b", NOW + 1) == Lease("sweep", "b", 2, NOW + 1001)
    with database.begin() as connection:
        lease.release(connection, held)
        kept = lease.load_lease(connection, "sweep")
    assert kept == Lease("sweep", "b", 2, NOW + 1001)


def test_jobs_are_apart(database: Database) -> None:
    with database.begin() as connection:
        assert lease.acquire(connection, "sweep", "a", NOW, lifetime_ms=1000) is not None
        assert lease.acquire(connection, "retention", "b", NOW, lifetime_ms=1000) is not None


def test_of_many_at_once_one_gets_the_job(database: Database) -> None:
    taken: list[Lease | None] = []
    threads = [threading.Thread(target=lambda name=f"c{number}": taken.append(take(database, name, NOW))) for number in range(6)]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), sum(each is not None for each in taken)) == (6, 1)
