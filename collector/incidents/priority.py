"""Priority = impact × urgency by a table (ITIL 4, incident management). Pure.

Impact comes from the services that depend on the subject and whether they are still up: a redundant member down is no outage.
"""

from __future__ import annotations

from collections.abc import Iterable

from collector.incidents.condition import Severity
from muster.model.state import State

# impact (1 high … 3 low) → urgency (1 high … 3 low) → priority (1 … 5)
MATRIX: dict[int, dict[int, int]] = {1: {1: 1, 2: 2, 3: 3}, 2: {1: 2, 2: 3, 3: 4}, 3: {1: 3, 2: 4, 3: 5}}
_SEVERITY: dict[int, Severity] = {1: "critical", 2: "major", 3: "minor"}
BUDGET_LOW_RATIO = 0.25


def decide_impact(states: Iterable[State]) -> int:
    """1 where a dependent service is down, 2 where one is degraded or unknown, 3 where all are still up."""
    found = set(states)
    if "down" in found:
        return 1
    return 2 if found & {"degraded", "unknown"} else 3


def decide_urgency(*, is_in_service_hours: bool, budget_remaining_ratio: float | None) -> int:
    """1 in service hours with little error budget left, 2 in service hours, 3 outside them; `None`: no target, no budget."""
    if not is_in_service_hours:
        return 3
    return 1 if budget_remaining_ratio is not None and budget_remaining_ratio < BUDGET_LOW_RATIO else 2


def decide_priority(impact: int, urgency: int) -> int:
    """The priority of the table, 1 (first) … 5."""
    return MATRIX[impact][urgency]


def decide_severity(impact: int, *, has_service: bool = True) -> Severity:
    """How the field calls that impact; `warning` where no service depends on the subject."""
    return _SEVERITY[impact] if has_service else "warning"
