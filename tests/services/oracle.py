"""The definitions read aloud, one step of time after another: slow, obvious, and independent of the engine's modules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

RANKS = ("down", "degraded", "up")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def compute(case: dict[str, Any], step: int) -> dict[str, Any]:
    """The result of a case whose instants are all whole steps, in milliseconds; a step must not straddle a minute or a clock change."""
    since, until = case["window"]["from"], case["window"]["to"]
    unknown, degraded, planned = (case["policies"][name] for name in ("unknown", "degraded", "planned"))
    counts_down = {"down", *(["degraded"] if degraded == "down" else []), *(["unknown"] if unknown == "down" else [])}
    total = dict.fromkeys((*RANKS, "unknown"), 0)
    planned_ms = 0
    down_steps: set[int] = set()
    for at in range(since, until, step):
        if not is_in_hours(case, at):
            continue
        is_planned = any(each["from"] <= at < each["to"] for each in case["planned_downtime"])
        planned_ms += step * is_planned
        if is_planned and planned == "exclude":
            continue
        state = service_state(case, at)
        if is_planned and planned == "good" and state in {"down", "degraded"}:
            state = "up"
        total[state] += step
        if state in counts_down:
            down_steps.add(at)
    agreed = sum(total.values())
    excluded = total["unknown"] if unknown == "exclude" else 0
    down = step * len(down_steps)
    up = agreed - excluded - down
    outages = find_outages(case, step, counts_down, down_steps)
    figure = ratio(up, agreed - excluded)
    lower, upper = (ratio(up, agreed), ratio(up + excluded, agreed)) if unknown == "exclude" else (figure, figure)
    target = None if case["target"] is None else Fraction(case["target"])
    budget = None
    if target is not None:
        allowed = (1 - target) * (agreed - excluded)
        budget = {"allowed_ms": fraction(allowed), "remaining_ms": fraction(allowed - down)}
    return {
        "agreed_ms": agreed, "planned_ms": planned_ms, **{f"{state}_ms": length for state, length in total.items()},
        "uptime_ms": up, "downtime_ms": down, "excluded_ms": excluded,
        "availability": figure,
        "bounds": None if lower is None else {"lower": lower, "upper": upper},
        "coverage": ratio(agreed - total["unknown"], agreed),
        "verdict": judge(lower, upper, target),
        "outages": outages,
        "mtrs_ms": mean(down, outages), "mtbf_ms": mean(up, outages), "mtbsi_ms": mean(up + down, outages),
        "error_budget": budget,
    }  # fmt: skip


def judge(lower: dict[str, Any] | None, upper: dict[str, Any] | None, target: Fraction | None) -> str | None:
    if lower is None or upper is None or target is None:
        return None
    if Fraction(upper["numerator"], upper["denominator"]) < target:
        return "breached"
    return "met" if Fraction(lower["numerator"], lower["denominator"]) >= target else "undetermined"


def component_state(case: dict[str, Any], name: str, at: int) -> str:
    before = [(each["at"], index, each["state"]) for index, each in enumerate(case["components"][name]) if each["at"] <= at]
    return str(max(before)[2]) if before else "unknown"


def service_state(case: dict[str, Any], at: int, raised: tuple[str, ...] = ()) -> str:
    states = {name: "up" if name in raised else component_state(case, name, at) for name in case["components"]}
    low, high = (rank(case["expression"], states, reading) for reading in ("down", "up"))
    return RANKS[low] if low == high else "unknown"


def rank(expression: Any, states: dict[str, str], unknown: str) -> int:
    if isinstance(expression, str):
        return RANKS.index(unknown if states[expression] == "unknown" else states[expression])
    if "all" in expression:
        return min(rank(each, states, unknown) for each in expression["all"])
    if "any" in expression:
        return max(rank(each, states, unknown) for each in expression["any"])
    ranks = sorted((rank(each, states, unknown) for each in expression["of"]), reverse=True)
    return ranks[int(expression["at_least"]) - 1]


def is_in_hours(case: dict[str, Any], at: int) -> bool:
    hours = case["service_hours"]
    if hours is None:
        return True
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(ZoneInfo(case["time_zone"])).replace(tzinfo=None)
    for day in (local.date() - timedelta(days=1), local.date()):
        shifts = [each for each in hours["extra"] if each["date"] == day.isoformat()]
        if day.isoformat() not in hours["closed_dates"]:
            shifts += [each for each in hours["weekly"] if DAYS[day.weekday()] in each["days"]]
        for each in shifts:
            opens, closes = wall_clock(day, each["from"]), wall_clock(day, each["to"])
            if closes <= opens:
                closes += timedelta(days=1)
            if opens <= local < closes:
                return True
    return False


def wall_clock(day: date, text: str) -> datetime:
    hours, minutes = map(int, text.split(":"))
    return datetime(day.year, day.month, day.day) + timedelta(hours=hours, minutes=minutes)  # noqa: DTZ001  # wall-clock time is meant


def find_outages(case: dict[str, Any], step: int, counts_down: set[str], down_steps: set[int]) -> list[dict[str, Any]]:
    """Runs from one step before anything was known to the window's end."""
    until = case["window"]["to"]
    known = [each["at"] for timeline in case["components"].values() for each in timeline]
    first = min([case["window"]["from"], *known]) - step
    outages: list[dict[str, Any]] = []
    start: int | None = None
    for at in range(first, until + step, step):
        is_down = at < until and service_state(case, at) in counts_down
        if is_down and start is None:
            start = at
        if not is_down and start is not None:
            counted = step * sum(start <= each < at for each in down_steps)
            if counted:
                outages.append(
                    {
                        "from": None if start == first else render(start),
                        "to": None if at >= until else render(at),
                        "counted_ms": counted,
                        "causes": find_causes(case, start, counts_down),
                    }
                )
            start = None
    return outages


def find_causes(case: dict[str, Any], at: int, counts_down: set[str]) -> list[str]:
    names = sorted(case["components"])
    alone = [name for name in names if service_state(case, at, (name,)) not in counts_down]
    if alone:
        return alone
    return next(
        list(chosen) for size in range(len(names) + 1) for chosen in combinations(names, size) if service_state(case, at, chosen) not in counts_down
    )


def ratio(numerator: int, denominator: int) -> dict[str, Any] | None:
    return None if denominator == 0 else {**fraction(Fraction(numerator, denominator)), "ratio": numerator / denominator}


def fraction(value: Fraction) -> dict[str, Any]:
    return {"numerator": value.numerator, "denominator": value.denominator}


def mean(total: int, outages: list[Any]) -> dict[str, Any] | None:
    return fraction(Fraction(total, len(outages))) if outages else None


def render(at: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
