"""Standard Webhooks: verified with the specification's own library."""

from __future__ import annotations

import base64
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from exporters.incidents.webhook import BODY_LIMIT_BYTES, classify_answer, render_, render_body
from muster.errors import ConfigurationError
from tests.exporters.sample import change

SECRET = b"whsec_" + base64.b64encode(bytes(range(32)))
OTHER = b"whsec_" + base64.b64encode(bytes(range(100, 132)))
SETTINGS = {"url": "https://desk.example.org/hook"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000  # the library compares with the machine's clock


def test_signature_verifies_with_the_standard_library_of_the_specification() -> None:
    (request,) = render_(change(), SETTINGS, [SECRET], now_ms())
    assert Webhook(SECRET.decode()).verify(request.body, dict(request.headers)) == json.loads(request.body)
    assert (request.method, request.url, request.headers["webhook-id"]) == ("POST", SETTINGS["url"], "msg_1")


@pytest.mark.parametrize("receiver_knows", [SECRET, OTHER], ids=["new", "old"])
def test_both_secrets_verify_during_a_rotation(receiver_knows: bytes) -> None:
    (request,) = render_(change(), SETTINGS, [SECRET, OTHER], now_ms())
    Webhook(receiver_knows.decode()).verify(request.body, dict(request.headers))


def test_other_secret_does_not_verify() -> None:
    (request,) = render_(change(), SETTINGS, [SECRET], now_ms())
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER.decode()).verify(request.body, dict(request.headers))


def test_every_attempt_is_signed_anew_with_the_same_id_and_bytes() -> None:
    now = now_ms()
    (first,), (second,) = render_(change(), SETTINGS, [SECRET], now - 600_000), render_(change(), SETTINGS, [SECRET], now)
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET.decode()).verify(first.body, dict(first.headers))  # ten minutes old
    Webhook(SECRET.decode()).verify(second.body, dict(second.headers))


def test_body_holds_every_field_of_the_design() -> None:
    message = json.loads(render_body(change(), language="zh-Hans"))
    assert message == {
        "type": "incident.opened",
        "timestamp": "2026-03-01T10:00:30.000Z",
        "data": {
            "schema_version": 1,
            "incident_id": "0195502e-0000-4000-8000-000000000001",
            "number": 7,
            "episode": 1,
            "sequence": 1,
            "correlation_id": "muster:main:0195502e-0000-4000-8000-000000000001:1",
            "status": "open",
            "previous_status": None,
            "severity": "critical",
            "impact": 1,
            "urgency": 2,
            "priority": 2,
            "title": "web-1 已停止",
            "description": "商城不可用。",
            "started_at": "2026-03-01T10:00:00.000Z",
            "detected_at": "2026-03-01T10:00:30.000Z",
            "acknowledged_at": None,
            "resolved_at": None,
            "resolution_reason": None,
            "services": [{"id": "shop", "name": "商城", "state": "down", "sla_target": "0.999", "period_availability": 0.9995}],
            "cis": [{"id": "ci-web", "class": "server", "name": "web-1", "serial": "SN1", "site": "default"}],
            "root_cause": {"ci_id": "ci-web", "rule": "service-component-down", "confidence": 1.0},
            "affected_ci_count": 1,
            "affected_truncated": False,
            "conditions": [
                {"rule_id": "service-component-down", "metric": "reachability", "value": "down", "threshold": "up", "unit": "",
                 "since": "2026-03-01T10:00:00.000Z"}
            ],
            "suppressed_count": 0,
            "maintenance_id": None,
            "recent_changes": [{"ci_id": "ci-web", "attribute": "kernel", "old": "6.1.0-20", "new": "6.1.0-21", "at": "2026-03-01T09:59:00.000Z"}],
            "problem_id": None,
            "runbook_url": None,
            "url": "https://muster.example.org/incidents/1",
        },
    }  # fmt: skip


def test_body_stays_under_twenty_kilobytes_and_flags_the_cut() -> None:
    cis = [{"id": f"ci-{n}", "class": "server", "name": f"web-{n}" * 20, "serial": f"SN{n}", "site": "default"} for n in range(400)]
    body = render_body(change(cis=cis, description={"en": "d" * 30_000}))
    message = json.loads(body)["data"]
    assert len(body) < BODY_LIMIT_BYTES
    assert (message["affected_ci_count"], message["affected_truncated"], len(message["description"])) == (400, True, 2000)
    assert 25 <= len(message["cis"]) < 400


@pytest.mark.parametrize("secret", [b"whsec_c2hvcnQ=", b"whsec_!!!", b"", b"plain"])
def test_weak_secret_is_refused_without_being_shown(secret: bytes) -> None:
    with pytest.raises(ConfigurationError) as refused:
        render_(change(), SETTINGS, [secret], 0)
    assert not secret.strip() or secret.decode() not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "retry_after"),
    [
        (200, {}, "delivered", None),
        (204, {}, "delivered", None),
        (302, {}, "refused", None),
        (400, {}, "refused", None),
        (401, {}, "stopped", None),
        (403, {}, "stopped", None),
        (404, {}, "refused", None),
        (407, {}, "stopped", None),
        (408, {}, "retry", None),
        (410, {}, "stopped", None),
        (413, {}, "refused", None),
        (422, {}, "refused", None),
        (425, {}, "retry", None),
        (429, {"Retry-After": "17"}, "retry", 17.0),
        (503, {"retry-after": "Sun, 01 Mar 2026 10:00:30 GMT", "date": "Sun, 01 Mar 2026 10:00:00 GMT"}, "retry", 30.0),
        (503, {"Retry-After": "soon"}, "retry", None),
        (503, {"Retry-After": "99999999999999"}, "retry", 86_400.0),
        (599, {}, "retry", None),
    ],
)
def test_answers_are_classified(status: int, headers: dict[str, str], outcome: str, retry_after: float | None) -> None:
    answer = classify_answer(status, headers, b"")
    assert (answer.outcome, answer.retry_after_seconds) == (outcome, retry_after)
