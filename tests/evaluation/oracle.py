"""A slow, obvious availability engine for tests of the evaluation edge: always agreed, no planned downtime, by elementary intervals."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

from collector.service_figure import ServiceEngine
from muster.document import parse_yaml

RANK = {"down": 0, "degraded": 1, "up": 2}


def compute(case: dict[str, Any]) -> dict[str, Any]:
    since, until = case["window"]["from"], case["window"]["to"]
    cuts = sorted({since, until, *(each["at"] for timeline in case["components"].values() for each in timeline if since < each["at"] < until)})
    total = dict.fromkeys(("up", "degraded", "down", "unknown"), 0)
    outages: list[dict[str, Any]] = []
    for start, end in pairwise(cuts):
        state = evaluate(case["expression"], {name: state_at(timeline, start) for name, timeline in case["components"].items()})
        total[state] += end - start
        if state == "down":
            if outages and outages[-1]["to"] == start:
                outages[-1]["to"] = end
            else:
                outages.append({"from": start, "to": end})
    agreed, unknown, down = until - since, total["unknown"], total["down"]
    counted = agreed - unknown
    target = None if case["target"] is None else Fraction(case["target"])
    lower, upper = Fraction(total["up"] + total["degraded"], agreed), Fraction(agreed - down, agreed)
    allowed = None if target is None else (1 - target) * counted
    return {
        "agreed_ms": agreed, "planned_ms": 0, "up_ms": total["up"], "degraded_ms": total["degraded"], "down_ms": down, "unknown_ms": unknown,
        "uptime_ms": counted - down, "downtime_ms": down, "excluded_ms": unknown,
        "availability": fraction(Fraction(counted - down, counted)) if counted else None,
        "bounds": {"lower": fraction(lower), "upper": fraction(upper)},
        "coverage": fraction(Fraction(counted, agreed)),
        "verdict": None if target is None else "breached" if upper < target else "met" if lower >= target else "undetermined",
        "outages": outages,
        "error_budget": None if allowed is None else {"allowed_ms": fraction(allowed), "remaining_ms": fraction(allowed - down)},
    }  # fmt: skip


def evaluate(expression: Any, states: dict[str, str]) -> str:
    low, high = (_rank(expression, states, unknown) for unknown in ("down", "up"))
    return next(name for name, rank in RANK.items() if rank == low) if low == high else "unknown"


def state_at(timeline: list[dict[str, Any]], at: int) -> str:
    return next((str(each["state"]) for each in reversed(timeline) if each["at"] <= at), "unknown")


def fraction(value: Fraction) -> dict[str, Any]:
    return {"numerator": value.numerator, "denominator": value.denominator, "ratio": float(value)}


def _rank(expression: Any, states: dict[str, str], unknown: str) -> int:
    if isinstance(expression, str):
        state = states[expression]
        return RANK[unknown if state == "unknown" else state]
    if "at_least" in expression:
        return sorted((_rank(each, states, unknown) for each in expression["of"]), reverse=True)[expression["at_least"] - 1]
    (kind,) = expression
    return (min if kind == "all" else max)(_rank(each, states, unknown) for each in expression[kind])


def check_document(text: str, file: str) -> dict[str, Any]:
    _, value = parse_yaml(text, file=file)
    assert isinstance(value, dict)
    return value


def closed_dates(calendar: str, first: date, last: date) -> list[str]:
    return []


ORACLE = ServiceEngine(compute=compute, check_document=check_document, closed_dates=closed_dates)
