"""One incident's change as tests of targets use it."""

from __future__ import annotations

from typing import Any

import msgspec

from muster.ports import CiRef, IncidentChange

STARTED_AT = 1_772_359_200_000  # 2026-03-01T10:00:00Z


def change(**values: Any) -> IncidentChange:
    whole = IncidentChange(
        delivery_id="msg_1",
        type="incident.opened",
        at=STARTED_AT + 30_000,
        incident_id="0195502e-0000-4000-8000-000000000001",
        number=7,
        episode=1,
        sequence=1,
        correlation_id="muster:main:0195502e-0000-4000-8000-000000000001:1",
        status="open",
        previous_status=None,
        severity="critical",
        impact=1,
        urgency=2,
        priority=2,
        title={"en": "web-1 is down", "zh-Hans": "web-1 已停止"},
        description={"en": "Shop is down.", "zh-Hans": "商城不可用。"},
        started_at=STARTED_AT,
        detected_at=STARTED_AT + 30_000,
        acknowledged_at=None,
        resolved_at=None,
        resolution_reason=None,
        rule_id="service-component-down",
        ci=CiRef(id="ci-web", number=1, ci_class="server", name="web-1"),
        services=[{"id": "shop", "name": {"en": "Shop", "zh-Hans": "商城"}, "state": "down", "sla_target": "0.999", "period_availability": 0.9995}],
        conditions=[
            {"rule_id": "service-component-down", "metric": "reachability", "value": "down", "threshold": "up", "unit": "", "since": STARTED_AT}
        ],
        recent_changes=[{"ci_id": "ci-web", "attribute": "kernel", "old": "6.1.0-20", "new": "6.1.0-21", "at": STARTED_AT - 60_000}],
        url="https://muster.example.org/incidents/1",
        cis=[{"id": "ci-web", "class": "server", "name": "web-1", "serial": "SN1", "site": "default"}],
        labels={"alertname": "service-component-down", "ci": "web-1", "service": "shop", "site": "default"},
        runbook_url=None,
    )
    return msgspec.structs.replace(whole, **values)
