"""The life of an incident: pending → open → acknowledged → resolved → closed, and resolved → open inside the reopen window.

One pure function decides: incidents as stored, conditions as evaluated, settings, the time → changes. It never holds two
open incidents of one key, never resolves without evidence, and each change has the next sequence number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from collector.incidents.condition import Condition
from collector.incidents.flapping import FlappingSettings, is_flapping
from collector.incidents.incident import OPEN_STATES, Change, ChangeType, Incident, incident_id
from muster.errors import ConflictError
from muster.model.state import IncidentState


class LifecycleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The defaults of docs/incidents.md, in milliseconds."""

    reopen_ms: int = 30 * 60_000
    close_after_ms: int = 72 * 3_600_000
    warm_up_ms: int = 120_000
    flapping: FlappingSettings = FlappingSettings()


def decide_changes(
    incidents: Iterable[Incident],
    conditions: Iterable[Condition],
    settings: LifecycleSettings,
    now: int,
    *,
    started_at: int,
    removed: Mapping[str, str] | None = None,
) -> list[Change]:
    """The changes that the conditions call for, in the order in which they must be stored.

    `incidents`: all that are not closed, and of each key the newest episode. `started_at`: when this process began to evaluate.
    `removed`: key → why its condition exists no longer (`ci_retired`, `rule_removed`). A key of which nothing is said stays as it is.
    """
    by_key: dict[str, list[Incident]] = {}
    for incident in incidents:
        by_key.setdefault(incident.key, []).append(incident)
    changes: list[Change] = []
    seen: set[str] = set()
    for condition in conditions:
        if condition.key in seen:  # a rule said the same subject twice; the first word counts
            continue
        seen.add(condition.key)
        own = sorted(by_key.get(condition.key, ()), key=lambda each: each.episode)
        changes += _decide_one(own, condition, settings, now, started_at=started_at)
    for key, reason in (removed or {}).items():
        changes += [change for incident in by_key.get(key, ()) if key not in seen for change in _decide_removed(incident, reason, now)]
    touched = {change.incident.id for change in changes}
    untouched = [each for own in by_key.values() for each in own if each.id not in touched]
    return changes + [_step(each, "incident.closed", "closed", now, closed_at=now) for each in untouched if _is_over(each, settings, now)]


def acknowledge(incident: Incident, actor: str, now: int) -> Change:
    """Somebody takes it. Raises ConflictError where it is not open."""
    if incident.state != "open":
        raise ConflictError(f"incident {incident.number} is {incident.state}; only an open one can be acknowledged", code="incident-not-open")
    return _step(incident, "incident.acknowledged", "acknowledged", now, actor=actor, acknowledged_at=now, acknowledged_by=actor)


def _decide_one(own: Sequence[Incident], condition: Condition, settings: LifecycleSettings, now: int, *, started_at: int) -> list[Change]:
    current = next((each for each in own if each.state in OPEN_STATES), None)
    is_stale = condition.evidence_at < started_at and now - started_at < settings.warm_up_ms
    if condition.status == "unknown" or is_stale:
        return []
    if condition.status == "failing":
        if current is None:
            return _begin(own[-1] if own else None, condition, settings, now)
        return _open_pending(current, condition, now) if current.state == "pending" else _update(current, condition, settings, now)
    if current is None:
        return []
    if current.state == "pending":
        return [_step(current, "incident.discarded", "pending", now)]
    return _resolve(current, condition, settings, now)


def _begin(last: Incident | None, condition: Condition, settings: LifecycleSettings, now: int) -> list[Change]:
    if condition.covered_by is not None:
        return []
    if last is not None and last.resolved_at is not None and last.state == "resolved" and condition.since_at - last.resolved_at <= settings.reopen_ms:
        if condition.suppressed_by or now - condition.since_at < condition.confirm_ms:
            return []
        content = {**_content(condition), "labels": last.labels}
        return [
            _step(
                last,
                "incident.reopened",
                "open",
                now,
                **content,
                resolved_at=None,
                resolution_reason=None,
                acknowledged_at=None,
                acknowledged_by=None,
            )
        ]
    episode = last.episode + 1 if last else 1
    incident = Incident(
        id=incident_id(condition.key, episode),
        key=condition.key,
        episode=episode,
        rule_id=condition.rule_id,
        component=condition.component,
        state="pending",
        ci=condition.ci,
        service_id=condition.service_id,
        started_at=min(condition.since_at, now),
        detected_at=now,
        updated_at=now,
        clear_ms=condition.clear_ms,
        suppressed_by=condition.suppressed_by,
        **_content(condition),
    )
    opened = _open_pending(incident, condition, now, is_new=True)
    return opened or [Change(type="incident.pending", at=now, incident=incident, previous_status=None)]


def _open_pending(incident: Incident, condition: Condition, now: int, *, is_new: bool = False) -> list[Change]:
    if condition.suppressed_by or now - condition.since_at < condition.confirm_ms:
        return []
    content = {**_content(condition), "labels": condition.labels or incident.labels, "suppressed_by": None}
    change = _step(incident, "incident.opened", "open", now, **content)
    return [msgspec.structs.replace(change, previous_status=None if is_new else "pending")]


def _update(incident: Incident, condition: Condition, settings: LifecycleSettings, now: int) -> list[Change]:
    if condition.suppressed_by:
        return []
    flaps = is_flapping(condition.transitions_at, settings.flapping, now, was_flapping=incident.is_flapping)
    has_turned = flaps is not incident.is_flapping
    if flaps and not has_turned and now - incident.updated_at < settings.flapping.update_every_ms:
        return []
    content = {**_content(condition), "labels": incident.labels, "recent_changes": incident.recent_changes or condition.recent_changes}
    if not has_turned and not _is_material(incident, content):
        return []
    return [_step(incident, "incident.updated", incident.state, now, **content, is_flapping=flaps)]


def _resolve(incident: Incident, condition: Condition, settings: LifecycleSettings, now: int) -> list[Change]:
    flaps = is_flapping(condition.transitions_at, settings.flapping, now, was_flapping=incident.is_flapping)
    if flaps and not incident.is_flapping:
        return [_step(incident, "incident.updated", incident.state, now, is_flapping=True)]
    if flaps or condition.evidence_at - condition.since_at < condition.clear_ms:
        return []
    ended: dict[str, Any] = {"resolved_at": now, "resolution_reason": "recovered", "is_flapping": False}
    ended |= {"services": condition.services, "conditions": condition.measurements}
    return [_step(incident, "incident.resolved", "resolved", now, **ended)]


def _decide_removed(incident: Incident, reason: str, now: int) -> list[Change]:
    if incident.state == "pending":
        return [_step(incident, "incident.discarded", "pending", now)]
    if incident.state not in OPEN_STATES:
        return []
    resolved = _step(incident, "incident.resolved", "resolved", now, resolved_at=now, resolution_reason=reason, is_flapping=False)
    return [resolved, _step(resolved.incident, "incident.closed", "closed", now, closed_at=now)]


def _is_over(incident: Incident, settings: LifecycleSettings, now: int) -> bool:
    return incident.state == "resolved" and incident.resolved_at is not None and now - incident.resolved_at >= settings.close_after_ms


def _content(condition: Condition) -> dict[str, Any]:
    return {
        "severity": condition.severity,
        "impact": condition.impact,
        "urgency": condition.urgency,
        "priority": condition.priority,
        "title": condition.title,
        "description": condition.description,
        "services": condition.services,
        "cis": condition.cis,
        "conditions": condition.measurements,
        "recent_changes": condition.recent_changes,
        "labels": condition.labels,
        "runbook_url": condition.runbook_url,
    }


def _is_material(incident: Incident, content: dict[str, Any]) -> bool:
    """Whether a person would act differently: moving figures alone tell nobody anything."""
    if any(getattr(incident, name) != content[name] for name in ("severity", "impact", "urgency", "priority", "title")):
        return True
    return _service_states(incident.services) != _service_states(content["services"])


def _service_states(services: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    return [(each.get("id"), each.get("state")) for each in services]


def _step(incident: Incident, kind: ChangeType, state: IncidentState, now: int, *, actor: str = "engine", **changed: Any) -> Change:
    after = msgspec.structs.replace(incident, state=state, sequence=incident.sequence + 1, updated_at=now, **changed)
    return Change(type=kind, at=now, incident=after, previous_status=incident.state, actor=actor)
