"""Points of a chart: in order, gaps told, resets kept, never more than about what was asked for."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.point import Point, Sample, Thinner, thin_out, to_points

STEP = 15_000


def test_samples_come_in_order_and_the_last_word_of_an_instant_counts() -> None:
    samples: list[Sample] = [(30, 3), (10, 1), (20, 9), (20, 2.5)]
    assert to_points(samples, 0, 100) == [(10, 1.0), (20, 2.5), (30, 3.0)]


def test_the_end_of_the_window_is_outside_it() -> None:
    assert to_points([(10, 1), (20, 2), (30, 3)], 10, 30) == [(10, 1.0), (20, 2.0)]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_gap(value: float | None) -> None:
    assert to_points([(0, 1.0), (STEP, value), (2 * STEP, 3.0)], 0, 10 * STEP) == [(0, 1.0), (STEP, None), (2 * STEP, 3.0)]


def test_a_missed_span_is_a_gap() -> None:
    samples: list[Sample] = [(at * STEP, at) for at in (0, 1, 2, 3, 8, 9)]
    assert to_points(samples, 0, 10 * STEP) == [
        (0, 0.0), (STEP, 1.0), (2 * STEP, 2.0), (3 * STEP, 3.0), (4 * STEP, None), (8 * STEP, 8.0), (9 * STEP, 9.0),
    ]  # fmt: skip


def test_one_late_sample_is_no_gap() -> None:
    samples: list[Sample] = [(0, 1), (STEP, 1), (3 * STEP, 1), (4 * STEP, 1)]
    assert all(value is not None for _, value in to_points(samples, 0, 10 * STEP))


def test_few_points_stay_as_they_are() -> None:
    points: list[Point] = [(0, 1.0), (1, None), (2, 3.0)]
    assert thin_out(points, 0, 10, 3, is_counter=False) == points


def test_a_gauge_gives_the_mean_of_each_span() -> None:
    points: list[Point] = [(at, float(at)) for at in range(8)]
    assert thin_out(points, 0, 8, 2, is_counter=False) == [(1, 1.5), (5, 5.5)]


def test_a_counter_gives_its_last_value() -> None:
    points: list[Point] = [(at, float(10 * at)) for at in range(8)]
    assert thin_out(points, 0, 8, 2, is_counter=True) == [(3, 30.0), (7, 70.0)]


def test_a_counter_that_was_reset_within_a_span_keeps_its_increase() -> None:
    values = [10, 20, 90, 5, 15, 95, 99, 120]  # reset in the first span; its last value is above the one before it
    points: list[Point] = [(at, float(value)) for at, value in enumerate(values)]
    thinned = thin_out(points, 0, 8, 1, is_counter=True)
    assert thinned == [(2, 90.0), (3, 5.0), (7, 120.0)]


def test_a_reset_at_the_border_of_two_spans_stays() -> None:
    points: list[Point] = [(0, 10.0), (1, 90.0), (2, 5.0), (3, 100.0)]
    assert thin_out(points, 0, 4, 2, is_counter=True) == [(1, 90.0), (2, 5.0), (3, 100.0)]


def test_a_gap_stays_when_points_are_thinned() -> None:
    points: list[Point] = [(0, 1.0), (1, 1.0), (2, 1.0), (3, None), (20, 5.0), (21, 5.0), (22, 5.0), (23, 5.0)]
    assert thin_out(points, 0, 24, 12, is_counter=False) == points
    assert thin_out(points, 0, 24, 6, is_counter=False) == [(1, 1.0), (21, 5.0)]
    alone: list[Point] = [(0, 1.0), (1, 1.0), (4, None), (5, None), (8, None), (20, 5.0), (21, 5.0)]
    assert thin_out(alone, 0, 24, 6, is_counter=False) == [(0, 1.0), (4, None), (20, 5.0)]


@st.composite
def counters(draw: st.DrawFn) -> list[Point]:
    count = draw(st.integers(1, 60))
    points: list[Point] = []
    total = 0
    for at in range(count):
        total = draw(st.integers(0, 3)) if draw(st.booleans()) and draw(st.booleans()) else total + draw(st.integers(0, 50))
        points.append((at * STEP, float(total)))
    return points


def increase(points: list[Point]) -> float:
    known = [value for _, value in points if value is not None]
    return sum(after - before if after >= before else after for before, after in pairwise(known))


@given(counters(), st.integers(1, 20))
def test_thinning_is_bounded_keeps_order_and_invents_nothing(points: list[Point], limit: int) -> None:
    until = points[-1][0] + 1
    for is_counter, most in ((True, 3 * limit), (False, limit)):
        thinned = thin_out(points, 0, until, limit, is_counter=is_counter)
        assert len(thinned) <= max(most, min(len(points), limit))
        assert [at for at, _ in thinned] == sorted({at for at, _ in thinned})
        if is_counter:
            assert set(thinned) <= set(points)


@given(counters(), st.integers(1, 20))
def test_the_increase_of_a_counter_with_one_reset_a_span_survives_thinning(points: list[Point], limit: int) -> None:
    until = points[-1][0] + 1
    width = math.ceil(until / limit)
    resets = [after[0] // width for before, after in pairwise(points) if (after[1] or 0) < (before[1] or 0)]
    thinned = thin_out(points, 0, until, limit, is_counter=True)
    before_first = increase([point for point in points if point[0] <= thinned[0][0]])
    if len(set(resets)) == len(resets):
        assert increase(thinned) + before_first == increase(points)


def give_in_slices(points: list[Point], until: int, limit: int, spans: int, *, is_counter: bool) -> list[Point]:
    """As a long window is read: so many spans at once."""
    width = math.ceil(until / limit)
    thinner = Thinner(is_counter=is_counter)
    for since in range(0, until, spans * width):
        thinner.add([point for point in points if since <= point[0] < since + spans * width], since, since + spans * width, spans)
    return thinner.points


def test_a_gap_at_the_border_of_two_slices_is_told() -> None:
    points: list[Point] = [(at * STEP, 1.0) for at in (0, 1, 2, 3, 12, 13, 14, 15)]
    assert give_in_slices(points, 16 * STEP, 16, 4, is_counter=False) == to_points(points, 0, 16 * STEP)


def test_a_reset_at_the_border_of_two_slices_stays() -> None:
    points: list[Point] = [(0, 1.0), (1, 90.0), (2, 95.0), (3, 99.0), (4, 5.0), (5, 100.0), (6, 110.0), (7, 120.0)]
    assert give_in_slices(points, 8, 2, 1, is_counter=True) == [(3, 99.0), (4, 5.0), (7, 120.0)]


@given(counters(), st.integers(1, 20), st.integers(1, 6))
def test_slices_of_a_long_window_keep_order_bounds_and_increase(points: list[Point], limit: int, spans: int) -> None:
    until = points[-1][0] + 1
    width = math.ceil(until / limit)
    given = give_in_slices(points, until, limit, spans, is_counter=True)
    assert [at for at, _ in given] == sorted({at for at, _ in given})
    assert set(given) <= set(points)
    assert len(given) <= 3 * (limit + spans)
    resets = [after[0] // width for before, after in pairwise(points) if (after[1] or 0) < (before[1] or 0)]
    before_first = increase([point for point in points if point[0] <= given[0][0]])
    if len(set(resets)) == len(resets):
        assert increase(given) + before_first == increase(points)
