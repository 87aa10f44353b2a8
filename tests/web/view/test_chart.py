"""Charts draw what was measured: counters as rates, holes as holes, ticks on round values."""

from __future__ import annotations

from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from collector.web.language import load_words
from collector.web.view.chart import LINES, to_chart, to_rates
from collector.web.view.chart_set import choose_charts, to_numbers
from collector.web.view.scale import Scale, time_ticks, to_path, value_ticks
from collector.web.view.viewpoint import Viewpoint
from muster.ports import SeriesView

VIEWPOINT = Viewpoint(load_words("en"), ZoneInfo("Europe/Berlin"), 1_772_535_300_000)


def series(name: str, points: list[tuple[int, float | None]], *, unit: str = "", kind: str = "gauge", **labels: str) -> SeriesView:
    return SeriesView(name=name, labels=labels, unit=unit, kind=kind, points=points)


def test_counter_becomes_a_rate_and_a_restart_is_no_fall() -> None:
    counter = series("c", [(0, 10.0), (1_000, 30.0), (2_000, 4.0), (3_000, None), (4_000, 9.0)], unit="bytes", kind="counter")
    assert to_rates(counter).points == [(1_000, 20.0), (2_000, 4.0), (3_000, None), (4_000, None)]
    assert to_rates(counter).unit == "B/s"


def test_missing_value_lifts_the_pen() -> None:
    across, down = Scale(0, 4, 0, 4), Scale(0, 10, 10, 0)
    assert to_path([(0, 1.0), (1, 2.0), (2, None), (3, 3.0)], across, down).count("M") == 2
    assert to_path([(0, 1.0), (1, 2.0), (4, 3.0)], across, down, gap_ms=2).count("M") == 2


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12))
def test_ticks_enclose_the_values(low: float, extent: float) -> None:
    ticks = value_ticks(low, low + extent)
    slack = abs(low) * 1e-9 + extent * 1e-6 + 1e-6
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + extent - slack
    assert len(ticks) <= 8


def test_time_ticks_stand_at_local_midnights_over_a_change_of_the_clock() -> None:
    since = 1_774_652_400_000  # 2026-03-28T00:00 in Berlin
    ticks = time_ticks(since, since + 5 * 86_400_000, ZoneInfo("Europe/Berlin"))
    assert [b - a for a, b in pairwise(ticks)][:2] == [86_400_000, 82_800_000]


def test_series_of_one_matter_share_a_chart() -> None:
    found = choose_charts([series("node_load5", [(0, 1.0)]), series("node_load1", [(0, 2.0)]), series("own_metric", [(0, 1.0)])])
    assert [(each.title, [one.name for one in each.series]) for each in found] == [
        ("Load", ["node_load1", "node_load5"]),
        ("own_metric", ["own_metric"]),
    ]


def test_numbers_for_zooming_are_those_of_the_drawing() -> None:
    chart = to_chart("t", [series("a", [(0, 1.0), (2_000, 3.0)], x="1"), series("a", [(1_000, 5.0)], x="2")], 0, 3_000, VIEWPOINT)
    assert to_numbers(chart) == {
        "unit": "",
        "times": [0.0, 1.0, 2.0],
        "series": [{"name": "1", "values": [1.0, None, 3.0]}, {"name": "2", "values": [None, 5.0, None]}],
    }


def test_lines_left_out_are_counted() -> None:
    chart = to_chart("t", [series("a", [(0, 0.0), (1, float(number))], x=str(number)) for number in range(LINES + 3)], 0, 2, VIEWPOINT)
    assert (len(chart.lines), chart.rest) == (LINES, 3)
    assert all(line.name != "0" for line in chart.lines), "those that moved least are left out"
