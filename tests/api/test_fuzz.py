"""Whatever comes to whichever route, the answer is one of its own: never a 500, never a traceback."""

from __future__ import annotations

import re
import socket
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.api.application import load_routes
from collector.api.route import Route
from muster.wire.report import CONTENT_TYPE_MSGPACK
from tests.api.served import Served, make_report, make_server

FUZZED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
# Revoking and disabling would end the tests' own credentials; reports are fuzzed by themselves.
LEFT_OUT = re.compile(r"^DELETE |^PATCH /v1/accounts|/revoke$|^POST /v1/(reports|session|enrolments)$")
ROUTES = [route for route in load_routes() if not LEFT_OUT.search(route.key)]
TEXT = st.text(max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def parameters_of(route: Route) -> list[str]:
    return [] if route.query is None else [each.encode_name for each in msgspec.structs.fields(route.query)]


def fields_of(route: Route) -> list[str]:
    return [each.encode_name for each in msgspec.structs.fields(route.body)] if route.body is not None else ["x"]


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, Any]:
    route = draw(st.sampled_from(ROUTES))
    path = re.sub(r"\{[a-z]+\}", lambda _: quote(draw(TEXT.filter(lambda text: text not in {"", ".", ".."})), safe=""), route.path)
    names = draw(st.lists(st.sampled_from(parameters_of(route) or ["x"]), max_size=3))
    query = "&".join(f"{name}={quote(draw(TEXT | st.sampled_from(['1', 'name', 'class:server', '2026-03-01'])))}" for name in names)
    body = draw(st.dictionaries(st.sampled_from(fields_of(route)), VALUES, max_size=4)) if route.method != "GET" else None
    return route.method, f"{path}?{query}", body


@FUZZED
@given(request=requests())
def test_random_requests_are_never_a_500(engine: Served, request: tuple[str, str, Any]) -> None:
    method, path, body = request
    answered = engine.ask(method, path, body, If_Match='"1"')
    assert answered.status < 500, answered.body
    assert b"Traceback" not in answered.body


HEADERS = [
    "Authorization: Bearer \xff\xfe", "Cookie: muster_session=\xff\xfe", "Authorization: \xff", "Content-Type: \xff", "Content-Encoding: \xff",
    "Muster-Sent-At: \xff", "If-Match: \xff", "Idempotency-Key: \xff", "X-CSRF-Token: \xff",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("line", ["POST /v1/reports", "PATCH /v1/cis/1/recorded", "GET /v1/cis/%FF%00?query=%FF", "GET /sign-in?token=%FF"])
def test_header_that_is_no_text_is_never_a_500(served: Served, line: str, header: str) -> None:
    given_token = "" if header.startswith(("Authorization", "Cookie")) else f"Authorization: Bearer {served.tokens['administrator']}\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as raw:
        raw.sendall(f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{given_token}{header}\r\nContent-Length: 2\r\n\r\n{{}}".encode("latin-1"))
        status = int(raw.recv(65_536).split(b" ")[1])
    assert status < 500


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/tokens", {"kind": "source", "name": "a\0b"}),
        ("POST", "/v1/tokens", {"kind": "source", "name": "a", "scope": {"zones": ["\0"]}}),
        ("POST", "/v1/accounts", {"name": "a\0", "role": "viewer"}),
        ("POST", "/v1/accounts", {"name": "nul", "role": "viewer", "language": "\0"}),
        ("POST", "/v1/services/apply", {"documents": [{"file": "\0", "text": "id: \0"}]}),
        ("POST", "/v1/cases/%00/decision", {"action": "same", "reason": "\0"}),
        ("POST", "/v1/differences/decisions", {"decision": "accept", "group": "\0"}),
        ("GET", "/v1/cis/%00", None),
        ("GET", "/v1/cis?query=%00", None),
        ("GET", "/v1/cis?query=os.name:%00", None),
        ("GET", "/v1/differences?group=%00&ci=%00", None),
        ("GET", "/v1/incidents?service=%00", None),
        ("GET", "/v1/services/%00/document", None),
        ("PATCH", "/v1/accounts/%00", {"role": "viewer"}),
    ],
)  # fmt: skip
def test_text_with_a_nul_which_postgresql_cannot_hold_is_never_a_500(engine: Served, method: str, path: str, body: object) -> None:
    assert engine.ask(method, path, body).status < 500


@pytest.mark.parametrize("content_type", ["application/json", CONTENT_TYPE_MSGPACK])
def test_item_with_a_nul_is_rejected_alone(engine: Served, content_type: str) -> None:
    engine.sequence += 1
    bad = {"ref": "n", "class": "server", "identifiers": {"serial": "S\0N"}, "attributes": {"name": "n"}}
    report = make_report(engine.sequence, bad, make_server(f"beside-{engine.sequence}"))
    body = msgspec.json.encode(report) if content_type == "application/json" else msgspec.msgpack.encode(report)
    answered = engine.ask("POST", "/v1/reports", body, token="source", Content_Type=content_type)
    assert (answered.status, [each["path"] for each in answered.value["rejected"]]) == (200, ["$.sections.host.items[0].identifiers.serial"])
