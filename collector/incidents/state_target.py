"""What a state target (Alertmanager) is told at each refresh: every open incident, as it is now."""

from __future__ import annotations

from sqlalchemy import Connection

from collector.incidents.incident import Change, to_incident_change
from collector.incidents.target_document import ConfiguredTarget
from collector.store.incident import load_open_incidents
from collector.store.outbox import Announcement, load_lanes
from muster.ports import IncidentChange


def render_open(connection: Connection, configured: ConfiguredTarget, announcement: Announcement, now: int) -> list[IncidentChange]:
    """Open incidents that the target wants or was told of. Where a delivery waits it comes first, in its order."""
    lanes = load_lanes(connection, configured.id)
    return [
        to_incident_change(
            Change(type="incident.updated", at=now, incident=incident, previous_status=incident.state),
            target=configured.id,
            instance=announcement.instance,
            public_url=announcement.public_url,
        )
        for incident in load_open_incidents(connection)
        if not lanes.get(incident.id) and (incident.id in lanes or configured.wants(incident))
    ]
