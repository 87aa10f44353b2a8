"""Prometheus Alertmanager, API v2: one alert per incident, kept alive while the incident is open.

Source: Alertmanager's api/v2/openapi.yaml (postAlerts). Alertmanager resolves by itself what is not posted again, so this is a
state target: each open incident is posted every `refresh_seconds` with an end in the future, and once with its true end.
Labels are an alert's identity: they are those of the incident's opening; what may change stands in annotations.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from exporters.incidents._answer import classify_status
from exporters.incidents._text import cut, pick
from muster.instant import render_instant
from muster.ports import AnswerClass, IncidentChange, OutgoingRequest, Target

ALIVE_MS = 300_000
REFRESH_SECONDS = 60.0
ANNOTATION_LIMIT = 4_000
_OVER = frozenset({"resolved", "closed"})


class AlertmanagerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url`: the server with its route prefix, without `/api/v2`. `labels`: added to every alert. `alive_seconds`: how long an alert
    lives without being posted again; at least twice the pace of posting."""

    url: str
    language: Literal["en", "zh-Hans"] = "en"
    labels: dict[str, str] = {}
    alive_seconds: int = ALIVE_MS // 1000
    username: str | None = None


def render_alert(change: IncidentChange, settings: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """The alert of one incident. Empty labels are left out: to Alertmanager they are absent."""
    language = settings.get("language", "en")
    is_over = change.status in _OVER and change.resolved_at is not None
    end = max(change.resolved_at or 0, change.started_at + 1) if is_over else now_ms + settings.get("alive_seconds", ALIVE_MS // 1000) * 1000
    labels = {**settings.get("labels", {}), **change.labels, "alertname": change.labels.get("alertname", change.rule_id)}
    annotations = {
        "summary": pick(change.title, language),
        "description": pick(change.description, language),
        "priority": str(change.priority),
        "severity": change.severity,
        "status": change.status,
        "incident_number": str(change.number),
        "services": ", ".join(str(each.get("id", "")) for each in change.services),
        "runbook_url": change.runbook_url or "",
    }
    return {
        "labels": {name: value for name, value in {**labels, "muster_incident": change.incident_id}.items() if value},
        "annotations": {name: cut(value, ANNOTATION_LIMIT) for name, value in annotations.items() if value},
        "startsAt": render_instant(change.started_at),
        "endsAt": render_instant(end),
        "generatorURL": change.url,
    }


def render_(change: IncidentChange, settings: Mapping[str, Any], secrets: Sequence[bytes], now_ms: int) -> list[OutgoingRequest]:
    """One POST of one alert; a secret is the password of `username`, or a bearer token."""
    headers = {"content-type": "application/json", **_authorisation(settings.get("username"), secrets)}
    body = msgspec.json.encode([render_alert(change, settings, now_ms)])
    return [OutgoingRequest(method="POST", url=settings["url"].rstrip("/") + "/api/v2/alerts", headers=headers, body=body)]


def classify_answer(status: int, headers: Mapping[str, str], body: bytes) -> AnswerClass:
    """As every target: Alertmanager answers 200, 400 for a malformed alert, 5xx when it cannot."""
    return classify_status(status, headers, body)


def _authorisation(username: str | None, secrets: Sequence[bytes]) -> dict[str, str]:
    if not secrets:
        return {}
    secret = secrets[0].strip().decode()
    if username is None:
        return {"authorization": f"Bearer {secret}"}
    return {"authorization": "Basic " + b64encode(f"{username}:{secret}".encode()).decode()}


TARGET = Target(
    name="alertmanager",
    summary="Prometheus Alertmanager API v2: one alert per incident, kept alive while it is open",
    settings=AlertmanagerSettings,
    render_=render_,
    classify_answer=classify_answer,
    refresh_seconds=REFRESH_SECONDS,
)
