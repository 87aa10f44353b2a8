"""Cases as tests write them: short, with instants in any form the engine takes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from muster.instant import parse_instant

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY_TO_FRIDAY = ["mon", "tue", "wed", "thu", "fri"]


def make_case(since: Any, until: Any, *downs: tuple[Any, Any], **given: Any) -> dict[str, Any]:
    """One component `web` that is up from long before, and down in the given intervals; `given` are other keys of the case."""
    timeline = [{"at": 0 if isinstance(since, int) else "2000-01-01T00:00:00Z", "state": "up"}]
    for start, end in downs:
        timeline += [{"at": start, "state": "down"}, {"at": end, "state": "up"}]
    return {"window": {"from": since, "to": until}, "components": {"web": timeline}, "expression": {"all": ["web"]}, **given}


def percent(result: dict[str, Any], *path: str) -> str | None:
    """The figure in percent, cut after four decimals."""
    found: Any = result
    for name in path or ("availability",):
        found = found[name]
    if found is None:
        return None
    exact = Fraction(found["numerator"], found["denominator"])
    whole, rest = divmod(exact.numerator * 1_000_000 // exact.denominator, 10_000)
    return f"{whole}.{rest:04d}"


def at(text: str) -> int:
    return parse_instant(text)
