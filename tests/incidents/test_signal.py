"""From standings to conditions: the cause tells, the effect raises the priority."""

from __future__ import annotations

from typing import Any

from collector.incidents.rule import render_text
from collector.incidents.signal import ComponentStanding, ServiceStanding, derive_conditions
from muster.model.state import State
from muster.ports import CiRef

T0 = 1_772_359_200_000


def component(name: str, state: State, **more: Any) -> ComponentStanding:
    number = int(name.rsplit("-", 1)[1])
    ci = CiRef(id=f"ci-{name}", number=number, ci_class="server", name=name)
    return ComponentStanding(ci=ci, checks=("reachability",), state=state, since_at=T0, evidence_at=T0, site="berlin", **more)


def service(state: State, *names: str, identifier: str = "shop", **more: Any) -> ServiceStanding:
    keys = frozenset((f"ci-{name}", ("reachability",)) for name in names)
    return ServiceStanding(id=identifier, name={"en": "Shop", "zh-Hans": "商城"}, state=state, since_at=T0, evidence_at=T0, components=keys, **more)


def test_down_component_of_a_down_service_is_one_critical_incident() -> None:
    down, shop = derive_conditions([component("web-1", "down", reason="no answer")], [service("down", "web-1")])
    assert (down.status, down.severity, down.impact, down.urgency, down.priority) == ("failing", "critical", 1, 2, 2)
    assert down.title == {"en": "web-1 is down (reachability)", "zh-Hans": "web-1 已停止（可达性）"}
    assert down.description["zh-Hans"] == "商城 的组件 web-1 已停止。no answer"
    assert down.labels == {"alertname": "service-component-down", "ci": "web-1", "service": "shop", "site": "berlin"}
    assert (shop.status, shop.covered_by) == ("failing", down.key)


def test_redundant_member_down_is_minor() -> None:
    down, other, shop = derive_conditions([component("web-1", "down"), component("web-2", "up")], [service("up", "web-1", "web-2")])
    assert (down.severity, down.priority, other.status, shop.status) == ("minor", 4, "ok", "ok")


def test_little_budget_in_service_hours_is_more_urgent_and_closed_hours_less() -> None:
    little, _ = derive_conditions([component("web-1", "down")], [service("down", "web-1", budget_remaining_ratio=0.1)])
    closed, _ = derive_conditions([component("web-1", "down")], [service("down", "web-1", is_in_service_hours=False)])
    assert (little.priority, closed.priority) == (1, 3)


def test_component_of_two_services_is_one_condition_with_the_worst_impact() -> None:
    (down, *rest) = derive_conditions([component("db-1", "down")], [service("up", "db-1"), service("down", "db-1", identifier="bank")])
    assert ([each["id"] for each in down.services], down.severity, down.service_id) == (["bank", "shop"], "critical", "bank")
    assert [each.rule_id for each in rest] == ["service-down", "service-down"]


def test_service_is_told_by_itself_when_its_components_are_suppressed() -> None:
    first, second, shop = derive_conditions(
        [component("web-1", "down", suppressed_by="maintenance"), component("web-2", "down", suppressed_by="maintenance")],
        [service("down", "web-1", "web-2")],
    )
    assert (first.suppressed_by, second.suppressed_by, shop.covered_by, shop.status) == ("maintenance", "maintenance", None, "failing")


def test_title_names_the_host_of_a_part() -> None:
    (down, _) = derive_conditions([component("sshd-1", "down", host="vm-7")], [service("down", "sshd-1")])
    assert down.title == {"en": "sshd-1 on vm-7 is down (reachability)", "zh-Hans": "vm-7 上的 sshd-1 已停止（可达性）"}
    assert down.description["en"].startswith("sshd-1 on vm-7, a component of Shop, is down.")


def test_key_ignores_severity_and_words() -> None:
    (minor, _), (critical, _) = (derive_conditions([component("web-1", "down", reason=state)], [service(state, "web-1")]) for state in ("up", "down"))
    assert (minor.key, minor.severity) == (critical.key, "minor")


def test_unknown_component_is_unknown_and_never_failing() -> None:
    lost, shop = derive_conditions([component("web-1", "unknown")], [service("unknown", "web-1")])
    assert (lost.status, shop.status) == ("unknown", "unknown")


def test_unknown_name_in_a_text_stays_visible() -> None:
    assert render_text({"en": "{{ci.name}} {{colour}}"}, {"ci.name": "web-1"}) == {"en": "web-1 {{colour}}"}
