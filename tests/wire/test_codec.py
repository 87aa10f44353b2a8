"""Bodies in and out: both content types, both encodings, limits and the path of the first fault."""

import zlib

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from muster.errors import InputError, TooLargeError
from muster.wire.codec import decode_answer, decode_item, decode_report, decode_state, encode
from muster.wire.report import (
    CONTENT_TYPE_JSON,
    CONTENT_TYPE_MSGPACK,
    MAXIMUM_PARTS,
    MAXIMUM_SECTIONS,
    Answer,
    Item,
    Rejection,
    Report,
    SampleBlock,
    Section,
    SeriesDefinition,
    Source,
    StateReport,
)

HOST = Item(ref="host", ci_class="server", identifiers={"machine_id": "a" * 32}, attributes={"name": "web-1", "cpu.count": 2})
REPORT = Report(
    source=Source(kind="agent", name="web-1", instance="0" * 32),
    sequence=7,
    observed_at=1_772_359_200_000,
    sections={"host": Section(digest="d1", complete=True, items=[HOST]), "package": Section(digest="d2")},
    tables={"t1": [SeriesDefinition(name="node_load1")]},
    samples=[SampleBlock(table="t1", times=[1_772_359_200_000], values=[[0.5]])],
    states=[StateReport(subject="host", check="agent_heartbeat", state="up", at=1_772_359_200_000)],
)
SMALL = 10_000
ENVELOPE = b'{"source": {"kind": "api", "name": "x", "instance": "1"}, "sequence": 0, "observed_at": 1, %s}'


@pytest.mark.parametrize("content_type", [CONTENT_TYPE_JSON, CONTENT_TYPE_MSGPACK])
@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
def test_a_report_survives_every_content_type_and_encoding(content_type: str, encoding: str) -> None:
    received = decode_report(encode(REPORT, content_type, content_encoding=encoding), content_type, encoding)
    assert (received.source, received.sequence, received.observed_at) == (REPORT.source, 7, 1_772_359_200_000)
    assert received.samples == REPORT.samples
    items = received.sections["host"].items
    assert items is not None
    assert decode_item(items[0], content_type) == HOST
    assert received.sections["package"].items is None
    assert decode_state(received.states[0], content_type) == REPORT.states[0]


def test_a_person_may_write_instants_as_text() -> None:
    body = b"""{"source": {"kind": "api", "name": "curl", "instance": "1"}, "sequence": 0, "observed_at": "2026-03-01T10:00:00Z",
      "states": [{"subject": "host", "check": "http", "state": "up", "at": "2026-03-01T11:00:00+01:00"}]}"""
    received = decode_report(body, "application/json; charset=utf-8")
    assert received.observed_at == 1_772_359_200_000
    assert decode_state(received.states[0], "application/json").at == 1_772_359_200_000


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"\xff\xfe", "$"),
        (b"[]", "$"),
        (b'{"source": {"kind": "robot", "name": "x", "instance": "1"}, "sequence": 0, "observed_at": 1}', "$.source.kind"),
        (b'{"source": {"kind": "api", "name": "x", "instance": "1"}, "sequence": -1, "observed_at": 1}', "$.sequence"),
        (b'{"source": {"kind": "api", "name": "x", "instance": "1"}, "sequence": 0, "observed_at": "noon"}', "$.observed_at"),
        (
            b'{"source": {"kind": "api", "name": "x", "instance": "1"}, "sequence": 0, "observed_at": 1, "samples": [%s]}'
            % b'{"table": "t", "times": [1, 2], "values": [[1, 2], [1]]}',
            "$.samples[0].values[1]",
        ),
        (ENVELOPE % b'"sections": {"ok": {}, "host": {"status": "odd"}}', "$.sections.host.status"),
        (ENVELOPE % b'"sections": {"": {}}', "$.sections"),
        (ENVELOPE % b'"tables": {"d": [{"name": "a"}], "e": [{"name": "b", "labels": {"q": "1", "r": 5}}]}', "$.tables.e[0].labels.r"),
        (ENVELOPE % b'"samples": [{"table": "t", "times": [1], "values": [["x"]]}]', "$.samples[0].values[0][0]"),
        (b'{"source": {"kind": "api", "name": "\xff", "instance": "1"}, "sequence": 0, "observed_at": 1}', "$"),
        (b'{"sections": {"a": {"items": [' + b"[" * 300_000 + b"]" * 300_000 + b"]}}}", "$"),
    ],
)
def test_the_first_fault_is_named(body: bytes, path: str) -> None:
    with pytest.raises(InputError) as caught:
        decode_report(body, CONTENT_TYPE_JSON)
    assert caught.value.path == path


def test_an_unknown_content_type_or_encoding_is_refused() -> None:
    with pytest.raises(InputError, match="Content-Type 'text/html'"):
        decode_report(b"{}", "text/html")
    with pytest.raises(InputError, match="Content-Encoding 'br'"):
        decode_report(b"{}", CONTENT_TYPE_JSON, "br")


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_refused_at_the_limit(encoding: str) -> None:
    plain = b"0" * 50_000_000
    body = zstandard.ZstdCompressor().compress(plain) if encoding == "zstd" else zlib.compress(plain, wbits=31)
    with pytest.raises(TooLargeError) as caught:
        decode_report(body, CONTENT_TYPE_JSON, encoding, maximum_compressed_bytes=100_000, maximum_inflated_bytes=SMALL)
    assert caught.value.limit_bytes == SMALL


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
def test_a_body_over_the_limit_is_not_even_inflated(encoding: str) -> None:
    with pytest.raises(TooLargeError) as caught:
        decode_report(b"\0" * (SMALL + 1), CONTENT_TYPE_JSON, encoding, maximum_compressed_bytes=SMALL, maximum_inflated_bytes=SMALL)
    assert caught.value.limit_bytes == SMALL


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_truncated_body_is_refused(encoding: str) -> None:
    body = encode(REPORT, CONTENT_TYPE_MSGPACK, content_encoding=encoding)
    with pytest.raises(InputError):
        decode_report(body[:-12], CONTENT_TYPE_MSGPACK, encoding)


@given(st.binary(max_size=200), st.sampled_from([CONTENT_TYPE_JSON, CONTENT_TYPE_MSGPACK]), st.sampled_from(["", "gzip", "zstd"]))
def test_junk_is_refused_and_nothing_else(body: bytes, content_type: str, encoding: str) -> None:
    with pytest.raises(InputError):
        decode_report(body, content_type, encoding)


@pytest.mark.parametrize("content_type", [CONTENT_TYPE_JSON, CONTENT_TYPE_MSGPACK])
def test_an_answer_comes_back_whole(content_type: str) -> None:
    answer = Answer(accepted_sequence=7, want=["d1"], rejected=[Rejection("$.sections.host.items[0]", "no such class")], settings={"a": 1})
    assert decode_answer(encode(answer, content_type), content_type) == answer


def test_an_item_fault_carries_its_place_in_the_report() -> None:
    with pytest.raises(InputError) as caught:
        decode_item(b'{"ref": 1, "class": "server"}', CONTENT_TYPE_JSON, path="$.sections.host.items[3]")
    assert caught.value.path == "$.sections.host.items[3].ref"


@pytest.mark.parametrize("content_type", [CONTENT_TYPE_JSON, CONTENT_TYPE_MSGPACK])
@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("attributes", {"os.name": "debian", "cpu.count": {"cores": 2}}, "$.attributes.cpu.count"),
        ("identifiers", {"fqdn": "web-1", "mac": ["02:00:00:00:00:01", 2]}, "$.identifiers.mac[1]"),
        ("attributes", {"n" * 200: 1}, "$.attributes"),
        ("attributes", {f"n{number}": 1 for number in range(1_001)}, "$.attributes"),
    ],
)
def test_the_faulty_attribute_or_identifier_is_named(content_type: str, field: str, value: object, path: str) -> None:
    with pytest.raises(InputError) as caught:
        decode_item(encode({"ref": "host", "class": "server", field: value}, content_type), content_type)
    assert caught.value.path == path


def count_array(count: int, part: bytes) -> bytes:
    """A MessagePack array of so many one-byte parts, behind its key."""
    return b"\xdd" + count.to_bytes(4, "big") + part * count


@pytest.mark.parametrize(
    ("key", "body", "path"),
    [
        ("states", count_array(MAXIMUM_PARTS + 1, b"\x01"), "$.states"),
        (
            "sections",
            b"\x82\xa1a\x81\xa5items" + count_array(600_000, b"\x01") + b"\xa1b\x81\xa5items" + count_array(600_000, b"\x01"),
            "$.sections.b",
        ),
        ("sections", b"\x81\xa1a\x81\xa5items" + count_array(MAXIMUM_PARTS + 1, b"\x01"), "$.sections.a.items"),
        ("samples", b"\x91\x83\xa5table\xa1t\xa5times\x90\xa6values" + count_array(MAXIMUM_PARTS + 1, b"\x90"), "$.samples[0].values"),
        ("samples", count_array(MAXIMUM_SECTIONS + 1, b"\x80"), "$.samples"),
    ],
)
def test_a_small_body_of_countless_parts_is_refused(key: str, body: bytes, path: str) -> None:
    whole = msgspec.msgpack.encode({"source": {"kind": "api", "name": "x", "instance": "1"}, "sequence": 0, "observed_at": 1, "z": 0})
    whole = whole[: -len(b"\xa1z\x00")] + msgspec.msgpack.encode(key) + body
    with pytest.raises(InputError) as caught:
        decode_report(whole, CONTENT_TYPE_MSGPACK)
    assert caught.value.path == path


def test_a_json_body_of_countless_values_is_refused_before_it_is_read() -> None:
    with pytest.raises(InputError, match="values in one body"):
        decode_report(ENVELOPE % (b'"states": [' + b"1," * 8_000_000 + b"1]"), CONTENT_TYPE_JSON)
