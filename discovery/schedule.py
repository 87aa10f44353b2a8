"""When a job runs: durations, quiet windows, and the next instant that is due. Pure; the time and the zone are arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from muster.errors import ConfigurationError, quote
from muster.model.query import parse_duration

MINIMUM_EVERY_SECONDS = 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?:(?P<days>[A-Za-z,\- ]+?)\s+)?(?P<from>\d{1,2}:\d{2})\s*-\s*(?P<to>\d{1,2}:\d{2})\Z")
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*/\s*(s|m|min|h)\Z")
_MINUTES_PER_DAY = 1440


@dataclass(frozen=True)
class QuietWindow:
    """Minutes of the day `[begin, end)` on these weekdays (0 is Monday); `end` up to 2880 reaches into the next day."""

    days: frozenset[int]
    begin: int
    end: int

    def holds(self, moment: datetime) -> bool:
        """Whether a local moment lies in the window."""
        minute = moment.hour * 60 + moment.minute
        today, yesterday = moment.weekday(), (moment.weekday() - 1) % 7
        return (today in self.days and self.begin <= minute < self.end) or (yesterday in self.days and minute + _MINUTES_PER_DAY < self.end)


def parse_every(text: str) -> int:
    """Seconds of `6h`, `90m`, `30s`. Raises ConfigurationError."""
    seconds = parse_duration(text)
    if not seconds:
        raise ConfigurationError(f"{quote(text)} is no duration; write for example 30s, 5m, 6h or 1d")
    return seconds


def parse_rate(text: str) -> float:
    """Targets begun a second, of `50/s`, `120/m`. Raises ConfigurationError."""
    found = _RATE.match(text.strip())
    amount = float(found.group(1)) if found else 0.0
    if not found or amount <= 0:
        raise ConfigurationError(f"{quote(text)} is no rate; write for example 50/s or 600/m")
    return amount / {"s": 1, "m": 60, "min": 60, "h": 3600}[found.group(2)]


def parse_quiet(texts: Sequence[str]) -> tuple[QuietWindow, ...]:
    """Windows of `Mon-Fri 08:00-10:00`, `Sat,Sun 00:00-24:00`, `22:00-06:00` (every day, over midnight); several with `;`.

    Raises ConfigurationError.
    """
    parts = [part.strip() for text in texts for part in text.split(";") if part.strip()]
    return tuple(_parse_window(part) for part in parts)


def is_quiet(windows: Sequence[QuietWindow], now_ms: int, zone: tzinfo | None) -> bool:
    """Whether an instant lies in a quiet window, by the wall clock of `zone` (None: the machine's)."""
    return any(window.holds(_local(now_ms, zone)) for window in windows)


def next_run_at(last_ms: int | None, every_seconds: int, windows: Sequence[QuietWindow], now_ms: int, zone: tzinfo | None) -> int:
    """The instant (ms) of the next run: `every` after the last one began, at once for a job that never ran, never in a quiet window.

    Windows that cover the whole week leave no instant: it is then pushed eight days on and asked again.
    """
    due = now_ms if last_ms is None else max(now_ms, last_ms + every_seconds * 1000)
    if not is_quiet(windows, due, zone):
        return due
    # Windows begin and end on whole minutes of the wall clock, in every zone in use also of UTC.
    minute = -(-due // 60_000)
    for step in range(8 * _MINUTES_PER_DAY):
        if not is_quiet(windows, (minute + step) * 60_000, zone):
            return (minute + step) * 60_000
    return due + 8 * 86_400_000


def _local(now_ms: int, zone: tzinfo | None) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now_ms)).astimezone(zone)


def _parse_window(text: str) -> QuietWindow:
    found = _WINDOW.match(text)
    begin, end = (_minute(found.group("from")), _minute(found.group("to"))) if found else (None, None)
    days = _parse_days(found.group("days") or "Mon-Sun") if found else None
    if begin is None or end is None or not days or begin == end:
        raise ConfigurationError(f"{quote(text)} is no quiet window; write for example 'Mon-Fri 08:00-10:00' or '22:00-06:00'")
    return QuietWindow(days, begin, end if end > begin else end + _MINUTES_PER_DAY)


def _parse_days(text: str) -> frozenset[int] | None:
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first[:3] not in DAYS or (dash and last[:3] not in DAYS):
            return None
        start, end = DAYS.index(first[:3]), DAYS.index(last[:3] if dash else first[:3])
        found.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(found)


def _minute(text: str) -> int | None:
    hour, minute = (int(part) for part in text.split(":"))
    value = hour * 60 + minute
    return value if minute < 60 and value <= _MINUTES_PER_DAY else None
