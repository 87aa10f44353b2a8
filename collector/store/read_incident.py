"""Pages of incidents, newest first."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from sqlalchemy import func, select

from collector.store.incident_view import load_incident_view, load_incident_views
from collector.store.reading import Reading, check_limit, make_cursor, read_cursor
from collector.store.schema import incident
from muster.document import suggest
from muster.errors import InputError, quote
from muster.model.state import IncidentState
from muster.ports import IncidentView, Page

_STATES: tuple[str, ...] = get_args(IncidentState)


def list_incidents(reading: Reading, states: Collection[str], service_id: str | None, *, cursor: str | None, limit: int) -> Page:
    """`total` counts those of the states; of one service, those on this page and the next are known only."""
    for state in states:
        if state not in _STATES:
            raise InputError(f"unknown state {quote(state)}{suggest(state, _STATES)}", path="state")
    values = read_cursor(cursor, "incidents", 1)
    before = values[0] if values is not None and isinstance(values[0], int) else None
    found = load_incident_views(reading.connection, states=states, service_id=service_id, before_number=before, limit=check_limit(limit) + 1)
    counted = select(func.count()).select_from(incident)
    if states:
        counted = counted.where(incident.c.state.in_(sorted(states)))
    total = len(found) if service_id is not None else reading.connection.execute(counted).scalar_one()
    following = make_cursor("incidents", found[limit - 1].number) if len(found) > limit else None
    return Page(found[:limit], total, following)


def load_view(reading: Reading, key: str) -> IncidentView:
    """By id or number. Raises NotFoundError."""
    return load_incident_view(reading.connection, key)
