"""The collector's own downtime is on record: crash, stop, suspension; not a quick restart, not what another collector covered."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.store import liveness
from collector.store.engine import Database
from collector.store.liveness import Gap, find_gaps

NOW = 1_772_359_200_000
SECOND = 1000


def test_the_time_between_a_crash_and_the_next_start_is_a_gap(database: Database) -> None:
    with database.begin() as connection:
        run = liveness.begin(connection, NOW)
        run = liveness.beat(connection, run, NOW + 10 * SECOND, load=0.5)
        liveness.begin(connection, NOW + 500 * SECOND)
        gaps = liveness.load_gaps(connection, NOW, NOW + 1000 * SECOND)
    assert gaps == [Gap(NOW + 10 * SECOND, NOW + 500 * SECOND, is_crash=True)]
    assert [gaps[0].holds(at) for at in (NOW + 9 * SECOND, NOW + 10 * SECOND, NOW + 499 * SECOND, NOW + 500 * SECOND)] == [False, True, True, False]


def test_a_stop_that_was_meant_is_a_gap_without_a_crash(database: Database) -> None:
    with database.begin() as connection:
        run = liveness.begin(connection, NOW)
        liveness.end(connection, run, NOW + 4 * SECOND)
        liveness.begin(connection, NOW + 60 * SECOND)
        assert liveness.load_gaps(connection, NOW, NOW + 60 * SECOND) == []
        assert liveness.load_gaps(connection, NOW, NOW + 61 * SECOND) == [Gap(NOW + 4 * SECOND, NOW + 60 * SECOND, is_crash=False)]


def test_a_restart_within_one_beat_is_no_gap(database: Database) -> None:
    with database.begin() as connection:
        liveness.begin(connection, NOW)
        liveness.begin(connection, NOW + liveness.BEAT_SECONDS * SECOND)
        assert liveness.load_gaps(connection, 0, NOW + 99 * SECOND) == []


def test_a_machine_that_slept_leaves_a_gap(database: Database) -> None:
    with database.begin() as connection:
        run = liveness.begin(connection, NOW)
        woken = liveness.beat(connection, run, NOW + 3600 * SECOND)
        assert woken.id != run.id
        assert liveness.beat(connection, woken, NOW + 3610 * SECOND).id == woken.id
        assert liveness.load_gaps(connection, NOW, NOW + 9999 * SECOND) == [Gap(NOW, NOW + 3600 * SECOND, is_crash=True)]


def test_a_clock_set_back_begins_another_run(database: Database) -> None:
    with database.begin() as connection:
        run = liveness.begin(connection, NOW)
        again = liveness.beat(connection, run, NOW - 5 * SECOND)
        assert again == liveness.Run(again.id, NOW - 5 * SECOND, NOW - 5 * SECOND)
        assert liveness.load_gaps(connection, 0, NOW + 99 * SECOND) == []


def test_a_second_collector_covers_the_first_ones_absence(database: Database) -> None:
    with database.begin() as connection:
        liveness.begin(connection, NOW)
        other = liveness.begin(connection, NOW + 5 * SECOND)
        for at in range(10, 310, 50):
            other = liveness.beat(connection, other, NOW + at * SECOND)
        liveness.begin(connection, NOW + 265 * SECOND)
        assert liveness.load_gaps(connection, 0, NOW + 999 * SECOND) == []


def test_before_the_first_run_there_is_no_gap(database: Database) -> None:
    with database.connect() as connection:
        assert liveness.load_gaps(connection, 0, NOW) == []


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.booleans()), max_size=12))
def test_gaps_and_runs_cover_all_time_once(drawn: list[tuple[int, int, bool]]) -> None:
    runs = sorted((start, start + length, is_clean) for start, length, is_clean in drawn)
    gaps = find_gaps(runs)
    assert all(first.end_at <= second.start_at for first, second in pairwise(gaps))
    for gap in gaps:
        assert gap.end_at - gap.start_at > liveness.BEAT_SECONDS * 1000
        assert not any(start < gap.end_at and end > gap.start_at for start, end, _ in runs)
        assert any(start == gap.end_at for start, _, _ in runs)
        assert any(end == gap.start_at for _, end, _ in runs)
    for at in range(0, 1_100_000, 37_777):
        inside = runs and runs[0][0] <= at < max(end for _, end, _ in runs)
        near = any(start - liveness.BEAT_SECONDS * 1000 <= at < end + liveness.BEAT_SECONDS * 1000 for start, end, _ in runs)
        assert not inside or near or any(gap.holds(at) for gap in gaps)
