"""Changes and targets as tests of the outbox use them."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import Connection, Engine

from collector.incidents.condition import Condition
from collector.incidents.incident import Change
from collector.incidents.lifecycle import LifecycleSettings, decide_changes
from collector.incidents.selection import parse_selection
from collector.incidents.target_document import ConfiguredTarget
from collector.store.incident import apply_changes, load_incidents
from collector.store.outbox import Announcement
from exporters.incidents.alertmanager import TARGET as ALERTMANAGER
from exporters.incidents.webhook import TARGET as WEBHOOK

SECOND = 1000
MINUTE = 60_000
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ANNOUNCEMENT = Announcement(instance="test", public_url="https://muster.example.org")


def condition(status: str, since: int, evidence: int | None = None, *, component: str = "reachability", **more: Any) -> Condition:
    values: dict[str, Any] = {
        "rule_id": "service-component-down",
        "component": component,
        "title": {"en": f"{component} is down"},
        "services": [{"id": "shop", "name": {"en": "Shop"}, "state": "down"}],
        "service_id": "shop",
        "labels": {"alertname": "service-component-down", "service": "shop", "site": "default"},
        **more,
    }
    return Condition(status=status, since_at=since, evidence_at=since if evidence is None else evidence, **values)  # type: ignore[arg-type]


def evaluate(engine: Engine, targets: list[ConfiguredTarget], now: int, *conditions: Condition) -> list[Change]:
    """One evaluation as the collector makes it: decided and written in one transaction."""
    with engine.begin() as connection:
        return evaluate_in(connection, targets, now, *conditions)


def evaluate_in(connection: Connection, targets: list[ConfiguredTarget], now: int, *conditions: Condition) -> list[Change]:
    """The same within a transaction of the caller's."""
    incidents = load_incidents(connection, [each.key for each in conditions])
    changes = decide_changes(incidents, conditions, LifecycleSettings(), now, started_at=0)
    return apply_changes(connection, changes, targets, ANNOUNCEMENT)


def webhook(url: str, *, secret: str = "env:MUSTER_TEST_WEBHOOK_SECRET", when: str = "", name: str = "desk") -> ConfiguredTarget:
    return ConfiguredTarget(
        id=name, target=WEBHOOK, settings={"url": url}, secret_references=(secret,), selection=parse_selection(when), allow_private=True
    )


def alertmanager(url: str, *, name: str = "prometheus") -> ConfiguredTarget:
    return ConfiguredTarget(id=name, target=ALERTMANAGER, settings={"url": url, "alive_seconds": 2}, allow_private=True)
