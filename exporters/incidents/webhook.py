"""Standard Webhooks 1.0: one signed JSON message per change of an incident.

Source: standard-webhooks specification 1.0 (headers, signature scheme, body under 20 kB). Payload: docs/incidents.md.
Every attempt has its own timestamp and signature; the id and the bytes of the body stay.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from exporters.incidents._answer import classify_status
from exporters.incidents._text import cut, pick
from muster.errors import ConfigurationError
from muster.instant import render_instant
from muster.ports import AnswerClass, IncidentChange, OutgoingRequest, Target

SCHEMA_VERSION = 1
BODY_LIMIT_BYTES = 20_000
TITLE_LIMIT = 300
DESCRIPTION_LIMIT = 2_000
SECRET_PREFIX = b"whsec_"
SECRET_MINIMUM_BYTES = 24
_LISTS = ("cis", "recent_changes", "conditions", "services")


class WebhookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to, and in which language the texts are."""

    url: str
    language: Literal["en", "zh-Hans"] = "en"
    maximum_cis: int = 100


def parse_secret(text: bytes) -> bytes:
    """The key of a `whsec_…` secret. Raises ConfigurationError where it is none or shorter than 24 bytes."""
    try:
        key = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < SECRET_MINIMUM_BYTES:
        raise ConfigurationError(f"a webhook secret is whsec_ and the base64 of at least {SECRET_MINIMUM_BYTES} random bytes; make a new one")
    return key


def sign(identifier: str, timestamp_seconds: int, body: bytes, secrets: Sequence[bytes]) -> str:
    """The `webhook-signature` header: one `v1,` signature per secret, newest first, so that secrets can rotate."""
    signed = f"{identifier}.{timestamp_seconds}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.new(parse_secret(secret), signed, hashlib.sha256).digest()).decode() for secret in secrets)


def render_body(change: IncidentChange, *, language: str = "en", maximum_cis: int = 100) -> bytes:
    """The message, under 20 kB: long lists are cut and the cut is flagged. Depends on nothing but the change and the settings."""
    values = _payload(change, language, maximum_cis)
    message = {"type": change.type, "timestamp": render_instant(change.at), "data": values}
    body = msgspec.json.encode(message)
    while len(body) >= BODY_LIMIT_BYTES:
        name = max(_LISTS, key=lambda each: len(msgspec.json.encode(values[each])))
        if not values[name]:
            break  # texts and URLs alone are bounded below the limit
        values[name] = values[name][: len(values[name]) // 2]
        values["affected_truncated" if name == "cis" else "is_truncated"] = True
        body = msgspec.json.encode(message)
    return body


def render_(change: IncidentChange, settings: Mapping[str, Any], secrets: Sequence[bytes], now_ms: int) -> list[OutgoingRequest]:
    """One signed POST."""
    body = render_body(change, language=settings.get("language", "en"), maximum_cis=settings.get("maximum_cis", 100))
    timestamp = now_ms // 1000
    headers = {
        "content-type": "application/json",
        "webhook-id": change.delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(change.delivery_id, timestamp, body, secrets),
    }
    return [OutgoingRequest(method="POST", url=settings["url"], headers=headers, body=body)]


def classify_answer(status: int, headers: Mapping[str, str], body: bytes) -> AnswerClass:
    """2xx is delivered; 410 disables the endpoint until a person mends it; the rest as for every target."""
    if status == 410:
        return AnswerClass("stopped", "410: the receiver says that this endpoint is gone; correct the URL and apply the target again")
    return classify_status(status, headers, body)


def _payload(change: IncidentChange, language: str, maximum_cis: int) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "incident_id": change.incident_id,
        "number": change.number,
        "episode": change.episode,
        "sequence": change.sequence,
        "correlation_id": change.correlation_id,
        "status": change.status,
        "previous_status": change.previous_status,
        "severity": change.severity,
        "impact": change.impact,
        "urgency": change.urgency,
        "priority": change.priority,
        "title": cut(pick(change.title, language), TITLE_LIMIT),
        "description": cut(pick(change.description, language), DESCRIPTION_LIMIT),
        "started_at": render_instant(change.started_at),
        "detected_at": render_instant(change.detected_at),
        "acknowledged_at": _instant(change.acknowledged_at),
        "resolved_at": _instant(change.resolved_at),
        "resolution_reason": change.resolution_reason,
        "services": [{**each, "name": pick(each.get("name", ""), language)} for each in change.services],
        "cis": change.cis[:maximum_cis],
        "root_cause": {"ci_id": change.ci.id, "rule": change.rule_id, "confidence": 1.0} if change.ci else None,
        "affected_ci_count": len(change.cis),
        "affected_truncated": len(change.cis) > maximum_cis,
        "conditions": [{**each, "since": _instant(each.get("since"))} for each in change.conditions],
        "suppressed_count": 0,
        "maintenance_id": None,
        "recent_changes": [{**each, "at": _instant(each.get("at"))} for each in change.recent_changes],
        "problem_id": None,
        "runbook_url": change.runbook_url,
        "url": change.url,
    }


def _instant(at: Any) -> str | None:
    return render_instant(at) if isinstance(at, int) else at


TARGET = Target(
    name="webhook",
    summary="Standard Webhooks: a signed JSON message per change",
    settings=WebhookSettings,
    render_=render_,
    classify_answer=classify_answer,
)
