"""From the standing of services and their components to conditions. Pure.

A component that is down is the cause, a service that is down because of it the effect: one incident, on the component. A
service has an incident of its own only while no component's incident tells it (say both members are in a CI's maintenance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from collector.incidents.condition import Condition, Status
from collector.incidents.priority import decide_impact, decide_priority, decide_severity, decide_urgency
from collector.incidents.rule import COMPONENT_DOWN, SERVICE_DOWN, Rule, render_text
from muster.model.state import State
from muster.ports import CiRef, LocalisedText

_STATUS: dict[State, Status] = {"up": "ok", "degraded": "ok", "down": "failing", "unknown": "unknown"}
# Checks as people call them; others are shown by their own names.
CHECK_WORDS: Mapping[str, LocalisedText] = {
    "agent_heartbeat": {"en": "agent heartbeat", "zh-Hans": "代理心跳"},
    "listening": {"en": "listening", "zh-Hans": "监听"},
    "reachability": {"en": "reachability", "zh-Hans": "可达性"},
    "systemd_unit": {"en": "systemd unit", "zh-Hans": "systemd 单元"},
}
ComponentKey = tuple[str, tuple[str, ...]]  # id of the CI, names of the checks


class ComponentStanding(Struct, frozen=True, kw_only=True):
    """One component of services now: a CI with the checks that count. `since_at`: from when; `evidence_at`: seen last.

    `host`: what the CI is a part of, by its name; empty where it is a host, a device or the like itself.
    """

    ci: CiRef
    checks: tuple[str, ...]
    state: State
    since_at: int
    evidence_at: int
    reason: str = ""
    transitions_at: tuple[int, ...] = ()
    suppressed_by: str | None = None
    serial: str | None = None
    site: str = ""
    host: str = ""

    @property
    def key(self) -> ComponentKey:
        return (self.ci.id, self.checks)


class ServiceStanding(Struct, frozen=True, kw_only=True):
    """One service now. Ratios and seconds are of the month to date; `None`: no target or no figure."""

    id: str
    name: LocalisedText
    state: State
    since_at: int
    evidence_at: int
    components: frozenset[ComponentKey]
    is_in_service_hours: bool = True
    sla_target: str | None = None
    period_availability: float | None = None
    budget_remaining_seconds: float | None = None
    budget_remaining_ratio: float | None = None
    transitions_at: tuple[int, ...] = ()
    suppressed_by: str | None = None


def derive_conditions(
    components: Sequence[ComponentStanding],
    services: Sequence[ServiceStanding],
    *,
    recent_changes: Mapping[str, list[dict[str, Any]]] | None = None,
    clear_ms: int | None = None,
) -> list[Condition]:
    """Conditions of the shipped rules, components first. `recent_changes`: by the id of the CI, newest first."""
    ordered = sorted(components, key=lambda each: (each.ci.number, each.checks))
    users: dict[ComponentKey, list[ServiceStanding]] = {}
    for service in sorted(services, key=lambda each: each.id):
        for key in service.components:
            users.setdefault(key, []).append(service)
    conditions = [_of_component(each, users.get(each.key, []), (recent_changes or {}).get(each.ci.id, []), clear_ms) for each in ordered]
    causes: dict[str, str] = {}
    for component, condition in zip(ordered, conditions, strict=True):
        if condition.status == "failing" and condition.suppressed_by is None:
            for service in users.get(component.key, []):
                causes.setdefault(service.id, condition.key)
    return conditions + [_of_service(each, causes.get(each.id), clear_ms) for each in sorted(services, key=lambda each: each.id)]


def _of_component(component: ComponentStanding, users: list[ServiceStanding], changes: list[dict[str, Any]], clear_ms: int | None) -> Condition:
    check = ", ".join(component.checks)
    named = {language: ", ".join(each.name.get(language) or each.name.get("en", each.id) for each in users) for language in ("en", "zh-Hans")}
    values: dict[str, LocalisedText | str] = {
        "ci.name": _name(component),
        "check": {language: ", ".join(CHECK_WORDS.get(each, {}).get(language, each) for each in component.checks) for language in ("en", "zh-Hans")},
        "reason": component.reason,
        "services": named if users else {"en": "no service", "zh-Hans": "无服务"},
    }
    return Condition(
        rule_id=COMPONENT_DOWN.id,
        component=check,
        status=_STATUS[component.state],
        since_at=component.since_at,
        evidence_at=component.evidence_at,
        ci=component.ci,
        service_id=users[0].id if users else None,
        suppressed_by=component.suppressed_by,
        transitions_at=component.transitions_at,
        recent_changes=changes,
        cis=[{"id": component.ci.id, "class": component.ci.ci_class, "name": component.ci.name, "serial": component.serial, "site": component.site}],
        measurements=[_measure(COMPONENT_DOWN, check, component.state, component.since_at)],
        labels={
            "alertname": COMPONENT_DOWN.id,
            "ci": component.ci.name,
            "service": users[0].id if users else "",
            "site": component.site,
        },
        **_common(COMPONENT_DOWN, users, values, clear_ms),
    )


def _name(component: ComponentStanding) -> LocalisedText | str:
    """Whoever is called must know on which host a part is down."""
    if not component.host:
        return component.ci.name
    return {"en": f"{component.ci.name} on {component.host}", "zh-Hans": f"{component.host} 上的 {component.ci.name}"}


def _of_service(service: ServiceStanding, cause: str | None, clear_ms: int | None) -> Condition:
    values: dict[str, LocalisedText | str] = {"service.name": service.name, "reason": ""}
    return Condition(
        rule_id=SERVICE_DOWN.id,
        component=f"service:{service.id}",
        status=_STATUS[service.state],
        since_at=service.since_at,
        evidence_at=service.evidence_at,
        service_id=service.id,
        covered_by=cause,
        suppressed_by=service.suppressed_by,
        transitions_at=service.transitions_at,
        measurements=[_measure(SERVICE_DOWN, f"service:{service.id}", service.state, service.since_at)],
        labels={"alertname": SERVICE_DOWN.id, "service": service.id},
        **_common(SERVICE_DOWN, [service], values, clear_ms),
    )


def _common(rule: Rule, users: list[ServiceStanding], values: Mapping[str, LocalisedText | str], clear_ms: int | None) -> dict[str, Any]:
    impact = decide_impact(each.state for each in users)
    urgency = min(
        (decide_urgency(is_in_service_hours=each.is_in_service_hours, budget_remaining_ratio=each.budget_remaining_ratio) for each in users),
        default=3,
    )
    return {
        "severity": decide_severity(impact, has_service=bool(users)),
        "impact": impact,
        "urgency": urgency,
        "priority": decide_priority(impact, urgency),
        "title": render_text(rule.say, values),
        "description": render_text(rule.describe, values),
        "confirm_ms": rule.confirm_ms,
        "clear_ms": rule.clear_ms if clear_ms is None else clear_ms,
        "services": [_to_service(each) for each in users],
        "runbook_url": rule.runbook_url,
    }


def _to_service(service: ServiceStanding) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "state": service.state,
        "sla_target": service.sla_target,
        "period_availability": service.period_availability,
        "budget_remaining_s": service.budget_remaining_seconds,
    }


def _measure(rule: Rule, metric: str, state: State, since_at: int) -> dict[str, Any]:
    return {"rule_id": rule.id, "metric": metric, "value": state, "threshold": "up", "unit": "", "since": since_at}
