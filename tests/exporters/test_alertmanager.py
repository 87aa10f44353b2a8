"""Alertmanager API v2: rendered values, and the real server that must keep and drop the alert."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest

from exporters.incidents.alertmanager import TARGET, classify_answer, render_, render_alert
from muster.ports import IncidentChange
from tests.exporters.sample import STARTED_AT, change
from tests.support.alertmanager import Alertmanager, running_alertmanager
from tests.support.server import eventually

SETTINGS = {"url": "http://127.0.0.1:9093/", "labels": {"team": "noc"}}


def test_alert_of_an_open_incident_ends_in_the_future() -> None:
    assert render_alert(change(), SETTINGS, STARTED_AT + 60_000) == {
        "labels": {
            "team": "noc",
            "alertname": "service-component-down",
            "ci": "web-1",
            "service": "shop",
            "site": "default",
            "muster_incident": "0195502e-0000-4000-8000-000000000001",
        },
        "annotations": {
            "summary": "web-1 is down",
            "description": "Shop is down.",
            "priority": "2",
            "severity": "critical",
            "status": "open",
            "incident_number": "7",
            "services": "shop",
        },
        "startsAt": "2026-03-01T10:00:00.000Z",
        "endsAt": "2026-03-01T10:06:00.000Z",
        "generatorURL": "https://muster.example.org/incidents/1",
    }


def test_labels_stay_while_priority_severity_state_and_text_change() -> None:
    later = change(status="acknowledged", severity="minor", priority=5, title={"en": "other"}, type="incident.updated", sequence=2)
    assert render_alert(later, SETTINGS, 0)["labels"] == render_alert(change(), SETTINGS, 0)["labels"]


def test_resolved_incident_ends_when_it_was_resolved_and_never_before_it_began() -> None:
    resolved = change(status="resolved", resolved_at=STARTED_AT + 90_000)
    assert render_alert(resolved, SETTINGS, STARTED_AT + 900_000)["endsAt"] == "2026-03-01T10:01:30.000Z"
    assert render_alert(change(status="resolved", resolved_at=STARTED_AT), SETTINGS, 0)["endsAt"] == "2026-03-01T10:00:00.001Z"


@pytest.mark.parametrize(
    ("username", "secrets", "expected"),
    [(None, [], None), (None, [b"token\n"], "Bearer token"), ("muster", [b"pass"], "Basic bXVzdGVyOnBhc3M=")],
)
def test_credentials_stand_in_the_header(username: str | None, secrets: list[bytes], expected: str | None) -> None:
    (request,) = render_(change(), {**SETTINGS, "username": username}, secrets, 0)
    assert (request.url, request.headers.get("authorization")) == ("http://127.0.0.1:9093/api/v2/alerts", expected)


def post(server: Alertmanager, one: IncidentChange) -> None:
    (request,) = render_(one, {"url": server.url}, [], time.time_ns() // 1_000_000)
    sent = urllib.request.Request(request.url, data=request.body, headers=dict(request.headers), method=request.method)
    with urllib.request.urlopen(sent, timeout=5) as answer:
        assert classify_answer(answer.status, dict(answer.headers), answer.read()).outcome == "delivered"


def test_real_server_keeps_the_alert_past_its_own_time_out_and_drops_it_on_resolve(tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    opened = change(started_at=now - 60_000, at=now)
    with running_alertmanager(tmp_path, resolve_timeout="1s") as server:
        post(server, opened)
        eventually(lambda: server.alert_of(opened.incident_id), what="the alert")
        posted_at = time.monotonic()
        eventually(lambda: time.monotonic() - posted_at > 3.2, what="three time-outs")
        alert = server.alert_of(opened.incident_id)
        assert alert is not None
        assert (alert["status"]["state"], alert["annotations"]["summary"]) == ("active", "web-1 is down")
        post(server, change(started_at=now - 60_000, status="resolved", resolved_at=now, type="incident.resolved"))
        eventually(lambda: server.alert_of(opened.incident_id) is None, what="the end of the alert")
        post(server, change(started_at=now - 60_000, status="open", type="incident.reopened"))
        eventually(lambda: server.alert_of(opened.incident_id), what="the re-opened alert")


def test_malformed_alert_is_refused_by_the_real_server(tmp_path: Path) -> None:
    with running_alertmanager(tmp_path) as server:
        sent = urllib.request.Request(
            f"{server.url}/api/v2/alerts", data=json.dumps([{"labels": {}}]).encode(), headers={"content-type": "application/json"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(sent, timeout=5)
        with refused.value as answer:
            assert classify_answer(answer.code, dict(answer.headers), answer.read()).outcome == "refused"


def test_target_is_a_state_target() -> None:
    assert TARGET.refresh_seconds == 60
