"""Availability, exactly: a case in, a result out. Integer milliseconds, exact fractions, no sampling and no rounding.

The definitions, with the policies that change them, are in docs/services.md. ISO/IEC 20000-1:2018, 8.7.1 demands agreed requirements and
the comparison with them; MTRS, MTBF and MTBSI are those of ITIL (Service Design, 2011, 4.4.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from collector.services.case import Case, parse_case
from collector.services.error_budget import compute_error_budget
from collector.services.expression import follow
from collector.services.interval import intersect, measure, subtract, unite
from collector.services.outage import find_outages
from collector.services.service_hours import find_service_time
from collector.services.transition import Transition, find_runs, measure_states, order_transitions
from muster.model.state import State

Result = dict[str, Any]


def compute(case: Mapping[str, Any]) -> Result:
    """The figures of an availability case, as plain values. Raises InputError with the path of the first fault in the case.

    Fractions are `{numerator, denominator}` in lowest terms, ratios with a float `ratio` beside; instants RFC 3339 UTC. None means that
    there is no such figure: nothing agreed, no outage, no target.
    """
    checked = parse_case(case)
    timeline = follow_service(checked)
    service_time = find_service_time(checked.hours, checked.zone, checked.since, checked.until)
    planned = intersect(service_time, checked.planned)
    accountable = service_time if checked.policies.planned == "ignore" else subtract(service_time, planned)
    states = measure_states(timeline, accountable)
    if checked.policies.planned == "good":
        forgiven = measure_states(timeline, planned)
        states["up"] += forgiven["up"] + forgiven["degraded"] + forgiven["down"]
        states["unknown"] += forgiven["unknown"]
        if checked.policies.unknown == "down":
            accountable = unite([*accountable, *intersect(planned, find_runs(timeline, frozenset({"unknown"}), until=checked.until))])
    outages = find_outages(
        timeline,
        accountable,
        until=checked.until,
        down_states=checked.policies.down_states,
        expression=checked.expression,
        timelines=checked.timelines,
    )
    return _to_result(checked, states, measure(planned), outages)


def follow_service(case: Case) -> list[Transition]:
    """The service's own timeline up to the window's end."""
    changes = ((at, evaluation.state) for at, evaluation in follow(case.expression, case.timelines))
    return order_transitions(changes, until=case.until)


def _to_result(case: Case, states: Mapping[State, int], planned_ms: int, outages: list[dict[str, Any]]) -> Result:
    policies = case.policies
    agreed = sum(states.values())
    excluded = states["unknown"] if policies.unknown == "exclude" else 0
    downtime = sum(length for state, length in states.items() if state in policies.down_states)
    uptime = agreed - excluded - downtime
    availability = _divide(uptime, agreed - excluded)
    lower, upper = availability, availability
    if policies.unknown == "exclude":
        lower, upper = _divide(uptime, agreed), _divide(uptime + states["unknown"], agreed)
    budget = None if case.target is None else compute_error_budget(case.target, counted_ms=agreed - excluded, downtime_ms=downtime)
    return {
        "agreed_ms": agreed,
        "planned_ms": planned_ms,
        **{f"{state}_ms": states[state] for state in ("up", "degraded", "down", "unknown")},
        "uptime_ms": uptime,
        "downtime_ms": downtime,
        "excluded_ms": excluded,
        "availability": _to_ratio(availability),
        "bounds": None if lower is None else {"lower": _to_ratio(lower), "upper": _to_ratio(upper)},
        "coverage": _to_ratio(_divide(agreed - states["unknown"], agreed)),
        "verdict": _judge(lower, upper, case.target),
        "outages": outages,
        "mtrs_ms": _to_fraction(_divide(downtime, len(outages))),
        "mtbf_ms": _to_fraction(_divide(uptime, len(outages))),
        "mtbsi_ms": _to_fraction(_divide(uptime + downtime, len(outages))),
        "error_budget": None
        if budget is None
        else {"allowed_ms": _to_fraction(budget.allowed_ms), "remaining_ms": _to_fraction(budget.remaining_ms)},
    }


def _judge(lower: Fraction | None, upper: Fraction | None, target: Fraction | None) -> str | None:
    """Whether the target is met whatever the unknown time was; None without a target or agreed time."""
    if lower is None or upper is None or target is None:
        return None
    if upper < target:
        return "breached"
    return "met" if lower >= target else "undetermined"


def _divide(numerator: int, denominator: int) -> Fraction | None:
    return Fraction(numerator, denominator) if denominator else None


def _to_fraction(value: Fraction | None) -> dict[str, int] | None:
    return None if value is None else {"numerator": value.numerator, "denominator": value.denominator}


def _to_ratio(value: Fraction | None) -> dict[str, Any] | None:
    return None if value is None else {"numerator": value.numerator, "denominator": value.denominator, "ratio": float(value)}
