"""An incident as the lifecycle sees it, and one change of it. Pure values; the store keeps them as they are."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, Literal

from msgspec import Struct

from collector.incidents.condition import Severity
from muster.model.state import IncidentState
from muster.ports import CiRef, IncidentChange, LocalisedText

ChangeType = Literal[
    "incident.pending", "incident.discarded", "incident.opened", "incident.updated", "incident.reopened",
    "incident.acknowledged", "incident.resolved", "incident.closed",
]  # fmt: skip
OPEN_STATES: frozenset[IncidentState] = frozenset({"pending", "open", "acknowledged"})
SILENT_TYPES: frozenset[ChangeType] = frozenset({"incident.pending", "incident.discarded"})


class Incident(Struct, frozen=True, kw_only=True):
    """One episode of one condition. `number` 0: not stored yet. `updated_at`: when it was last announced.

    `labels` are fixed at the opening and stay for life; priority, severity and texts may change.
    """

    id: str
    key: str
    episode: int
    rule_id: str
    component: str
    state: IncidentState
    number: int = 0
    sequence: int = 0
    ci: CiRef | None = None
    service_id: str | None = None
    severity: Severity = "warning"
    impact: int = 3
    urgency: int = 2
    priority: int = 4
    title: LocalisedText = {}
    description: LocalisedText = {}
    started_at: int
    detected_at: int
    updated_at: int
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    resolved_at: int | None = None
    closed_at: int | None = None
    resolution_reason: str | None = None
    suppressed_by: str | None = None
    is_flapping: bool = False
    clear_ms: int = 60_000
    services: list[dict[str, Any]] = []
    cis: list[dict[str, Any]] = []
    conditions: list[dict[str, Any]] = []
    recent_changes: list[dict[str, Any]] = []
    labels: dict[str, str] = {}
    runbook_url: str | None = None


class Change(Struct, frozen=True, kw_only=True):
    """A step of an incident's life: the incident after it, the state before it, and who made it."""

    type: ChangeType
    at: int
    incident: Incident
    previous_status: IncidentState | None
    actor: str = "engine"

    @property
    def is_announced(self) -> bool:
        """Whether targets are told of it."""
        return self.type not in SILENT_TYPES


def incident_id(key: str, episode: int) -> str:
    """The id of an episode: always the same, so that a decision repeated after a crash makes no second incident."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"{key}:{episode}".encode()).digest()[:16], version=4))


def delivery_id(target: str, incident: str, sequence: int) -> str:
    """The idempotency key of one change at one target: the same on every retry and replay."""
    return "msg_" + hashlib.sha256(f"{target}\x00{incident}\x00{sequence}".encode()).hexdigest()[:32]


def to_incident_change(change: Change, *, target: str, instance: str, public_url: str) -> IncidentChange:
    """What a target renders: one change of one incident, complete in itself."""
    incident = change.incident
    return IncidentChange(
        delivery_id=delivery_id(target, incident.id, incident.sequence),
        type=change.type,
        at=change.at,
        incident_id=incident.id,
        number=incident.number,
        episode=incident.episode,
        sequence=incident.sequence,
        correlation_id=f"muster:{instance}:{incident.id}:{incident.episode}",
        status=incident.state,
        previous_status=change.previous_status,
        severity=incident.severity,
        impact=incident.impact,
        urgency=incident.urgency,
        priority=incident.priority,
        title=incident.title,
        description=incident.description,
        started_at=incident.started_at,
        detected_at=incident.detected_at,
        acknowledged_at=incident.acknowledged_at,
        resolved_at=incident.resolved_at,
        resolution_reason=incident.resolution_reason,
        rule_id=incident.rule_id,
        ci=incident.ci,
        services=incident.services,
        conditions=incident.conditions,
        recent_changes=incident.recent_changes,
        url=f"{public_url.rstrip('/')}/incidents/{incident.id}",
        cis=incident.cis,
        labels=incident.labels,
        runbook_url=incident.runbook_url,
    )


def to_test_change(*, target: str, instance: str, public_url: str, now: int) -> IncidentChange:
    """A marked test delivery (`muster target test NAME`): of no incident, and over as soon as it is told."""
    text = {"en": "Test delivery from Muster", "zh-Hans": "Muster 测试消息"}
    return IncidentChange(
        delivery_id=delivery_id(target, "test", now),
        type="test.heartbeat",
        at=now,
        incident_id=f"test-{now}",
        number=0,
        episode=1,
        sequence=1,
        correlation_id=f"muster:{instance}:test-{now}:1",
        status="resolved",
        previous_status=None,
        severity="warning",
        impact=3,
        urgency=3,
        priority=5,
        title=text,
        description=text,
        started_at=now - 1,
        detected_at=now - 1,
        acknowledged_at=None,
        resolved_at=now,
        resolution_reason="test",
        rule_id="test-heartbeat",
        ci=None,
        services=[],
        conditions=[],
        recent_changes=[],
        url=public_url,
        labels={"alertname": "test-heartbeat"},
    )
