"""Incidents: a row of the list, and the page with its time line and deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from collector.web.view.label import CiLink, service_path, to_link
from collector.web.view.moment import Moment, maybe_moment, say_duration, to_moment
from collector.web.view.viewpoint import Viewpoint
from collector.web.view.wording import DELIVERY_STATES, EVENTS, INCIDENT_STATES, SEVERITIES, word
from muster.model.ci_class import ClassCatalogue
from muster.ports import DeliveryView, IncidentView


class IncidentRow(Struct, frozen=True):
    """One row. `is_open`: somebody may have to act."""

    number: int
    href: str
    title: str
    priority: int
    severity: str
    state: str
    state_key: str
    is_open: bool
    ci: CiLink | None
    services: list[tuple[str, str]]
    started: Moment
    lasted: str
    reason: str


class EventRow(Struct, frozen=True):
    """One entry of the time line."""

    at: Moment
    text: str
    type: str
    actor: str
    detail: str


class DeliveryRow(Struct, frozen=True):
    """One delivery of one change to one target."""

    target: str
    change: str
    sequence: int
    state: str
    state_key: str
    attempts: int
    created: Moment
    delivered: Moment | None
    next: Moment | None
    answer: str


class IncidentPage(Struct, frozen=True):
    """The whole page."""

    row: IncidentRow
    description: str
    rule: str
    detected: Moment
    acknowledged: Moment | None
    resolved: Moment | None
    closed: Moment | None
    episode: int
    events: list[EventRow]
    deliveries: list[DeliveryRow]


def to_row(incident: IncidentView, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> IncidentRow:
    """One row; how long it lasts counts to now while it is open."""
    until = incident.resolved_at or incident.closed_at or viewpoint.now
    return IncidentRow(
        number=incident.number,
        href=f"/incidents/{incident.number}",
        title=viewpoint.pick(incident.title, incident.rule_id),
        priority=incident.priority,
        severity=word(SEVERITIES, incident.severity, viewpoint),
        state=word(INCIDENT_STATES, incident.state, viewpoint),
        state_key=incident.state,
        is_open=incident.state in {"pending", "open", "acknowledged"},
        ci=None if incident.ci is None else to_link(incident.ci, catalogue, viewpoint),
        services=[(each, service_path(each)) for each in incident.services],
        started=to_moment(incident.started_at, viewpoint),
        lasted=say_duration(max(until - incident.started_at, 0), viewpoint),
        reason=incident.resolution_reason or "",
    )


def to_page(incident: IncidentView, catalogue: ClassCatalogue, viewpoint: Viewpoint) -> IncidentPage:
    """Newest deliveries first, the time line from its beginning."""
    return IncidentPage(
        row=to_row(incident, catalogue, viewpoint),
        description=viewpoint.pick(incident.description),
        rule=incident.rule_id,
        detected=to_moment(incident.detected_at, viewpoint),
        acknowledged=maybe_moment(incident.acknowledged_at, viewpoint),
        resolved=maybe_moment(incident.resolved_at, viewpoint),
        closed=maybe_moment(incident.closed_at, viewpoint),
        episode=incident.episode,
        events=[to_event(each, viewpoint) for each in incident.events],
        deliveries=[to_delivery(each, viewpoint) for each in reversed(incident.deliveries)],
    )


def to_event(event: Mapping[str, Any], viewpoint: Viewpoint) -> EventRow:
    """One entry; its detail is what a reader asks next: how bad it was, and why it ended."""
    details = []
    if event.get("severity"):
        priority = f"P{event['priority']}" if event.get("priority") else ""
        details.append(f"{word(SEVERITIES, event['severity'], viewpoint)} {priority}".strip())
    if event.get("is_flapping"):
        details.append(viewpoint.say("flapping"))
    details += [str(event[name]) for name in ("resolution_reason", "note", "reason") if event.get(name)]
    return EventRow(
        at=to_moment(int(event["at"]), viewpoint),
        text=word(EVENTS, event.get("type", ""), viewpoint),
        type=str(event.get("type", "")).removeprefix("incident."),
        actor=_actor(str(event.get("actor") or ""), viewpoint),
        detail=" · ".join(details),
    )


def _actor(actor: str, viewpoint: Viewpoint) -> str:
    return viewpoint.say("the engine") if actor == "engine" else actor.removeprefix("person:")


def to_delivery(delivery: DeliveryView, viewpoint: Viewpoint) -> DeliveryRow:
    """One delivery; the next try is told only while there will be one."""
    return DeliveryRow(
        target=delivery.target,
        change=word(EVENTS, delivery.type, viewpoint),
        sequence=delivery.sequence,
        state=word(DELIVERY_STATES, delivery.state, viewpoint),
        state_key=delivery.state,
        attempts=delivery.attempts,
        created=to_moment(delivery.created_at, viewpoint),
        delivered=maybe_moment(delivery.delivered_at, viewpoint),
        next=to_moment(max(delivery.next_attempt_at, viewpoint.now), viewpoint) if delivery.state == "pending" else None,
        answer=delivery.last_answer or "",
    )
