"""The offsets of a time zone from UTC, as the periods in which each holds. From the zone database; nothing is computed by hand.

The database tells the offset at an instant and not when it changes, so that each hour is asked once and a change is searched to the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Period = tuple[int, int, int]  # from, to, offset; all in milliseconds
_HOUR = 3600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def offset_periods(zone: ZoneInfo, since: int, until: int) -> list[Period]:
    """The periods of constant offset that make up `[since, until)`: local wall clock = UTC + offset."""
    periods: list[Period] = []
    for start, end, offset in _periods_of_years(zone, since, until):
        clipped = (max(start, since), min(end, until), offset)
        if clipped[0] >= clipped[1]:
            continue
        if periods and periods[-1][2] == offset and periods[-1][1] == clipped[0]:
            periods[-1] = (periods[-1][0], clipped[1], offset)
        else:
            periods.append(clipped)
    return periods


def _periods_of_years(zone: ZoneInfo, since: int, until: int) -> Iterator[Period]:
    first, last = (_from_seconds(at // 1000).year for at in (since, max(since, until - 1)))
    for year in range(first, last + 1):
        yield from _periods_of_year(zone, year)


@lru_cache(maxsize=4096)
def _periods_of_year(zone: ZoneInfo, year: int) -> tuple[Period, ...]:
    since = _to_seconds(datetime(year, 1, 1, tzinfo=UTC))
    until = _to_seconds(datetime(year, 12, 31, 23, tzinfo=UTC)) + _HOUR
    periods: list[Period] = []
    start, offset = since, _offset(zone, since)
    for end in range(since + _HOUR, until + 1, _HOUR):
        following = _offset(zone, end) if end < until else None
        if following == offset:
            continue
        at = until if following is None else _find_change(zone, end - _HOUR, end)
        periods.append((start * 1000, at * 1000, offset))
        start, offset = at, following or 0
    return tuple(periods)


def _find_change(zone: ZoneInfo, low: int, high: int) -> int:
    """The second from which the offset is the one at `high`."""
    before = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(zone: ZoneInfo, seconds: int) -> int:
    """Milliseconds."""
    offset = _from_seconds(seconds).astimezone(zone).utcoffset()
    assert offset is not None, "a zone of the database always has an offset"
    return offset // timedelta(milliseconds=1)


def _from_seconds(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


def _to_seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)
