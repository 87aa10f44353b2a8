"""The life of an incident, decided from values alone (docs/incidents.md)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.incidents.condition import Condition, condition_key
from collector.incidents.incident import OPEN_STATES, Change, Incident
from collector.incidents.lifecycle import LifecycleSettings, acknowledge, decide_changes
from muster.errors import ConflictError
from muster.ports import CiRef

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
T0 = 1_772_359_200_000
SETTINGS = LifecycleSettings()
WEB = CiRef(id="ci-web", number=1, ci_class="server", name="web-1")


def condition(status: str, since: int, evidence: int | None = None, **more: Any) -> Condition:
    values: dict[str, Any] = {"rule_id": "service-component-down", "component": "reachability", "ci": WEB, "title": {"en": "web-1 is down"}, **more}
    return Condition(status=status, since_at=since, evidence_at=since if evidence is None else evidence, **values)  # type: ignore[arg-type]


class Register:
    """Incidents as the store would hold them."""

    def __init__(self, started_at: int = T0 - HOUR) -> None:
        self.incidents: dict[str, Incident] = {}
        self.changes: list[Change] = []
        self.started_at = started_at

    def evaluate(self, now: int, *conditions: Condition, removed: dict[str, str] | None = None) -> list[str]:
        changes = decide_changes(self.incidents.values(), conditions, SETTINGS, now, started_at=self.started_at, removed=removed)
        for change in changes:
            if change.type == "incident.discarded":
                del self.incidents[change.incident.id]
            else:
                self.incidents[change.incident.id] = change.incident
        self.changes += changes
        return [change.type.removeprefix("incident.") for change in changes]

    def acknowledge(self, now: int) -> None:
        change = acknowledge(self.only(), "person:kim", now)
        self.incidents[change.incident.id] = change.incident

    def only(self) -> Incident:
        (incident,) = self.incidents.values()
        return incident


def test_confirmed_failure_opens_at_once_with_the_time_of_the_first_failure() -> None:
    register = Register()
    assert register.evaluate(T0, condition("failing", T0 - 45 * SECOND, T0)) == ["opened"]
    incident = register.only()
    assert (incident.state, incident.started_at, incident.detected_at, incident.sequence, incident.episode) == ("open", T0 - 45 * SECOND, T0, 1, 1)
    assert register.evaluate(T0 + MINUTE, condition("failing", T0 - 45 * SECOND, T0 + MINUTE)) == []


def test_failure_waits_for_its_confirm_time_and_a_blip_is_discarded() -> None:
    register = Register()
    assert register.evaluate(T0, condition("failing", T0, confirm_ms=MINUTE)) == ["pending"]
    assert register.evaluate(T0 + 30 * SECOND, condition("ok", T0 + 30 * SECOND)) == ["discarded"]
    assert register.incidents == {}
    register.evaluate(T0 + MINUTE, condition("failing", T0 + MINUTE, confirm_ms=MINUTE))
    assert register.evaluate(T0 + 2 * MINUTE, condition("failing", T0 + MINUTE, confirm_ms=MINUTE)) == ["opened"]
    assert register.only().sequence == 1


def test_recovery_resolves_after_the_clear_time_of_evidence() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0))
    back = T0 + 10 * MINUTE
    assert register.evaluate(back, condition("ok", back)) == []
    assert register.evaluate(back + HOUR, condition("ok", back)) == [], "time alone is no evidence"
    assert register.evaluate(back + MINUTE, condition("ok", back, back + MINUTE)) == ["resolved"]
    incident = register.only()
    assert (incident.state, incident.resolved_at, incident.resolution_reason) == ("resolved", back + MINUTE, "recovered")


@pytest.mark.parametrize("silence", [[], [condition("unknown", T0 + MINUTE)]], ids=["nothing said", "unknown"])
def test_silence_neither_opens_nor_resolves(silence: list[Condition]) -> None:
    register = Register()
    assert register.evaluate(T0, *silence) == []
    register.evaluate(T0, condition("failing", T0))
    assert register.evaluate(T0 + 10 * HOUR, *silence) == []
    assert register.only().state == "open"


def test_recurrence_inside_the_window_reopens_the_same_episode() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0, labels={"alertname": "x"}))
    register.evaluate(T0 + 2 * MINUTE, condition("ok", T0 + MINUTE, T0 + 2 * MINUTE))
    again = T0 + 20 * MINUTE
    assert register.evaluate(again, condition("failing", again, labels={"alertname": "y"})) == ["reopened"]
    incident = register.only()
    assert (incident.episode, incident.state, incident.resolved_at, incident.sequence, incident.labels) == (1, "open", None, 3, {"alertname": "x"})


def test_recurrence_after_the_window_is_a_new_episode() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0))
    register.evaluate(T0 + 2 * MINUTE, condition("ok", T0 + MINUTE, T0 + 2 * MINUTE))
    later = T0 + 40 * MINUTE
    assert register.evaluate(later, condition("failing", later)) == ["opened"]
    assert sorted((each.episode, each.state) for each in register.incidents.values()) == [(1, "resolved"), (2, "open")]


def test_resolved_closes_after_three_days() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0))
    resolved_at = T0 + 2 * MINUTE
    register.evaluate(resolved_at, condition("ok", T0 + MINUTE, resolved_at))
    assert register.evaluate(resolved_at + 72 * HOUR - 1) == []
    assert register.evaluate(resolved_at + 72 * HOUR) == ["closed"]


def test_worse_priority_updates_the_same_incident_once() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0, severity="minor", priority=4))
    worse = condition("failing", T0, T0 + MINUTE, severity="critical", priority=1)
    assert register.evaluate(T0 + MINUTE, worse) == ["updated"]
    assert register.evaluate(T0 + 2 * MINUTE, worse) == []
    assert (register.only().severity, register.only().sequence) == ("critical", 2)


def test_acknowledged_incident_stays_acknowledged_and_resolves() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0))
    register.acknowledge(T0 + SECOND)
    assert register.evaluate(T0 + MINUTE, condition("failing", T0, T0 + MINUTE, severity="critical")) == ["updated"]
    assert register.only().state == "acknowledged"
    with pytest.raises(ConflictError):
        register.acknowledge(T0 + 2 * MINUTE)
    assert register.evaluate(T0 + 5 * MINUTE, condition("ok", T0 + 3 * MINUTE, T0 + 5 * MINUTE)) == ["resolved"]


def test_restart_tells_nothing_until_there_is_fresh_evidence() -> None:
    register = Register(started_at=T0)
    stale = condition("failing", T0 - HOUR, T0 - MINUTE)
    assert register.evaluate(T0 + SECOND, stale) == []
    assert register.evaluate(T0 + 20 * SECOND, condition("failing", T0 - HOUR, T0 + 15 * SECOND)) == ["opened"]


def test_restart_resolves_nothing_on_evidence_of_before() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0))
    register.started_at = T0 + HOUR
    assert register.evaluate(T0 + HOUR, condition("ok", T0 + MINUTE, T0 + 30 * MINUTE)) == []


def test_six_outages_of_a_minute_are_one_incident_told_three_times() -> None:
    register = Register()
    transitions: list[int] = []
    for outage in range(6):
        down = T0 + outage * 2 * MINUTE
        transitions.append(down)
        for second in range(0, 60, 15):
            now = down + second * SECOND
            register.evaluate(now, condition("failing", down, now, transitions_at=tuple(transitions)))
        transitions.append(down + MINUTE)
        for second in range(0, 60, 15):
            now = down + MINUTE + second * SECOND
            register.evaluate(now, condition("ok", down + MINUTE, now, transitions_at=tuple(transitions)))
    calm_from = transitions[-1]
    for minute in range(1, 20):
        now = calm_from + minute * MINUTE
        register.evaluate(now, condition("ok", calm_from, now, transitions_at=tuple(transitions)))
    assert [change.type for change in register.changes] == ["incident.opened", "incident.updated", "incident.resolved"]
    assert register.changes[1].incident.is_flapping
    assert register.only().resolved_at == calm_from + 15 * MINUTE


def test_suppressed_failure_is_recorded_and_opens_when_the_suppression_ends() -> None:
    register = Register()
    assert register.evaluate(T0, condition("failing", T0, suppressed_by="maintenance")) == ["pending"]
    assert register.only().suppressed_by == "maintenance"
    assert register.evaluate(T0 + HOUR, condition("failing", T0, T0 + HOUR)) == ["opened"]
    assert (register.only().suppressed_by, register.only().started_at) == (None, T0)


def test_suppression_does_not_hold_the_resolution_of_what_was_announced() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0))
    assert register.evaluate(T0 + MINUTE, condition("failing", T0, T0 + MINUTE, severity="critical", suppressed_by="maintenance")) == []
    assert register.evaluate(T0 + 5 * MINUTE, condition("ok", T0 + 3 * MINUTE, T0 + 5 * MINUTE, suppressed_by="maintenance")) == ["resolved"]


def test_covered_condition_opens_nothing_but_keeps_what_is_open() -> None:
    register = Register()
    assert register.evaluate(T0, condition("failing", T0, covered_by="cause")) == []
    register.evaluate(T0, condition("failing", T0))
    assert register.evaluate(T0 + MINUTE, condition("failing", T0, T0 + MINUTE, covered_by="cause")) == []
    assert register.only().state == "open"


def test_retired_item_closes_its_incident_with_the_reason() -> None:
    register = Register()
    register.evaluate(T0, condition("failing", T0))
    key = condition_key("service-component-down", WEB.id, "reachability")
    assert register.evaluate(T0 + MINUTE, removed={key: "ci_retired"}) == ["resolved", "closed"]
    assert (register.only().state, register.only().resolution_reason, register.only().sequence) == ("closed", "ci_retired", 3)


ALLOWED = {
    (None, "pending"), (None, "open"), ("pending", "pending"), ("pending", "open"), ("open", "open"), ("open", "acknowledged"),
    ("acknowledged", "acknowledged"), ("open", "resolved"), ("acknowledged", "resolved"), ("resolved", "open"), ("resolved", "closed"),
}  # fmt: skip
steps = st.lists(
    st.tuples(
        st.integers(1, 45 * 60),  # seconds since the step before
        st.sampled_from(["failing", "ok", "unknown", "absent", "acknowledge", "removed"]),
        st.sampled_from(["minor", "critical"]),
        st.booleans(),  # suppressed
        st.sampled_from([0, 60_000]),  # confirm
    ),
    max_size=60,
)


@given(steps)
def test_any_history_keeps_one_open_incident_legal_steps_and_rising_sequences(history: list[tuple[int, str, str, bool, int]]) -> None:
    register = Register()
    now, status, since = T0, "ok", T0
    sequences: dict[str, int] = {}
    for seconds, step, severity, is_suppressed, confirm_ms in history:
        now += seconds * SECOND
        before = len(register.changes)
        if step == "acknowledge":
            for incident in [each for each in register.incidents.values() if each.state == "open"]:
                change = acknowledge(incident, "person:kim", now)
                register.incidents[incident.id] = change.incident
                register.changes.append(change)
        elif step == "removed":
            register.evaluate(now, removed={condition("ok", now).key: "ci_retired"})
        else:
            if step != status:
                status, since = step, now
            said = [] if step == "absent" else [
                condition(step, since, now, severity=severity, confirm_ms=confirm_ms, suppressed_by="maintenance" if is_suppressed else None)
            ]  # fmt: skip
            register.evaluate(now, *said)
        assert sum(1 for each in register.incidents.values() if each.state in OPEN_STATES) <= 1
        for change in register.changes[before:]:
            assert (change.previous_status, change.incident.state) in ALLOWED
            if change.type == "incident.resolved":
                assert step in {"ok", "removed"}
                assert change.incident.resolved_at is not None
                assert change.incident.started_at <= change.incident.resolved_at
            if change.is_announced:
                assert change.incident.sequence == sequences.get(change.incident.id, 0) + 1
                sequences[change.incident.id] = change.incident.sequence


@given(st.permutations([condition("failing", T0, ci=CiRef(id=f"ci-{n}", number=n, ci_class="server", name=f"n{n}")) for n in range(5)]))
def test_order_of_conditions_decides_nothing(conditions: list[Condition]) -> None:
    changes = decide_changes([], conditions, SETTINGS, T0, started_at=T0 - HOUR)
    assert {change.incident.id for change in changes} == {
        change.incident.id for change in decide_changes([], conditions[::-1], SETTINGS, T0, started_at=T0 - HOUR)
    }
