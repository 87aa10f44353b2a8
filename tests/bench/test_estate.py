"""A small estate with known truth: quiet days open nothing, nothing is put together wrongly, and each event comes out as it should."""

from __future__ import annotations

import pytest

from bench._estate.machine import World
from bench._estate.score import Score, score
from bench._estate.sight import Sight, daily_reports
from bench.estate import Course, render, run_course
from collector.store.engine import open_database
from collector.store.migrate import migrate_database

HOSTS, DAYS, SEED = 60, 3, 7


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The whole course; its tests only look."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('estate') / 'estate.db'}")
    try:
        migrate_database(database)
        return run_course(database, hosts=HOSTS, days=DAYS, seed=SEED)
    finally:
        database.close()


def test_days_on_which_nothing_changed_open_nothing(course: Course) -> None:
    assert (dict(course.settling.differences), course.settling.made) == ({}, 0)
    assert (dict(course.quiet.differences), dict(course.quiet.cases), course.quiet.made, course.quiet.rejected) == ({}, {}, 0, 0)
    assert course.cases_per_host_and_week == 0


def test_no_two_machines_are_taken_for_one(course: Course) -> None:
    assert course.score.precision == 1.0
    assert course.score.recall > 0.98


def test_each_event_comes_out_as_it_should(course: Course) -> None:
    assert [(name, fault) for name, _, fault in course.events if fault] == []
    assert len(course.events) == 14


def test_the_tables_name_every_event(course: Course) -> None:
    told = render(course)
    assert all(f"| {name} | {expected} | as expected |" in told for name, expected, _ in course.events)


def test_a_seed_gives_the_same_estate_and_reports() -> None:
    told = [[(source, report.observed_at, sorted(report.sections)) for source, report in daily_reports(Sight(), World(40, 3), 0)] for _ in range(2)]
    assert told[0] == told[1]
    assert World(40, 3).machines == World(40, 3).machines
    assert World(40, 3).machines != World(40, 4).machines


def test_pairs_are_counted_as_somebody_would_by_hand() -> None:
    assert score([("a", "1"), ("a", "1"), ("a", "2"), ("b", "2")]) == Score(together=2, belonging=3, right=1)
    assert (score([]).precision, score([]).recall) == (1.0, 1.0)
