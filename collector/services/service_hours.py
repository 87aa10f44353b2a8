"""Service hours: weekly shifts, closed dates and extra shifts in the service's time zone, as intervals of real time.

An instant is inside a shift when its local wall-clock date and time are: an hour that the clock skips does not exist, an hour that it
repeats counts twice. Definitions: docs/services.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from msgspec import Struct

from collector.services.interval import Interval, unite
from collector.services.zone_offset import offset_periods
from muster.document import suggest
from muster.errors import InputError, quote

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MS = 86_400_000
MAXIMUM_YEARS = 200
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_EPOCH_DATE = date(1970, 1, 1)


class Shift(Struct, frozen=True):
    """From and to in milliseconds of the local day; `end` is over a day's length where the shift ends on the next one."""

    start: int
    end: int


class ServiceHours(Struct, frozen=True):
    """`weekly`: by weekday, Monday first. `closed` and the keys of `extra`: days since 1970-01-01."""

    weekly: tuple[tuple[Shift, ...], ...]
    closed: frozenset[int]
    extra: Mapping[int, tuple[Shift, ...]]


def parse_zone(name: Any, *, path: str = "$.time_zone") -> ZoneInfo:
    """The time zone of a name of the zone database. Raises InputError with a suggestion."""
    try:
        return ZoneInfo(name if isinstance(name, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = suggest(str(name), list(available_timezones())) if isinstance(name, str) else ""
        near = near if near.startswith("; did") else "; write a name of the zone database, for example Europe/Berlin"
        raise InputError(f"unknown time zone {quote(name)}{near}", path=path) from None


def parse_service_hours(value: Any, *, path: str = "$.service_hours") -> ServiceHours | None:
    """Service hours of plain values; None means always. Raises InputError with the path of the fault."""
    if value is None:
        return None
    given = expect_mapping(value, path, ("weekly", "closed_dates", "extra"))
    weekly: list[list[Shift]] = [[] for _ in WEEKDAYS]
    for index, entry in enumerate(expect_list(given.get("weekly"), f"{path}.weekly")):
        at = f"{path}.weekly[{index}]"
        fields = expect_mapping(entry, at, ("days", "from", "to"), required=("days", "from", "to"))
        shift = parse_shift(fields["from"], fields["to"], path=at)
        for place, day in enumerate(expect_list(fields["days"], f"{at}.days")):
            weekly[parse_weekday(day, path=f"{at}.days[{place}]")].append(shift)
    closed = {
        parse_date(each, path=f"{path}.closed_dates[{i}]") for i, each in enumerate(expect_list(given.get("closed_dates"), f"{path}.closed_dates"))
    }
    extra: dict[int, tuple[Shift, ...]] = {}
    for index, entry in enumerate(expect_list(given.get("extra"), f"{path}.extra")):
        at = f"{path}.extra[{index}]"
        fields = expect_mapping(entry, at, ("date", "from", "to"), required=("date", "from", "to"))
        day = parse_date(fields["date"], path=f"{at}.date")
        extra[day] = (*extra.get(day, ()), parse_shift(fields["from"], fields["to"], path=at))
    return ServiceHours(tuple(map(tuple, weekly)), frozenset(closed), extra)


def find_service_time(hours: ServiceHours | None, zone: ZoneInfo, since: int, until: int) -> list[Interval]:
    """The service hours inside `[since, until)`, in milliseconds UTC. Raises InputError for a window of more than 200 years."""
    if hours is None:
        return unite([(since, until)])
    if until - since > MAXIMUM_YEARS * 366 * DAY_MS:
        raise InputError(f"longer than {MAXIMUM_YEARS} years; compute shorter windows", path="$.window")
    found: list[Interval] = []
    for start, end, offset in offset_periods(zone, since, until):
        local_start, local_end = start + offset, end + offset
        for opens, closes in _local_shifts(hours, local_start // DAY_MS - 1, (local_end - 1) // DAY_MS):
            found.append((max(opens, local_start) - offset, min(closes, local_end) - offset))
    return unite(found)


def parse_shift(start: Any, end: Any, *, path: str) -> Shift:
    """A shift of two local times; one that does not end after its start ends on the next local day. `24:00` is an end only."""
    since = parse_time(start, path=f"{path}.from")
    until = DAY_MS if end == "24:00" else parse_time(end, path=f"{path}.to")
    return Shift(since, until if until > since else until + DAY_MS)


def parse_time(value: Any, *, path: str) -> int:
    """Milliseconds of the local day of `08:00` or `08:00:30`."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        more = "; put it in quotes, as YAML takes it for a number" if isinstance(value, int) else ""
        raise InputError(f'{quote(value)} is no local time; write for example "08:00"{more}', path=path)
    hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return (hours * 3600 + minutes * 60 + seconds) * 1000


def parse_date(value: Any, *, path: str) -> int:
    """Days since 1970-01-01 of an ISO date."""
    try:
        day = value if isinstance(value, date) else date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise InputError(f"{quote(value)} is no date; write for example 2026-03-07", path=path) from None
    return (day - _EPOCH_DATE) // timedelta(days=1)


def parse_weekday(value: Any, *, path: str) -> int:
    """0 for Monday."""
    if value not in WEEKDAYS:
        raise InputError(f"unknown weekday {quote(value)}{suggest(str(value), WEEKDAYS)}", path=path)
    return WEEKDAYS.index(value)


def expect_mapping(value: Any, path: str, known: tuple[str, ...], *, required: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """The mapping, if it has only known keys and all required ones. Raises InputError."""
    if not isinstance(value, Mapping):
        raise InputError(f"{quote(value)} is no mapping with the keys {', '.join(known)}", path=path)
    for key in value:
        if key not in known:
            raise InputError(f"unknown key {quote(key)}{suggest(str(key), known)}", path=f"{path}.{key}")
    for key in required:
        if key not in value:
            raise InputError(f"the key {key!r} is missing", path=path)
    return value


def expect_list(value: Any, path: str) -> list[Any]:
    """The list; nothing is an empty one. Raises InputError."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise InputError(f"{quote(value)} is no list", path=path)
    return list(value)


def _local_shifts(hours: ServiceHours, first: int, last: int) -> Iterator[Interval]:
    """Shifts that start on these local days, in wall-clock milliseconds."""
    for day in range(first, last + 1):
        weekly = () if day in hours.closed else hours.weekly[(day + 3) % 7]  # 1970-01-01 was a Thursday
        for shift in (*weekly, *hours.extra.get(day, ())):
            yield day * DAY_MS + shift.start, day * DAY_MS + shift.end
