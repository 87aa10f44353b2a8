"""The light encoder against msgspec's decoder."""

from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.message_pack import Packed, encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=300) | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=20),
    max_leaves=40,
)


@given(VALUES)
def test_what_is_encoded_is_decoded_equal(value: object) -> None:
    assert msgspec.msgpack.decode(encode(value)) == value


@pytest.mark.parametrize("size", [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536])
def test_every_length_has_its_head(size: int) -> None:
    value = ["x" * size, b"y" * size, [1] * size, {str(each): 0 for each in range(size)}]
    assert msgspec.msgpack.decode(encode(value)) == value


@pytest.mark.parametrize(
    "number", [0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1, -1, -32, -33, -(2**31), -(2**31) - 1, -(2**63)]
)
def test_every_whole_number_has_its_width(number: int) -> None:
    assert msgspec.msgpack.decode(encode(number)) == number


def test_a_whole_float_goes_as_a_shorter_number_of_equal_value() -> None:
    assert len(encode(12.0)) == 1
    assert len(encode(12.5)) == 9
    assert encode(float("inf")) == struct.pack(">Bd", 0xCB, float("inf"))


def test_packed_bytes_are_taken_as_they_are() -> None:
    assert msgspec.msgpack.decode(encode({"a": Packed(msgspec.msgpack.encode([1, "x"]))})) == {"a": [1, "x"]}


def test_a_name_that_is_not_utf8_is_still_text() -> None:
    assert msgspec.msgpack.decode(encode("a\udcff")) == "a?"


def test_anything_else_is_refused() -> None:
    with pytest.raises(TypeError, match="complex has no place"):
        encode([1j])
