"""Reports over HTTP: taken whole or in part, refused with the reason, never answered before they are durable, never a 500."""

from __future__ import annotations

import gzip
import json
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.store.engine import open_database
from collector.store.journal import load_entry
from muster.wire.codec import decode_answer
from muster.wire.report import CONTENT_TYPE_MSGPACK, MAXIMUM_COMPRESSED_BYTES, MAXIMUM_INFLATED_BYTES, Answer
from tests.api.served import Served, make_report, make_server, serving

FUZZED = settings(max_examples=settings().max_examples * 6 // 10, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def test_hand_written_report_is_taken_and_its_items_appear(engine: Served) -> None:
    answered = engine.report(make_server("web-03", vendor="Dell"))
    assert (answered.status, answered.value) == (200, {"accepted_sequence": engine.sequence, "want": [], "rejected": [], "settings": {}})
    (found,) = engine.get("/v1/cis?query=class:server%20web-03")["items"]
    assert (found["name"], found["class"], found["source_kinds"]) == ("web-03", "server", ["api"])


def test_one_bad_item_loses_only_that_item_with_its_path(engine: Served) -> None:
    answered = engine.report(make_server("good-1"), {"ref": 7, "class": "server"}, make_server("good-2"))
    assert answered.value["rejected"] == [{"path": "$.sections.host.items[1].ref", "reason": "Expected `str`, got `int`"}]
    assert engine.get("/v1/cis?query=good-1")["total"] == engine.get("/v1/cis?query=good-2")["total"] == 1


def test_acknowledged_report_is_in_the_journal(served: Served) -> None:
    body = json.dumps(make_report(9_001, make_server("kept"))).encode()
    assert served.ask("POST", "/v1/reports", body, token="source").status == 200
    database = open_database(f"sqlite:///{served.folder}/muster.db")
    with database.connect() as connection:
        count = served.get("/v1/overview")["reports_received_total"]
        bodies = [load_entry(connection, number).body for number in range(1, count + 1)]
    database.close()
    assert body in bodies


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
@pytest.mark.parametrize("content_type", ["application/json", CONTENT_TYPE_MSGPACK])
def test_both_formats_are_taken_in_every_encoding(served: Served, content_type: str, encoding: str) -> None:
    served.sequence += 1
    report = make_report(served.sequence)
    plain = json.dumps(report).encode() if content_type == "application/json" else msgspec.msgpack.encode(report)
    packed = {"": lambda: plain, "gzip": lambda: gzip.compress(plain), "zstd": lambda: zstandard.compress(plain)}[encoding]()
    answered = served.ask("POST", "/v1/reports", packed, token="source", Content_Type=content_type, Content_Encoding=encoding, Accept=content_type)
    assert answered.status == 200
    assert decode_answer(answered.body, answered.headers["Content-Type"]) == Answer(served.sequence)


def test_same_sequence_is_a_duplicate_with_the_same_body_and_a_conflict_with_another(engine: Served) -> None:
    first = engine.report(make_server("twice"))
    report = make_report(engine.sequence, make_server("twice"))
    again = engine.ask("POST", "/v1/reports", report, token="source")
    other = engine.ask("POST", "/v1/reports", make_report(engine.sequence, make_server("else")), token="source")
    assert (again.status, again.value) == (200, first.value)
    assert (other.status, other.code) == (409, "sequence-reused")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"{", "$"),
        (b"[]", "$"),
        (b"{}", "$"),
        (b'{"source": {"kind": "api", "name": "a", "instance": "i"}, "sequence": "x", "observed_at": 1}', "$.sequence"),
        (b'{"source": {"kind": "spy", "name": "a", "instance": "i"}, "sequence": 1, "observed_at": 1}', "$.source.kind"),
        (b'{"source": {"kind": "api", "name": "a", "instance": "i"}, "sequence": 1, "observed_at": "soon"}', "$.observed_at"),
        (b'{"source": {"kind": "api", "name": "a", "instance": "i"}, "sequence": 1, "observed_at": 1, "sektions": {}}', "$"),
        (b'{"source": {"kind": "api", "name": "a", "instance": "i"}, "sequence": 9223372036854775808, "observed_at": 1}', "$.sequence"),
        (b'{"source": {"kind": "api", "name": "a", "instance": "i"}, "sequence": 1, "observed_at": -99999999999999999999}', "$.observed_at"),
        (b'{"source": {"kind": "api", "name": "a\\u0000", "instance": "i"}, "sequence": 1, "observed_at": 1}', "$.source.name"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_422_with_the_path_of_the_first_fault(served: Served, body: bytes, path: str) -> None:
    answered = served.ask("POST", "/v1/reports", body, token="source")
    assert (answered.status, answered.value["path"]) == (422, path)


def test_too_large_is_413_with_the_limit(served: Served) -> None:
    answered = served.ask("POST", "/v1/reports", bytes(MAXIMUM_COMPRESSED_BYTES + 1), token="source", Content_Encoding="gzip")
    assert (answered.status, answered.value["limit_bytes"]) == (413, MAXIMUM_COMPRESSED_BYTES)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_decompression_bomb_is_413_with_the_inflated_limit(served: Served, encoding: str) -> None:
    plain = bytes(MAXIMUM_INFLATED_BYTES + 1)
    packed = gzip.compress(plain) if encoding == "gzip" else zstandard.compress(plain)
    answered = served.ask("POST", "/v1/reports", packed, token="source", Content_Encoding=encoding)
    assert (answered.status, answered.value["limit_bytes"]) == (413, MAXIMUM_INFLATED_BYTES)


@pytest.mark.parametrize("headers", [{"Content_Type": "text/csv"}, {"Content_Encoding": "br"}])
def test_unknown_type_or_encoding_is_415(served: Served, headers: dict[str, str]) -> None:
    assert served.ask("POST", "/v1/reports", b"{}", token="source", **headers).status == 415


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_broken_compression_is_422(served: Served, encoding: str) -> None:
    assert served.ask("POST", "/v1/reports", b"not packed", token="source", Content_Encoding=encoding).status == 422


def test_clock_header_that_is_no_number_is_422(served: Served) -> None:
    served.sequence += 1
    answered = served.ask("POST", "/v1/reports", make_report(served.sequence), token="source", Muster_Sent_At="noon")
    assert (answered.status, answered.value["path"]) == (422, "Muster-Sent-At")


def test_token_bound_to_a_source_reports_for_no_other(served: Served) -> None:
    _, secret = served.make_token(kind="source", name="bound")
    own = {"kind": "api", "name": "bound", "instance": "a1"}
    assert served.ask("POST", "/v1/reports", make_report(1, source=own), token=secret).status == 200
    answered = served.ask("POST", "/v1/reports", make_report(1, source={**own, "name": "other"}), token=secret)
    assert (answered.status, answered.code) == (403, "forbidden")


def test_token_reports_only_within_its_scope(served: Served) -> None:
    _, secret = served.make_token(kind="source", name="scoped", scope={"zones": ["paris"]})
    answered = served.ask(
        "POST", "/v1/reports", make_report(1, source={"kind": "api", "name": "s", "instance": "b1", "zone": "berlin"}), token=secret
    )
    assert answered.status == 403


def test_token_that_reports_too_often_is_429_and_told_when(tmp_path: Path) -> None:
    with serving(tmp_path / "rate", reports_per_second=0.2) as served:
        statuses = [served.report().status for _ in range(3)]
        last = served.report()
    assert statuses[0] == 200
    assert (last.status, int(last.headers["Retry-After"]) >= 1) == (429, True)


def test_body_that_does_not_arrive_is_given_up(tmp_path: Path) -> None:
    with serving(tmp_path / "slow", body_seconds=0.3) as served, socket.create_connection(("127.0.0.1", served.port), timeout=20) as slow:
        head = f"POST /v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.tokens['source']}\r\nContent-Length: 100\r\n\r\n{{"
        slow.sendall(head.encode())
        assert slow.recv(65_536).startswith(b"HTTP/1.1 408")


def test_connection_that_sends_no_headers_is_closed_and_one_that_did_stays(tmp_path: Path) -> None:
    with serving(tmp_path / "silent", header_seconds=0.5) as served:
        address = ("127.0.0.1", served.port)
        with socket.create_connection(address, timeout=20) as silent, socket.create_connection(address, timeout=20) as kept:
            silent.sendall(b"GET /healthz HTTP/1.1\r\nHos")
            request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            kept.sendall(request)
            assert kept.recv(65_536).startswith(b"HTTP/1.1 200")
            assert silent.recv(65_536) == b""
            kept.sendall(request)
            assert kept.recv(65_536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hunter2\0\r\n\r\n"])
def test_what_is_no_http_is_one_line_of_log_without_its_bytes(served: Served, caplog: pytest.LogCaptureFixture, sent: bytes) -> None:
    address = ("127.0.0.1", served.port)
    with structlog.testing.capture_logs() as events, socket.create_connection(address, timeout=20) as connection:
        connection.sendall(sent)
        answered = b"".join(iter(lambda: connection.recv(4_096), b""))
    assert answered.startswith(b"HTTP/1.0 400 ")
    (line,) = [each for each in events if each["event"] == "request_malformed"]
    assert (line["peer"], "hunter2" in str(events)) == ("127.0.0.1", False)
    assert [each for each in caplog.records if each.name.startswith("aiohttp")] == []


def test_refused_reports_are_counted_by_their_reason(served: Served) -> None:
    before = served.get("/v1/overview")["reports_rejected_total"].get("invalid", 0)
    served.ask("POST", "/v1/reports", b"{}", token="source")
    assert served.get("/v1/overview")["reports_rejected_total"]["invalid"] == before + 1


@FUZZED
@given(
    body=st.binary(max_size=400),
    content_type=st.sampled_from(["application/json", CONTENT_TYPE_MSGPACK]),
    encoding=st.sampled_from(["", "gzip", "zstd"]),
)
def test_random_bytes_are_never_a_500(served: Served, body: bytes, content_type: str, encoding: str) -> None:
    answered = served.ask("POST", "/v1/reports", body, token="source", Content_Type=content_type, Content_Encoding=encoding)
    assert answered.status == 422


@FUZZED
@given(
    field=st.sampled_from(["source", "sequence", "observed_at", "sections", "states", "samples", "tables", "dropped", "schema"]), value=JSON_VALUES
)
def test_random_values_in_a_report_are_never_a_500(served: Served, field: str, value: Any) -> None:
    served.sequence += 1
    answered = served.ask("POST", "/v1/reports", {**make_report(served.sequence), field: value}, token="source")
    assert answered.status in {200, 403, 409, 422}


@FUZZED
@given(item=st.fixed_dictionaries({"ref": st.text(max_size=20), "class": st.sampled_from(["server", "filesystem", "x"])}, optional={
    "identifiers": st.dictionaries(st.sampled_from(["serial", "mac", "fqdn", "y"]), JSON_VALUES, max_size=3),
    "attributes": st.dictionaries(st.sampled_from(["name", "vendor", "ip", "os.name"]), JSON_VALUES, max_size=3),
    "owner": st.text(max_size=8),
}))  # fmt: skip
def test_random_items_are_taken_or_rejected_with_their_path(engine: Served, item: dict[str, Any]) -> None:
    answered = engine.report(item)
    assert answered.status == 200
    assert all(each["path"].startswith("$.sections.host.items[0]") for each in answered.value["rejected"])
