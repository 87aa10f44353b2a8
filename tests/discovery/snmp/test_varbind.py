"""Readings of a value give what it holds or None, and never raise, whatever an agent answers."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.snmp.varbind import Value, parse_oid, render_oid, to_address, to_integer, to_mac, to_oid, to_text

VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(), st.integers(-(2**63), 2**64), st.binary(max_size=40), st.lists(st.integers(0, 2**32 - 1), max_size=12).map(tuple)
)


@given(VALUES)
def test_no_reading_raises(value: Value) -> None:
    text, number, mac, address, oid = to_text(value), to_integer(value), to_mac(value), to_address(value), to_oid(value)
    assert text is None or (text == text.strip() and text and "\0" not in text)
    assert number is None or isinstance(number, int)
    assert mac is None or len(mac) == 17
    assert address is None or ipaddress.ip_address(address)
    assert oid is None or parse_oid(oid) == value


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\0"), min_size=1).filter(lambda text: text.strip()))
def test_text_is_read_back_with_trailing_nuls_cut(text: str) -> None:
    assert to_text(text.encode() + b"\0\0") == text.strip()


@pytest.mark.parametrize(
    ("value", "text"),
    [(b"B\xfcro", "Büro"), (b"", None), (b"\0", None), (b" a\r\nb\r", "a\nb"), (7, None), ("Büro".encode(), "Büro")],
)
def test_text_is_utf_8_else_latin_1(value: Value, text: str | None) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("value", "mac"),
    [
        (bytes.fromhex("AC7E8A19BF40"), "ac:7e:8a:19:bf:40"), (b"64:D1:54:F2:A4:16", "64:d1:54:f2:a4:16"), (bytes(6), None), (b"", None),
        (b"0:d:b9:1:2:3", "00:0d:b9:01:02:03"), (bytes(8), None),
    ],
)  # fmt: skip
def test_mac_is_read_from_octets_and_from_text(value: Value, mac: str | None) -> None:
    assert to_mac(value) == mac


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), (b"42", 42), (b"-1", None), (b"1.5", None), ("²".encode(), None), (b"9" * 30, None), (None, None)]
)
def test_integer_is_read_from_digits_too(value: Value, number: int | None) -> None:
    assert to_integer(value) == number


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.sampled_from([b"", b"\0\0\0\x07"]))
def test_address_is_read_with_and_without_a_zone(address: ipaddress.IPv4Address | ipaddress.IPv6Address, zone: bytes) -> None:
    assert to_address(address.packed + zone) == str(address)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=20).map(tuple))
def test_oid_text_is_read_back(oid: tuple[int, ...]) -> None:
    assert parse_oid(render_oid(oid)) == parse_oid(f".{render_oid(oid)}") == oid
