"""Samples of one series to the points of a chart: in order, each instant once, gaps told, and no more than asked for. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median_low

Sample = tuple[int, float | int | None]
Point = tuple[int, float | None]
# Later than this many usual steps, a sample does not follow the one before: something was missed.
GAP_STEPS = 2.5


class Thinner:
    """The points of one series, given slice by slice in the order of time, as if all were given at once.

    Slices of whole spans keep memory bounded over long windows; what a slice ends with is kept to tell gaps and resets at its border.
    """

    def __init__(self, *, is_counter: bool) -> None:
        self._is_counter = is_counter
        self._before: list[Sample] = []
        self._last: list[Point] = []
        self.points: list[Point] = []

    def add(self, samples: Iterable[Sample], since: int, until: int, limit: int) -> None:
        """The samples of `[since, until)`, of which about `limit` points are wanted."""
        known = sorted({at: value for at, value in samples if since <= at < until}.items())
        if not known:
            return
        points = to_points([*self._before, *known], self._before[0][0] if self._before else since, until)
        if self._before:  # a gap that began in the slice before is told there
            self.points += [point for point in points if self._before[-1][0] < point[0] < since]
        points = [point for point in points if point[0] >= since]
        self.points += thin_out(points, since, until, limit, is_counter=self._is_counter, before=self._last)
        self._before = known[-3:]
        self._last = [point for point in self.points[-1:] if point[1] is not None] or self._last


def to_points(samples: Iterable[Sample], since: int, until: int) -> list[Point]:
    """Samples in `[since, until)` as points, oldest first; of several at one instant the last given counts.

    None stands where a sample is missing or no number, and one usual step behind the last sample before a gap.
    """
    known = dict(samples)
    points = [(at, _number(known[at])) for at in sorted(known) if since <= at < until]
    step = _usual_step(points)
    marked: list[Point] = []
    for point in points:
        if marked and step and marked[-1][1] is not None and point[0] - marked[-1][0] > GAP_STEPS * step:
            marked.append((marked[-1][0] + step, None))
        marked.append(point)
    return marked


def thin_out(points: Sequence[Point], since: int, until: int, limit: int, *, is_counter: bool, before: Sequence[Point] = ()) -> list[Point]:
    """At most about `limit` points: of a gauge the mean of each span, of a counter its last value.

    Where a counter was reset within a span or since the one before, the points around that (last) reset stay too, so that it is not
    lost in the sum of increases. A span without any number is one None. `before`: the last point of what came before `since`.
    """
    if len(points) <= limit or limit < 1:
        return list(points)
    width = max(1, math.ceil((until - since) / limit))
    spans: dict[int, list[Point]] = {}
    for point in points:
        spans.setdefault((point[0] - since) // width, []).append(point)
    thinned: list[Point] = []
    last = list(before)
    for index in sorted(spans):
        kept = _last_of_counter(spans[index], last) if is_counter else [_mean_of_gauge(spans[index])]
        last = [point for point in kept[-1:] if point[1] is not None] or last
        thinned += [point for point in kept if point[1] is not None or not thinned or thinned[-1][1] is not None]
    return thinned


def _mean_of_gauge(span: Sequence[Point]) -> Point:
    known = [(at, value) for at, value in span if value is not None]
    if not known:
        return span[0][0], None
    mean = math.fsum(value / len(known) for _, value in known)
    return (known[0][0] + known[-1][0]) // 2, mean


def _last_of_counter(span: Sequence[Point], before: Sequence[Point]) -> list[Point]:
    """`before`: the last point kept of an earlier span, where there is one."""
    known = [(at, value) for at, value in span if value is not None]
    if not known:
        return [(span[0][0], None)]
    earlier = [(at, value) for at, value in before if value is not None]
    resets = [pair for pair in pairwise([*earlier, *known]) if pair[1][1] < pair[0][1]]
    return sorted({*(resets[-1] if resets else ()), known[-1]} - set(earlier))


def _usual_step(points: Sequence[Point]) -> int | None:
    steps = [after - before for (before, _), (after, _) in pairwise(points)]
    return median_low(steps) if len(steps) >= 2 else None


def _number(value: float | int | None) -> float | None:
    """None too for what is no number: a chart and JSON know neither NaN nor infinity."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
