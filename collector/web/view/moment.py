"""Instants and durations as people say them, with the exact time and its zone at hand."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from collector.web.view.viewpoint import Viewpoint

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Moment(Struct, frozen=True):
    """`text` is relative, `exact` names the zone, `machine` is RFC 3339."""

    text: str
    exact: str
    machine: str


def to_moment(at: int, viewpoint: Viewpoint) -> Moment:
    """An instant relative to now."""
    return Moment(say_age(viewpoint.now - at, viewpoint), say_exact(at, viewpoint), to_machine(at))


def maybe_moment(at: int | None, viewpoint: Viewpoint) -> Moment | None:
    """None stays None."""
    return None if at is None else to_moment(at, viewpoint)


def to_machine(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def say_exact(at: int, viewpoint: Viewpoint) -> str:
    """`2026-03-01 11:00:00 CET`: sortable, and the zone is named."""
    local = viewpoint.local(at)
    return f"{local:%Y-%m-%d %H:%M:%S} {zone_name(at, viewpoint)}"


def say_minute(at: int, viewpoint: Viewpoint) -> str:
    """`03-01 11:00`, or with the year where that is another."""
    local = viewpoint.local(at)
    return local.strftime("%m-%d %H:%M" if local.year == viewpoint.local(viewpoint.now).year else "%Y-%m-%d %H:%M")


def zone_name(at: int, viewpoint: Viewpoint) -> str:
    """`CET`, or `UTC+08:00` where the zone has no letters of its own."""
    local = viewpoint.local(at)
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{local.strftime('%z')[:3]}:{local.strftime('%z')[3:]}"


def say_age(age_ms: int, viewpoint: Viewpoint) -> str:
    """`9 min ago`, `in 2 h`, `now`."""
    if abs(age_ms) < SECOND_MS:
        return viewpoint.say("now")
    said = say_short(abs(age_ms), viewpoint)
    return viewpoint.say("%(duration)s ago", duration=said) if age_ms > 0 else viewpoint.say("in %(duration)s", duration=said)


def say_short(duration_ms: int, viewpoint: Viewpoint) -> str:
    """The largest whole unit: `45 s`, `9 min`, `2 h`, `6 d`."""
    if duration_ms >= 2 * DAY_MS:
        return viewpoint.say("%(number)s d", number=duration_ms // DAY_MS)
    if duration_ms >= 2 * HOUR_MS:
        return viewpoint.say("%(number)s h", number=duration_ms // HOUR_MS)
    if duration_ms >= 2 * MINUTE_MS:
        return viewpoint.say("%(number)s min", number=duration_ms // MINUTE_MS)
    return viewpoint.say("%(number)s s", number=max(duration_ms // SECOND_MS, 1) if duration_ms else 0)


def say_duration(duration_ms: int, viewpoint: Viewpoint) -> str:
    """The two largest units: `3 h 12 min`, `4 min 5 s`; below a second, milliseconds. A negative one keeps its sign."""
    if duration_ms < 0:
        return f"−{say_duration(-duration_ms, viewpoint)}"  # a minus sign
    days, rest = divmod(duration_ms, DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    minutes, rest = divmod(rest, MINUTE_MS)
    seconds, milliseconds = divmod(rest, SECOND_MS)
    units = (
        (days, viewpoint.say("%(number)s d", number=days)),
        (hours, viewpoint.say("%(number)s h", number=hours)),
        (minutes, viewpoint.say("%(number)s min", number=minutes)),
        (seconds, viewpoint.say("%(number)s s", number=seconds)),
    )
    first = next((place for place, (amount, _) in enumerate(units) if amount), None)
    if first is None:
        return viewpoint.say("%(number)s ms", number=milliseconds) if milliseconds else viewpoint.say("%(number)s s", number=0)
    return " ".join(text for amount, text in units[first : first + 2] if amount)
