"""Availability figures as rows for people: exact fractions cut, never rounded, with the terms they stand under beside them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

_UNITS = (("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1))


def say_percent(fraction: Mapping[str, Any] | None) -> str | None:
    """Percent cut after four decimals.

    >>> say_percent({"numerator": 2_589_407, "denominator": 2_592_000})
    '99.8999 %'
    """
    if fraction is None:
        return None
    exact = Fraction(int(fraction["numerator"]), int(fraction["denominator"]))
    whole, rest = divmod(exact.numerator * 1_000_000 // exact.denominator, 10_000)
    return f"{whole}.{rest:04d} %"


def say_duration(duration_ms: int) -> str:
    """Hours, minutes and what is below, without those that are 0; days would hide that a service day may have ten hours.

    >>> say_duration(75 * 60_000 + 500)
    '1 h 15 min 500 ms'
    """
    if duration_ms < 0:
        return f"-{say_duration(-duration_ms)}"
    parts = []
    for name, length in _UNITS:
        count, duration_ms = divmod(duration_ms, length)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts) or "0 s"


def say_mean(fraction: Mapping[str, Any] | None) -> str | None:
    """A fraction of milliseconds as a duration, cut to whole ones."""
    if fraction is None:
        return None
    numerator, denominator = int(fraction["numerator"]), int(fraction["denominator"])
    return say_duration(numerator // denominator if numerator >= 0 else -(-numerator // denominator))


def to_rows(result: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The rows of an engine's result: the figure, how sure it is, and what it is made of."""
    bounds = result.get("bounds") or {}
    budget = result.get("error_budget") or {}
    lower, upper = say_percent(bounds.get("lower")), say_percent(bounds.get("upper"))
    return [
        ("availability", say_percent(result.get("availability"))),
        ("bounds", None if lower is None else f"{lower} to {upper}"),
        ("coverage", say_percent(result.get("coverage"))),
        ("verdict", result.get("verdict")),
        *((name, say_duration(int(result.get(f"{name}_ms") or 0))) for name in ("agreed", "planned", "up", "degraded", "down", "unknown")),
        *((name, say_duration(int(result.get(f"{name}_ms") or 0))) for name in ("uptime", "downtime", "excluded")),
        ("outages", len(result.get("outages") or [])),
        ("MTRS", say_mean(result.get("mtrs_ms"))),
        ("MTBF", say_mean(result.get("mtbf_ms"))),
        ("MTBSI", say_mean(result.get("mtbsi_ms"))),
        ("error budget", say_mean(budget.get("allowed_ms"))),
        ("budget left", say_mean(budget.get("remaining_ms"))),
    ]


def to_outage_rows(result: Mapping[str, Any]) -> list[tuple[str, object]]:
    """One row for each outage: its span, what counted of it, and its causes."""
    return [
        (
            f"{each.get('from') or 'before anything was known'} to {each.get('to') or 'the end of the window'}",
            f"{say_duration(int(each['counted_ms']))}, {', '.join(each.get('causes') or [])}",
        )
        for each in result.get("outages") or []
    ]
