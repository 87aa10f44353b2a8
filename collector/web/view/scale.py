"""Scales of charts: from values to places, and the ticks that people read. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# Steps between time ticks, in seconds; beyond a day whole local days are stepped.
TIME_STEPS_SECONDS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000)

# Below it there is nothing to divide.
SMALLEST_EXTENT = 1e-200


@dataclass(frozen=True)
class Scale:
    """A linear map of `[low, high]` onto `[start, end]`; `start` above `end` turns it round, as for a y axis."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value stands; a scale without extent puts everything in the middle."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def choose_step(extent: float, count: int, *, is_binary: bool = False) -> float:
    """A step of 1, 2 or 5 times a power of ten (or 1, 2, 4 … times a power of two) that gives at most `count` intervals.

    >>> choose_step(97, 5), choose_step(3 * 2**30, 4, is_binary=True) / 2**30
    (20.0, 1.0)
    """
    if extent < SMALLEST_EXTENT or not math.isfinite(extent):
        return 1.0
    rough = extent / max(count, 1)
    if is_binary:
        return float(2 ** math.ceil(math.log2(rough)))
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9))


def choose_range(values: Sequence[float], *, is_ratio: bool = False) -> tuple[float, float]:
    """The extent of an axis: ratios from 0 to 1, others from 0 where that does not flatten them; equal values get air."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if is_ratio and low >= 0 and high <= 1:
        return 0.0, 1.0
    low = min(low, 0.0)
    if low == high:
        return (low - 1.0, high + 1.0) if low else (0.0, 1.0)
    return low, high


def value_ticks(low: float, high: float, count: int = 4, *, is_binary: bool = False) -> list[float]:
    """Round values from at or below `low` to at or above `high`: the first and last are the axis' ends.

    >>> value_ticks(0, 97)
    [0.0, 50.0, 100.0]
    """
    step = choose_step(high - low, count, is_binary=is_binary)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [each * step for each in range(first, last + 1)]


def time_ticks(since: int, until: int, zone: ZoneInfo, count: int = 6) -> list[int]:
    """Instants of round local times in `[since, until]`, at most about `count`; over a day they stand at local midnights."""
    extent = (until - since) / 1000
    step = next((each for each in TIME_STEPS_SECONDS if extent / each <= count), TIME_STEPS_SECONDS[-1])
    return _day_ticks(since, until, zone, step // 86_400) if step >= 86_400 else _clock_ticks(since, until, zone, step)


def _clock_ticks(since: int, until: int, zone: ZoneInfo, step: int) -> list[int]:
    """Multiples of the step since the local midnight: where the clock is turned, one interval is longer or shorter."""
    start = datetime.fromtimestamp(since / 1000, UTC).astimezone(zone)
    midnight = round(start.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    first = midnight + math.ceil((since / 1000 - midnight) / step) * step
    return [at * 1000 for at in range(first, until // 1000 + 1, step)]


def _day_ticks(since: int, until: int, zone: ZoneInfo, days: int) -> list[int]:
    day = datetime.fromtimestamp(since / 1000, UTC).astimezone(zone).date()
    ticks: list[int] = []
    while True:
        at = round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
        if at > until:
            return ticks
        if at >= since:
            ticks.append(at)
        day += timedelta(days=days)


def to_path(points: Sequence[tuple[int, float | None]], x: Scale, y: Scale, *, gap_ms: int | None = None) -> str:
    """The `d` of an SVG path with one decimal; a missing value or a hole longer than `gap_ms` lifts the pen."""
    parts: list[str] = []
    last: int | None = None
    for at, value in points:
        if value is None or not math.isfinite(value):
            last = None
            continue
        is_start = last is None or (gap_ms is not None and at - last > gap_ms)
        parts.append(f"{'M' if is_start else 'L'}{x.place(at):.1f} {y.place(value):.1f}")
        last = at
    return "".join(parts)
