"""Small pure decisions: priority, retry, breaker, flapping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.incidents.breaker import Breaker, BreakerSettings
from collector.incidents.flapping import FlappingSettings, is_flapping
from collector.incidents.priority import decide_impact, decide_priority, decide_severity, decide_urgency
from collector.incidents.retry import SCHEDULE_SECONDS, decide_next_attempt

NOW = 1_000_000


def test_service_down_is_critical_and_a_redundant_member_down_is_minor() -> None:
    assert decide_severity(decide_impact(["up", "down"])) == "critical"
    assert decide_severity(decide_impact(["up", "up"])) == "minor"
    assert decide_severity(decide_impact(["degraded", "up"])) == "major"
    assert decide_severity(decide_impact([]), has_service=False) == "warning"


def test_priority_is_impact_by_urgency() -> None:
    assert [[decide_priority(impact, urgency) for urgency in (1, 2, 3)] for impact in (1, 2, 3)] == [[1, 2, 3], [2, 3, 4], [3, 4, 5]]


@pytest.mark.parametrize(("in_hours", "budget", "urgency"), [(True, 0.1, 1), (True, -3.0, 1), (True, 0.5, 2), (True, None, 2), (False, 0.1, 3)])
def test_urgency_comes_from_hours_and_budget(in_hours: bool, budget: float | None, urgency: int) -> None:
    assert decide_urgency(is_in_service_hours=in_hours, budget_remaining_ratio=budget) == urgency


def test_retries_last_about_three_days() -> None:
    assert 3 * 86_400 <= sum(SCHEDULE_SECONDS) <= 3.5 * 86_400
    assert decide_next_attempt(len(SCHEDULE_SECONDS) + 1, NOW, schedule=SCHEDULE_SECONDS, jitter=0, retry_after_seconds=None) is None


@given(st.integers(1, len(SCHEDULE_SECONDS)), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 86_400))
def test_jitter_is_full_and_retry_after_is_obeyed(attempts: int, jitter: float, retry_after: float | None) -> None:
    at = decide_next_attempt(attempts, NOW, schedule=SCHEDULE_SECONDS, jitter=jitter, retry_after_seconds=retry_after)
    assert at is not None
    assert NOW <= at <= NOW + max(SCHEDULE_SECONDS[attempts - 1], retry_after or 0) * 1000 + 1
    assert at >= NOW + round((retry_after or 0) * 1000)


def test_breaker_opens_after_failures_in_a_row_and_waits_longer_each_time() -> None:
    settings = BreakerSettings(failures=3, wait_ms=10, wait_limit_ms=35)
    breaker, waits = Breaker(), []
    for _ in range(6):
        breaker = breaker.fail(settings, NOW)
        waits.append(breaker.held_until and breaker.held_until - NOW)
    assert waits == [0, 0, 10, 20, 35, 35]
    assert not breaker.may_send(NOW + 34)
    assert breaker.may_send(NOW + 35)
    assert breaker.succeed() == Breaker()


def test_flapping_begins_with_five_changes_and_ends_after_fifteen_calm_minutes() -> None:
    settings, minute = FlappingSettings(), 60_000
    now = 100 * minute
    five = tuple(now - n * minute for n in (9, 7, 5, 3, 1))
    assert not is_flapping(five[:4], settings, now, was_flapping=False)
    assert is_flapping(five, settings, now, was_flapping=False)
    assert is_flapping(five, settings, now + 13 * minute, was_flapping=True)
    assert not is_flapping(five, settings, now + 14 * minute, was_flapping=True)
