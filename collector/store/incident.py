"""Incidents in the store: a change, its event and its deliveries are written in one transaction, the caller's.

`incident.body` is MessagePack of `collector.incidents.incident.Incident`; the other columns repeat what is searched and listed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from collector.incidents.incident import Change, Incident
from collector.incidents.lifecycle import acknowledge
from collector.incidents.target_document import ConfiguredTarget
from collector.store.outbox import Announcement, enqueue
from collector.store.schema import ci, content, history, incident_event
from collector.store.schema import incident as table
from muster.errors import NotFoundError

_KEYS_PER_QUERY = 500
CHANGES_READ = 500
CHANGES_SHOWN = 10
VALUE_LIMIT = 200
_decoder = msgspec.msgpack.Decoder(Incident)


class Particulars(msgspec.Struct, frozen=True):
    """What a message says of a CI beside its name. `serial` None: not known; `host`: the name of what the CI is a part of, empty: of nothing."""

    serial: str | None
    site: str
    lifecycle: str
    host: str = ""


def load_incidents(connection: Connection, keys: Iterable[str] = ()) -> list[Incident]:
    """All that are not closed, and of each of `keys` the newest episode, closed or not: what the lifecycle decides on."""
    found = {row.id: _decode(row) for row in connection.execute(select(table.c.id, table.c.number, table.c.body).where(table.c.state != "closed"))}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _KEYS_PER_QUERY):
        part = wanted[start : start + _KEYS_PER_QUERY]
        newest = (
            select(table.c.incident_key, func.max(table.c.episode).label("episode"))
            .where(table.c.incident_key.in_(part))
            .group_by(table.c.incident_key)
            .subquery()
        )
        query = select(table.c.id, table.c.number, table.c.body).join(
            newest, and_(table.c.incident_key == newest.c.incident_key, table.c.episode == newest.c.episode)
        )
        found |= {row.id: _decode(row) for row in connection.execute(query)}
    return list(found.values())


def load_incident(connection: Connection, incident_id: str) -> Incident:
    """One incident by its id or number as text. Raises NotFoundError."""
    is_it = table.c.id == incident_id
    if incident_id.isdecimal() and len(incident_id) < 19:
        is_it = or_(is_it, table.c.number == int(incident_id))
    row = connection.execute(select(table.c.id, table.c.number, table.c.body).where(is_it)).first()
    if row is None:
        raise NotFoundError(f"no incident {incident_id!r}; see `muster incident list`")
    return _decode(row)


def load_open_incidents(connection: Connection) -> list[Incident]:
    """Those that people were told of and that are not over."""
    query = select(table.c.id, table.c.number, table.c.body).where(table.c.state.in_(("open", "acknowledged"))).order_by(table.c.number)
    return [_decode(row) for row in connection.execute(query)]


def apply_changes(connection: Connection, changes: Sequence[Change], targets: Sequence[ConfiguredTarget], announcement: Announcement) -> list[Change]:
    """Write changes in order: the incident, its event, and a delivery per target that wants it. Returns them with their numbers.

    A target that was told of an incident once is told of its later changes too, whatever its `when` says by then.
    """
    stored: list[Change] = []
    numbers: dict[str, int] = {}
    for change in changes:
        if change.type == "incident.discarded":
            connection.execute(delete(table).where(table.c.id == change.incident.id))
            continue
        number = numbers.get(change.incident.id) or change.incident.number or _next_number(connection)
        numbers[change.incident.id] = number
        numbered = msgspec.structs.replace(change, incident=msgspec.structs.replace(change.incident, number=number))
        _save(connection, numbered)
        if numbered.is_announced:
            _save_event(connection, numbered)
            enqueue(connection, numbered, targets, announcement)
        stored.append(numbered)
    return stored


def acknowledge_incident(
    connection: Connection, incident_id: str, actor: str, now: int, *, targets: Sequence[ConfiguredTarget], announcement: Announcement
) -> Incident:
    """Somebody takes it; targets are told. Raises NotFoundError, and ConflictError where it is not open."""
    change = acknowledge(load_incident(connection, incident_id), actor, now)
    (stored,) = apply_changes(connection, [change], targets, announcement)
    return stored.incident


def load_recent_changes(connection: Connection, ci_ids: Collection[str], since: int) -> dict[str, list[dict[str, Any]]]:
    """What changed on these CIs and their parts since then, newest first, at most ten for each: the suspects of an incident."""
    wanted = sorted(ci_ids)
    changes: dict[str, list[dict[str, Any]]] = {ci_id: [] for ci_id in wanted}
    if not wanted:
        return changes
    subject = func.coalesce(ci.c.owner_ci_id, ci.c.id)
    query = (
        select(history.c.ci_id, ci.c.name, subject.label("subject"), history.c.layer, history.c.attribute, history.c.old_value, history.c.new_value)
        .add_columns(history.c.valid_from, history.c.cause_kind)
        .join(ci, ci.c.id == history.c.ci_id)
        .where(or_(ci.c.id.in_(wanted), ci.c.owner_ci_id.in_(wanted)), history.c.known_from >= since)
        .order_by(history.c.id.desc())
        .limit(CHANGES_READ)
    )
    for row in connection.execute(query):
        for ci_id in {row.ci_id, row.subject} & changes.keys():
            if len(changes[ci_id]) < CHANGES_SHOWN:
                changes[ci_id].append(
                    {
                        "ci_id": row.ci_id,
                        "name": row.name,
                        "layer": row.layer,
                        "attribute": row.attribute,
                        "old": _readable(row.old_value),
                        "new": _readable(row.new_value),
                        "at": row.valid_from,
                        "cause": row.cause_kind,
                    }
                )
    return changes


def load_particulars(connection: Connection, ci_ids: Collection[str]) -> dict[str, Particulars]:
    """Serial number, site, lifecycle and host of these CIs; a recorded site goes before the zone of discovery."""
    found: dict[str, Particulars] = {}
    wanted = sorted(ci_ids)
    recorded, host = content.alias("recorded"), ci.alias("host")
    for start in range(0, len(wanted), _KEYS_PER_QUERY):
        query = (
            select(ci.c.id, ci.c.zone, ci.c.lifecycle, content.c.body, recorded.c.body.label("recorded"), host.c.name.label("host"))
            .outerjoin(host, host.c.id == ci.c.owner_ci_id)
            .outerjoin(content, content.c.hash == ci.c.effective_hash)
            .outerjoin(recorded, recorded.c.hash == ci.c.recorded_hash)
            .where(ci.c.id.in_(wanted[start : start + _KEYS_PER_QUERY]))
        )
        for row in connection.execute(query):
            attributes = {**_attributes(row.body), **_attributes(row.recorded)}
            serial = attributes.get("serial")
            site = str(attributes.get("site") or row.zone)
            found[row.id] = Particulars(None if serial is None else str(serial), site, row.lifecycle, row.host or "")
    return found


def _attributes(body: bytes | None) -> dict[str, Any]:
    decoded = msgspec.msgpack.decode(body) if body else {}
    return decoded if isinstance(decoded, dict) else {}


def _readable(value: bytes | None) -> Any:
    decoded = None if value is None else msgspec.msgpack.decode(value)
    return decoded if decoded is None or isinstance(decoded, bool | int | float) else str(decoded)[:VALUE_LIMIT]


def _save(connection: Connection, change: Change) -> None:
    incident = change.incident
    values = _columns(incident)
    changed = connection.execute(update(table).where(table.c.id == incident.id).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(table).values(id=incident.id, **values))


def _columns(incident: Incident) -> dict[str, Any]:
    encode = msgspec.msgpack.encode
    return {
        "number": incident.number,
        "incident_key": incident.key,
        "episode": incident.episode,
        "rule_id": incident.rule_id,
        "ci_id": incident.ci.id if incident.ci else None,
        "service_id": incident.service_id,
        "state": incident.state,
        "priority": incident.priority,
        "title": encode(incident.title),
        "description": encode(incident.description),
        "started_at": incident.started_at,
        "detected_at": incident.detected_at,
        "acknowledged_at": incident.acknowledged_at,
        "resolved_at": incident.resolved_at,
        "closed_at": incident.closed_at,
        "resolution_reason": incident.resolution_reason,
        "sequence": incident.sequence,
        "body": encode(incident),
    }


def _save_event(connection: Connection, change: Change) -> None:
    incident = change.incident
    body = {
        "status": incident.state,
        "previous_status": change.previous_status,
        "severity": incident.severity,
        "priority": incident.priority,
        "title": incident.title,
        "is_flapping": incident.is_flapping,
        "resolution_reason": incident.resolution_reason,
        "services": incident.services,
    }
    connection.execute(
        insert(incident_event).values(
            incident_id=incident.id, sequence=incident.sequence, type=change.type, at=change.at, actor=change.actor, body=msgspec.msgpack.encode(body)
        )
    )


def _next_number(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(table.c.number), 0) + 1)).scalar_one())


def _decode(row: Any) -> Incident:
    return msgspec.structs.replace(_decoder.decode(row.body), number=row.number)
