"""Line charts: series to the SVG that a template draws; uPlot draws the same numbers where there is script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from collector.web.view.moment import DAY_MS
from collector.web.view.scale import Scale, choose_range, time_ticks, to_path, value_ticks
from collector.web.view.value import say_quantity
from collector.web.view.viewpoint import Viewpoint
from muster.ports import SeriesView

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 8, 22
LINES = 8
# Labels that say what a CI is anyway.
_SILENT_LABELS = frozenset({"instance", "job"})


class Tick(Struct, frozen=True):
    """A mark on an axis."""

    place: float
    text: str


class Line(Struct, frozen=True):
    """One series: its path, what it is called, and its points; `place` picks its colour and dash."""

    path: str
    name: str
    place: int
    last: str
    points: list[tuple[int, float | None]]


class Chart(Struct, frozen=True):
    """A chart with both axes. `rest`: series left out, since more than eight lines cannot be told apart."""

    title: str
    unit: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    rest: int
    names: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def to_rates(series: SeriesView) -> SeriesView:
    """A counter as its increase a second; a fall is a restart, of which the new value counts."""
    points: list[tuple[int, float | None]] = []
    for (before, old), (at, new) in zip(series.points, series.points[1:], strict=False):
        if old is None or new is None or at <= before:
            points.append((at, None))
        else:
            points.append((at, (new - old if new >= old else new) / (at - before) * 1000))
    unit = {"bytes": "B/s", "seconds": "ratio"}.get(series.unit, f"{series.unit}/s".lstrip("/") if series.unit else "1/s")
    return SeriesView(name=series.name, labels=series.labels, unit=unit, kind="gauge", points=points)


def to_chart(title: str, series: Sequence[SeriesView], since: int, until: int, viewpoint: Viewpoint) -> Chart:
    """Series of one unit over `[since, until)`; those that moved most come first when there are more than eight."""
    rated = [to_rates(each) if each.kind == "counter" else each for each in series]
    shown = sorted(sorted(rated, key=_movement, reverse=True)[:LINES], key=lambda each: sorted(each.labels.items()))
    unit = rated[0].unit if rated else ""
    values = [value for each in shown for _, value in each.points if value is not None and math.isfinite(value)]
    is_binary = unit in {"bytes", "B/s"}
    marks = value_ticks(*choose_range(values, is_ratio=unit == "ratio"), is_binary=is_binary)
    x = Scale(since, until, LEFT, WIDTH - RIGHT)
    y = Scale(marks[0], marks[-1], HEIGHT - BOTTOM, TOP)
    gap = _gap(shown)
    lines = [
        Line(to_path(each.points, x, y, gap_ms=gap), name_series(each, shown), place, _last(each), list(each.points))
        for place, each in enumerate(shown)
    ]
    return Chart(
        title=title,
        unit=unit,
        lines=lines,
        x_ticks=[Tick(x.place(at), _clock(at, until - since, viewpoint)) for at in time_ticks(since, until, viewpoint.zone)],
        y_ticks=[Tick(y.place(each), say_quantity(each, unit)) for each in marks],
        rest=len(rated) - len(shown),
        names=",".join(sorted({each.name for each in series})),
    )


def name_series(series: SeriesView, among: Iterable[SeriesView]) -> str:
    """The labels that tell a series from the others, else its metric's name."""
    others = list(among)
    telling = [name for name in sorted(series.labels) if name not in _SILENT_LABELS and len({each.labels.get(name) for each in others}) > 1]
    parts = ([series.name.removeprefix("node_")] if len({each.name for each in others}) > 1 else []) + [series.labels[name] for name in telling]
    return " ".join(parts) or series.name.removeprefix("node_")


def _movement(series: SeriesView) -> float:
    values = [value for _, value in series.points if value is not None]
    return max(values) - min(values) + abs(max(values)) * 1e-3 if values else -1.0


def _gap(series: Sequence[SeriesView]) -> int | None:
    """Three times the usual step: a longer hole is shown as one."""
    steps = sorted(b[0] - a[0] for each in series for a, b in zip(each.points, each.points[1:], strict=False))
    return 3 * steps[len(steps) // 2] if steps else None


def _last(series: SeriesView) -> str:
    value = next((value for _, value in reversed(series.points) if value is not None), None)
    return "—" if value is None else say_quantity(value, series.unit)


def _clock(at: int, extent_ms: int, viewpoint: Viewpoint) -> str:
    local = viewpoint.local(at)
    if extent_ms > 2 * DAY_MS:
        return local.strftime("%m-%d")
    return local.strftime("%H:%M:%S" if extent_ms < 10 * 60_000 else "%H:%M")
