"""Tokens, enrolment, accounts and sessions: made once, refused at once, and never shown again."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from collector.store.audit_chain import load_entries, verify
from collector.store.engine import open_database
from muster.clock import FakeClock
from tests.api.served import Served, make_report, serving

PASSWORD = "correct horse battery"
ENROLMENT = {"kind": "agent", "name": "web01", "zone": "berlin"}


def report_as(served: Served, secret: str, name: str = "web01", instance: str = "ab12") -> int:
    source = {"kind": "agent", "name": name, "instance": instance, "zone": "berlin"}
    served.sequence += 1
    return served.ask("POST", "/v1/reports", make_report(served.sequence, source=source), token=secret).status


def cookie_of(headers: object) -> str:
    return str(dict(headers)["Set-Cookie"])  # type: ignore[call-overload]  # a mapping


def sign_in(served: Served, name: str) -> tuple[str, str]:
    """The cookie and the CSRF token of a session by password."""
    answered = served.ask("POST", "/v1/session", {"name": name, "password": PASSWORD}, token=None)
    assert answered.status == 200, answered.body
    return cookie_of(answered.headers).partition(";")[0], answered.value["csrf"]


def test_revoked_token_is_refused_from_the_next_request_on(engine: Served) -> None:
    token_id, secret = engine.make_token(kind="api", name="short", role="viewer")
    assert engine.ask("GET", "/v1/cis", token=secret).status == 200
    assert engine.ask("DELETE", f"/v1/tokens/{token_id}").status == 204
    assert engine.ask("GET", "/v1/cis", token=secret).status == 401


def test_expired_token_is_refused_though_it_was_used_just_before(tmp_path: Path) -> None:
    clock = FakeClock()
    with serving(tmp_path / "clock", clock=clock) as served:
        _, secret = served.make_token(kind="api", name="brief", role="viewer", expires_in_seconds=5)
        assert served.ask("GET", "/v1/cis", token=secret).status == 200
        clock.advance(seconds=5)
        assert served.ask("GET", "/v1/cis", token=secret).status == 401


def test_list_of_tokens_never_shows_a_secret(engine: Served) -> None:
    _, secret = engine.make_token(kind="api", name="listed", role="viewer")
    listed = engine.ask("GET", "/v1/tokens").body.decode()
    assert "listed" in listed
    assert secret not in listed
    assert not re.search(r"muster_(api|source|enrol|link)_", listed)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"kind": "api", "name": "x"}, "role"),
        ({"kind": "source", "name": "x", "role": "viewer"}, "role"),
        ({"kind": "api", "name": "", "role": "viewer"}, "$.name"),
        ({"kind": "api", "name": "x", "role": "king"}, "$.role"),
        ({"kind": "source", "name": "x", "scope": {"zonez": []}}, "$.scope"),
    ],
)
def test_token_that_makes_no_sense_is_422_with_its_path(served: Served, body: dict[str, object], path: str) -> None:
    answered = served.ask("POST", "/v1/tokens", body)
    assert (answered.status, answered.value["path"]) == (422, path)


def test_enrolled_source_reports_and_its_token_is_its_own(engine: Served) -> None:
    answered = engine.ask("POST", "/v1/enrolments", ENROLMENT, token="enrolment")
    assert (answered.status, answered.value["state"]) == (201, "active")
    secret = answered.value["token"]
    assert report_as(engine, secret) == 200
    assert report_as(engine, secret, name="db01") == 403
    assert engine.ask("GET", "/v1/cis", token=secret).status == 403
    (source,) = [each for each in engine.get("/v1/sources")["items"] if each["source"]["name"] == "web01"]
    assert (source["source"]["instance"], source["state"]) == ("ab12", "active")


def test_one_time_enrolment_token_enrols_one_source(served: Served) -> None:
    _, secret = served.make_token(kind="enrolment", name="once", uses=1)
    assert served.ask("POST", "/v1/enrolments", {**ENROLMENT, "name": "one"}, token=secret).status == 201
    assert served.ask("POST", "/v1/enrolments", {**ENROLMENT, "name": "two"}, token=secret).status == 401


def test_enrolment_outside_of_the_tokens_scope_is_403(served: Served) -> None:
    _, secret = served.make_token(kind="enrolment", name="paris", scope={"zones": ["paris"]})
    assert served.ask("POST", "/v1/enrolments", ENROLMENT, token=secret).status == 403


def test_source_that_needs_approval_reports_only_after_it(tmp_path: Path) -> None:
    with serving(tmp_path / "approval", enrolment_approval=True) as served:
        answered = served.ask("POST", "/v1/enrolments", ENROLMENT, token="enrolment")
        assert answered.value["state"] == "pending"
        assert report_as(served, answered.value["token"]) == 403
        (waiting,) = served.get("/v1/sources?state=pending")["items"]
        assert served.ask("POST", f"/v1/sources/{waiting['source']['id']}/approve").status == 204
        assert report_as(served, answered.value["token"]) == 200
        assert served.ask("POST", f"/v1/sources/{waiting['source']['id']}/approve").code == "not-pending"


def test_revoked_source_is_refused_at_once(engine: Served) -> None:
    secret = engine.ask("POST", "/v1/enrolments", {**ENROLMENT, "name": "gone"}, token="enrolment").value["token"]
    assert report_as(engine, secret, name="gone", instance="cd34") == 200
    (source,) = [each for each in engine.get("/v1/sources")["items"] if each["source"]["name"] == "gone"]
    assert engine.ask("POST", f"/v1/sources/{source['source']['id']}/revoke").status == 204
    assert report_as(engine, secret, name="gone", instance="cd34") == 401


def test_authority_is_served_where_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    with serving(tmp_path / "ca", tls_authority=str(file)) as served:
        answered = served.ask("GET", "/v1/ca.pem", token=None)
    assert (answered.status, answered.body) == (200, file.read_bytes())


def test_sign_in_link_works_once(engine: Served) -> None:
    link = urlsplit(engine.ask("POST", "/v1/accounts/admin/sign-in-link").value["url"])
    first, again = (engine.ask("GET", f"{link.path}?{link.query}", token=None) for _ in range(2))
    assert (first.status, first.headers["Location"]) == (303, "/")
    cookie = cookie_of(first.headers)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Set-Cookie" not in again.headers
    assert engine.get("/v1/session", token=None, Cookie=cookie.partition(";")[0])["name"] == "admin"


def test_session_writes_only_with_its_csrf_token(engine: Served) -> None:
    engine.ask("POST", "/v1/accounts", {"name": "kim", "role": "administrator", "password": PASSWORD})
    cookie, csrf = sign_in(engine, "kim")
    body = {"kind": "api", "name": "by-kim", "role": "viewer"}
    assert engine.ask("POST", "/v1/tokens", body, token=None, Cookie=cookie).status == 403
    assert engine.ask("POST", "/v1/tokens", body, token=None, Cookie=cookie, X_CSRF_Token="wrong").status == 403
    assert engine.ask("POST", "/v1/tokens", body, token=None, Cookie=cookie, X_CSRF_Token=csrf).status == 201
    assert engine.ask("POST", "/v1/tokens", body, token=None, Cookie=cookie, X_CSRF_Token=csrf, Sec_Fetch_Site="cross-site").status == 403


def test_signed_out_session_and_disabled_account_are_refused(engine: Served) -> None:
    engine.ask("POST", "/v1/accounts", {"name": "alex", "role": "viewer", "password": PASSWORD})
    cookie, csrf = sign_in(engine, "alex")
    assert engine.ask("DELETE", "/v1/session", token=None, Cookie=cookie, X_CSRF_Token=csrf).status == 204
    assert engine.ask("GET", "/v1/session", token=None, Cookie=cookie).status == 401
    other, _ = sign_in(engine, "alex")
    assert engine.ask("PATCH", "/v1/accounts/alex", {"is_disabled": True}).status == 204
    assert engine.ask("GET", "/v1/session", token=None, Cookie=other).status == 401
    assert engine.ask("POST", "/v1/session", {"name": "alex", "password": PASSWORD}, token=None).status == 401


def test_last_administrator_cannot_be_disabled(engine: Served, tmp_path: Path) -> None:
    with serving(tmp_path / "last") as served:
        assert served.ask("PATCH", "/v1/accounts/admin", {"is_disabled": True}).status == 409


def test_guessing_passwords_is_slowed_down_for_name_and_known_and_unknown_alike(tmp_path: Path) -> None:
    with serving(tmp_path / "guess", clock=FakeClock()) as served:
        statuses = [served.ask("POST", "/v1/session", {"name": "nobody", "password": "x"}, token=None).status for _ in range(11)]
        last = served.ask("POST", "/v1/session", {"name": "nobody", "password": "x"}, token=None)
    assert statuses == [401] * 10 + [429]
    assert int(last.headers["Retry-After"]) >= 1


def test_credentials_leave_a_trail_that_verifies_and_holds_no_secret(tmp_path: Path) -> None:
    with serving(tmp_path / "trail") as served:
        served.ask("POST", "/v1/accounts", {"name": "kim", "role": "viewer", "password": PASSWORD})
        sign_in(served, "kim")
        secrets = list(served.tokens.values())
    database = open_database(f"sqlite:///{tmp_path}/trail/muster.db")
    with database.connect() as connection:
        entries, verdict = load_entries(connection), verify(connection)
    database.close()
    assert verdict.broken_id is None
    assert [each.action for each in entries][:2] == ["signed_in", "account_created"]
    assert not any(secret in str(entries) for secret in [*secrets, PASSWORD])
