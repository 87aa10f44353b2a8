"""One observation a month is left of what is old, and all that something refers to."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from collector.reconcile.thinning import choose_thinned

DAY = 86_400_000
ROWS = st.lists(st.tuples(st.integers(0, 800), st.integers(0, 900)), unique=True, max_size=60).map(
    lambda rows: sorted((at * DAY, max(at, known) * DAY) for at, known in rows)
)


def held(rows: list[tuple[int, int]], at: int) -> list[tuple[int, int]]:
    return [row for row in rows if row[0] <= at][-1:]


@given(rows=ROWS, cutoff=st.integers(0, 900), instants=st.lists(st.integers(0, 900), max_size=3))
def test_what_holds_now_at_the_cutoff_and_at_each_instant_stays(rows: list[tuple[int, int]], cutoff: int, instants: list[int]) -> None:
    gone = set(choose_thinned(rows, cutoff * DAY, [each * DAY for each in instants]))
    left = [row for row in rows if row not in gone]
    assert left[:1] == rows[:1]
    for at in (*instants, *range(cutoff - 1, 901, 50)):
        if at * DAY >= cutoff * DAY or at in instants:
            assert held(left, at * DAY) == held(rows, at * DAY)
    for instant in instants:  # as it was believed then, too
        known = [row for row in rows if row[1] <= instant * DAY]
        assert held([row for row in left if row[1] <= instant * DAY], instant * DAY) == held(known, instant * DAY)


@given(rows=ROWS, cutoff=st.integers(0, 900))
def test_thinning_again_removes_nothing(rows: list[tuple[int, int]], cutoff: int) -> None:
    gone = set(choose_thinned(rows, cutoff * DAY, []))
    assert choose_thinned([row for row in rows if row not in gone], cutoff * DAY, []) == []


@given(rows=ROWS, cutoff=st.integers(0, 900))
def test_one_a_month_stays_and_nothing_young_goes(rows: list[tuple[int, int]], cutoff: int) -> None:
    gone = choose_thinned(rows, cutoff * DAY, [])
    assert all(row[0] < cutoff * DAY for row in gone)
    left = [row for row in rows if row not in gone and row[0] < cutoff * DAY]
    months = [datetime.fromtimestamp(row[0] / 1000, UTC).strftime("%Y-%m") for row in left]
    assert len(months) - len(set(months)) <= 1  # the very first of all may share its month
    assert set(months) == {datetime.fromtimestamp(row[0] / 1000, UTC).strftime("%Y-%m") for row in rows if row[0] < cutoff * DAY}
