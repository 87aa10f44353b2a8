"""MessagePack of plain values, in pure Python: the resident agent saves the 4 MiB that loading msgspec costs.

`muster/wire/report.py` stays the one definition of a report; a test decodes the agent's bytes with it. Specification: msgpack.org.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import pack
from typing import Any


class Packed:
    """Bytes that are MessagePack already and are taken as they are."""

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content


def encode(value: Any) -> bytes:
    """The value as MessagePack: None, bool, int (64 bit), float, str, bytes, list, tuple, dict and `Packed`.

    A float that is whole goes as an integer where that is shorter. Raises TypeError on anything else.

    >>> encode({"a": [1, 2.5, None]}).hex()
    '81a1619301cb4004000000000000c0'
    """
    parts: list[bytes] = []
    _append(value, parts.append)
    return b"".join(parts)


def _append(value: Any, add: Callable[[bytes], None]) -> None:
    kind = type(value)
    if kind is list:
        # By far the most frequent: the column of one series.
        add(_head(len(value), 0x90, 16, (0, 0xDC, 0xDD)))
        for member in value:
            _append(member, add)
    elif kind is int:
        add(_integer(value))
    elif kind is float:
        add(_integer(int(value)) if -(2**31) < value < 2**53 and value.is_integer() else pack(">Bd", 0xCB, value))
    elif kind is str:
        content = value.encode("utf-8", "replace")
        add(_head(len(content), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + content)
    elif value is None or kind is bool:
        add(b"\xc0" if value is None else b"\xc3" if value else b"\xc2")
    elif kind is Packed:
        add(value.content)
    else:
        _append_container(value, add)


def _append_container(value: Any, add: Callable[[bytes], None]) -> None:
    if type(value) is dict or isinstance(value, Mapping):
        add(_head(len(value), 0x80, 16, (0, 0xDE, 0xDF)))
        for key, member in value.items():
            _append(key, add)
            _append(member, add)
    elif type(value) is bytes:
        add(_head(len(value), 0, 0, (0xC4, 0xC5, 0xC6)) + value)
    elif isinstance(value, Sequence):
        add(_head(len(value), 0x90, 16, (0, 0xDC, 0xDD)))
        for member in value:
            _append(member, add)
    else:
        raise TypeError(f"{type(value).__name__} has no place in a report")


def _head(length: int, short: int, short_limit: int, marks: tuple[int, int, int]) -> bytes:
    if length < short_limit:
        return bytes((short | length,))
    if marks[0] and length < 0x100:
        return pack(">BB", marks[0], length)
    if length < 0x1_0000:
        return pack(">BH", marks[1], length)
    return pack(">BI", marks[2], length)


def _integer(value: int) -> bytes:
    if 0 <= value < 0x80:
        return bytes((value,))
    if value >= 0:
        if value < 0x100:
            return pack(">BB", 0xCC, value)
        if value < 0x1_0000:
            return pack(">BH", 0xCD, value)
        return pack(">BI", 0xCE, value) if value < 0x1_0000_0000 else pack(">BQ", 0xCF, value)
    if value >= -32:
        return pack(">b", value)
    if value >= -0x8000_0000:
        return pack(">Bi", 0xD2, value)
    return pack(">Bq", 0xD3, value)
