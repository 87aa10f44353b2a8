"""The read model of incidents: what the API, the pages and the command line show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from collector.incidents.incident import Incident
from collector.store.incident import load_incident
from collector.store.schema import delivery, incident_event
from collector.store.schema import incident as table
from muster.ports import DeliveryView, IncidentView

PAGE = 100
_decoder = msgspec.msgpack.Decoder(Incident)


def load_incident_view(connection: Connection, incident_id: str) -> IncidentView:
    """One incident by id or number, with its time line and deliveries. Raises NotFoundError."""
    return _complete(connection, [load_incident(connection, incident_id)])[0]


def load_incident_views(
    connection: Connection, *, states: Collection[str] = (), service_id: str | None = None, before_number: int | None = None, limit: int = PAGE
) -> list[IncidentView]:
    """Incidents, newest first: of these states (none named: all), touching a service, with smaller numbers than `before_number`."""
    query = select(table.c.number, table.c.body).order_by(table.c.number.desc())
    if states:
        query = query.where(table.c.state.in_(sorted(states)))
    if before_number is not None:
        query = query.where(table.c.number < before_number)
    found: list[Incident] = []
    for row in connection.execute(query if service_id is not None else query.limit(limit)):
        incident = msgspec.structs.replace(_decoder.decode(row.body), number=row.number)
        if service_id is None or any(each.get("id") == service_id for each in incident.services):
            found.append(incident)
            if len(found) == limit:
                break
    return _complete(connection, found)


def _complete(connection: Connection, incidents: Sequence[Incident]) -> list[IncidentView]:
    ids = [each.id for each in incidents]
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    query = select(incident_event).where(incident_event.c.incident_id.in_(ids)).order_by(incident_event.c.sequence)
    for row in connection.execute(query):
        body = msgspec.msgpack.decode(row.body)
        events[row.incident_id].append({"sequence": row.sequence, "type": row.type, "at": row.at, "actor": row.actor, **body})
    deliveries: dict[str, list[DeliveryView]] = defaultdict(list)
    for row in connection.execute(select(delivery).where(delivery.c.incident_id.in_(ids)).order_by(delivery.c.sequence, delivery.c.target)):
        deliveries[row.incident_id].append(
            DeliveryView(
                id=row.id,
                target=row.target,
                type=row.type,
                sequence=row.sequence,
                state=row.state,
                attempts=row.attempts,
                created_at=row.created_at,
                next_attempt_at=row.next_attempt_at,
                delivered_at=row.delivered_at,
                last_answer=row.last_answer,
            )
        )
    return [_to_view(each, events[each.id], deliveries[each.id]) for each in incidents]


def _to_view(incident: Incident, events: list[dict[str, Any]], deliveries: list[DeliveryView]) -> IncidentView:
    return IncidentView(
        id=incident.id,
        number=incident.number,
        state=incident.state,
        priority=incident.priority,
        severity=incident.severity,
        title=incident.title,
        description=incident.description,
        rule_id=incident.rule_id,
        ci=incident.ci,
        services=[str(each.get("id")) for each in incident.services],
        started_at=incident.started_at,
        detected_at=incident.detected_at,
        acknowledged_at=incident.acknowledged_at,
        resolved_at=incident.resolved_at,
        closed_at=incident.closed_at,
        resolution_reason=incident.resolution_reason,
        episode=incident.episode,
        sequence=incident.sequence,
        events=events,
        deliveries=deliveries,
    )
