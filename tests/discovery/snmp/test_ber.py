"""The own codec against pysnmp's encoder and decoder, and against octets that are no message at all."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v1, v2c

from discovery.snmp import ber
from discovery.snmp.varbind import Oid, Varbind
from muster.errors import InputError

ARCS = st.one_of(st.integers(0, 127), st.integers(0, 2**32 - 1))
OIDS: st.SearchStrategy[Oid] = st.one_of(
    st.tuples(st.just(1), st.integers(0, 39)), st.tuples(st.just(2), st.integers(0, 200)), st.just((1, 3)), st.just((0, 0))
).flatmap(lambda head: st.lists(ARCS, max_size=20).map(lambda rest: (*head, *rest)))
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
# Tag, value of ours, pysnmp's class, its value.
VALUES: st.SearchStrategy[tuple[int, Any, Any, Any]] = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda value: (2, value, v2c.Integer32, value)),
    st.binary(max_size=300).map(lambda value: (4, value, v2c.OctetString, value)),
    OIDS.map(lambda value: (6, value, v2c.ObjectIdentifier, value)),
    st.binary(min_size=4, max_size=4).map(lambda value: (64, value, v2c.IpAddress, value)),
    U32.map(lambda value: (65, value, v2c.Counter32, value)),
    U32.map(lambda value: (66, value, v2c.Gauge32, value)),
    U32.map(lambda value: (67, value, v2c.TimeTicks, value)),
    st.binary(max_size=20).map(lambda value: (68, value, v2c.Opaque, value)),
    U64.map(lambda value: (70, value, v2c.Counter64, value)),
    st.just((5, None, v2c.Null, "")),
    st.just((128, None, v2c.NoSuchObject, "")),
    st.just((129, None, v2c.NoSuchInstance, "")),
    st.just((130, None, v2c.EndOfMibView, "")),
)
BINDINGS = st.lists(st.tuples(OIDS, VALUES), max_size=8)


def encode_response(request_id: int, bindings: list[tuple[Oid, tuple[int, Any, Any, Any]]], *, status: int = 0, index: int = 0) -> bytes:
    """A response as pysnmp writes it."""
    pdu = v2c.GetResponsePDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, request_id)
    v2c.apiPDU.set_error_status(pdu, status)
    v2c.apiPDU.set_error_index(pdu, index)
    v2c.apiPDU.set_varbinds(pdu, [(v2c.ObjectIdentifier(oid), kind(value)) for oid, (_, _, kind, value) in bindings])
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, "public")
    v2c.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


def expected(bindings: list[tuple[Oid, tuple[int, Any, Any, Any]]]) -> list[Varbind]:
    return [Varbind(oid, tag, value) for oid, (tag, value, _, _) in bindings]


@given(st.integers(0, 2**31 - 1), BINDINGS, st.integers(0, 18), st.integers(0, 8))
def test_what_pysnmp_encodes_is_read_back(request_id: int, bindings: list[tuple[Oid, Any]], status: int, index: int) -> None:
    found = ber.decode_message(encode_response(request_id, bindings, status=status, index=index))
    assert found == ber.Message(request_id, status, index, expected(bindings))


@given(
    st.sampled_from([0, 1]), st.binary(max_size=40), st.sampled_from([ber.GET, ber.GET_NEXT, ber.GET_BULK]), st.integers(0, 2**31 - 1),
    st.lists(OIDS, max_size=20), st.integers(0, 200),
)  # fmt: skip
def test_what_is_encoded_is_what_pysnmp_reads(version: int, community: bytes, kind: int, request_id: int, oids: list[Oid], repetitions: int) -> None:
    if version == 0 and kind == ber.GET_BULK:
        return
    datagram = ber.encode_request(version, community, kind, request_id, oids, repetitions=repetitions)
    api = v2c if version else v1
    message, rest = decoder.decode(datagram, asn1Spec=api.Message())
    pdu = api.apiMessage.get_pdu(message)
    wanted = {ber.GET: api.GetRequestPDU, ber.GET_NEXT: api.GetNextRequestPDU, ber.GET_BULK: v2c.GetBulkRequestPDU}[kind]
    assert (rest, type(pdu), bytes(api.apiMessage.get_community(message))) == (b"", wanted, community)
    pdu_api = v2c.apiBulkPDU if kind == ber.GET_BULK else api.apiPDU
    assert int(pdu_api.get_request_id(pdu)) == request_id
    assert [tuple(oid) for oid, _ in pdu_api.get_varbinds(pdu)] == [tuple(oid) for oid in oids]
    if kind == ber.GET_BULK:
        assert (int(pdu_api.get_non_repeaters(pdu)), int(pdu_api.get_max_repetitions(pdu))) == (0, repetitions)
    assert bytes(encoder.encode(message)) == datagram


@given(st.binary(max_size=200))
def test_octets_that_are_no_message_are_refused_and_nothing_else(octets: bytes) -> None:
    with contextlib.suppress(InputError):
        ber.decode_message(octets)


@given(BINDINGS, st.data())
def test_damage_costs_bindings_and_never_more(bindings: list[tuple[Oid, Any]], data: st.DataObject) -> None:
    datagram = bytearray(encode_response(7, bindings))
    for _ in range(data.draw(st.integers(1, 4))):
        datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = ber.decode_message(bytes(datagram))
    except InputError:
        return
    assert len(found.varbinds) <= len(datagram)


@given(BINDINGS, st.data())
def test_a_message_that_breaks_off_gives_the_bindings_before_the_break(bindings: list[tuple[Oid, Any]], data: st.DataObject) -> None:
    whole = encode_response(7, bindings)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        found = ber.decode_message(cut)
    except InputError:
        return
    assert not found.is_whole
    assert found.varbinds == expected(bindings)[: len(found.varbinds)]


@pytest.mark.parametrize(
    ("tag", "body", "value"),
    [
        (65, bytes.fromhex("00ffffffff"), 2**32 - 1), (65, bytes.fromhex("ffffffff"), 2**32 - 1),
        (70, b"\x00" + b"\xff" * 8, 2**64 - 1), (2, b"\xff", -1),
        (2, b"", 0), (4, b"", b""), (6, b"\x00", (0, 0)), (99, b"abc", None),
    ],
)  # fmt: skip
def test_values_of_sloppy_agents_are_read(tag: int, body: bytes, value: object) -> None:
    assert ber.decode_value(tag, body) == value


@pytest.mark.parametrize(("tag", "body"), [(65, bytes(10)), (6, b""), (6, b"\x2b\x86")])
def test_values_that_say_nothing_are_refused(tag: int, body: bytes) -> None:
    with pytest.raises(InputError):
        ber.decode_value(tag, body)


@pytest.mark.parametrize("oid", [(3, 1), (1, 40), (0, 99, 1)])
def test_an_oid_that_ber_cannot_say_is_refused(oid: Oid) -> None:
    with pytest.raises(InputError, match="no object identifier"):
        ber.encode_oid(oid)
