"""Samples of all series of one table over a span, to bytes and back without loss. Pure.

As received: zstd of MessagePack `[0, times, values by series]`, at the speed of a report. Compact, once an hour is whole: zstd of
`[1, ...]`, in which times and numbers are differences and their bytes stand plane by plane (the first bytes of all, then the second
ones), because neighbours that look alike compress well. Decimals such as 0.52 or 1234.5 become integers where that is exact.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import msgspec
import zstandard
from msgspec import Struct

Column = list[float | int | None]
RECEIVED_LEVEL = 1
COMPACT_LEVEL = 9
MAXIMUM_BLOCK_BYTES = 256 * 1_048_576
_DECIMALS = (0, 1, 2, 3)
_EXACT = 2**53
_WIDTHS = ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
# How a compact column is kept, beside the width of its differences in bytes (1, 2, 4, 8).
_CONSTANT, _INTEGER, _FLOAT, _PLAIN = "c", "i", "f", "p"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Block(Struct, frozen=True):
    """`columns[series][time]`; None is a missing sample."""

    times: list[int]
    columns: list[Column]


class _Layout(Struct, frozen=True, array_like=True):
    """One compact column: its kind, width and place in the planes, the value it begins with, and where samples are missing."""

    kind: str
    width: int = 0
    first: Any = None
    decimals: int = -1  # -1: integers; else floats, this many digits behind the point
    missing: list[int] = []


class _Compact(Struct, frozen=True, array_like=True):
    version: int
    times: list[int]  # the first instant, then differences of differences
    layouts: list[_Layout]
    planes: dict[str, bytes]  # kind and width → bytes, plane by plane
    plain: list[Column]


_compact = msgspec.msgpack.Decoder(_Compact)


def encode_received(times: Sequence[int], columns: Sequence[Sequence[float | int | None]]) -> bytes:
    """As a report brought them. Raises OverflowError for an integer of more than 64 bits."""
    return _compress(_encode([0, times, columns]), RECEIVED_LEVEL)


def encode_compact(block: Block) -> bytes:
    """As small as it gets; costs about half a microsecond a sample."""
    layouts: list[_Layout] = []
    parts: dict[str, list[bytes]] = {}
    plain: list[Column] = []
    for column in block.columns:
        layout, body = _lay_out(column)
        layouts.append(layout)
        if layout.kind == _PLAIN:
            plain.append(column)
        elif body:
            parts.setdefault(f"{layout.kind}{layout.width}", []).append(body)
    planes = {name: _to_planes(b"".join(bodies), int(name[1:])) for name, bodies in parts.items()}
    return _compress(_encode(_Compact(1, _to_steps(block.times), layouts, planes, plain)), COMPACT_LEVEL)


def decode_block(body: bytes, wanted: Collection[int] | None = None) -> tuple[list[int], dict[int, Column]]:
    """Times, and the columns by position; `wanted`: only these positions, where they exist."""
    plain = zstandard.ZstdDecompressor().decompress(body, max_output_size=MAXIMUM_BLOCK_BYTES)
    if plain[1] == 0:  # the version, behind the mark of an array
        _, times, columns = _decode(plain)
        return times, {at: column for at, column in enumerate(columns) if wanted is None or at in wanted}
    return _decode_compact(_compact.decode(plain), wanted)


def _decode_compact(compact: _Compact, wanted: Collection[int] | None) -> tuple[list[int], dict[int, Column]]:
    times = _from_steps(compact.times)
    planes = {name: _from_planes(body, int(name[1:])) for name, body in compact.planes.items()}
    offsets = dict.fromkeys(planes, 0)
    plain = iter(compact.plain)
    found: dict[int, Column] = {}
    for position, layout in enumerate(compact.layouts):
        body = b""
        kept = next(plain) if layout.kind == _PLAIN else None
        if layout.width:
            name = f"{layout.kind}{layout.width}"
            size = layout.width * (len(times) - 1)
            body = planes[name][offsets[name] : offsets[name] + size]
            offsets[name] += size
        if wanted is None or position in wanted:
            found[position] = kept if kept is not None else _restore(layout, body, len(times))
    return times, found


def _lay_out(column: Column) -> tuple[_Layout, bytes]:
    missing = [at for at, value in enumerate(column) if value is None]
    known: list[Any] = _fill(column) if missing else column
    kinds = set(map(type, known))
    if not known or len(kinds) != 1 or type(None) in kinds:
        return _Layout(_PLAIN), b""
    if kinds == {int}:
        return _lay_out_integers(known, -1, missing)
    if _same_floats([known[0]] * len(known), known):
        return _Layout(_CONSTANT, first=known[0], decimals=0, missing=missing), b""
    for decimals in _DECIMALS:
        scaled = _scale(known, decimals)
        if scaled is not None:
            return _lay_out_integers(scaled, decimals, missing)
    return _Layout(_FLOAT, 8, known[0], 0, missing), _to_crossed(known)


def _lay_out_integers(numbers: list[int], decimals: int, missing: list[int]) -> tuple[_Layout, bytes]:
    steps = [after - before for before, after in pairwise(numbers)]
    if not any(steps):
        return _Layout(_CONSTANT, first=numbers[0] if decimals < 0 else numbers[0] / 10**decimals, decimals=decimals, missing=missing), b""
    low, high = min(steps), max(steps)
    for width, code in _WIDTHS:
        limit = 1 << (8 * width - 1)
        if -limit <= low and high < limit:
            return _Layout(_INTEGER, width, numbers[0], decimals, missing), _little(array(code, steps))
    return _Layout(_PLAIN), b""


def _restore(layout: _Layout, body: bytes, count: int) -> Column:
    column: Column
    if layout.kind == _CONSTANT:
        column = [layout.first] * count
    elif layout.kind == _FLOAT:
        column = list(_from_crossed(layout.first, body))
    else:
        numbers = list(accumulate(_unpack(body, layout.width), initial=layout.first))
        column = list(numbers) if layout.decimals < 0 else [number / 10**layout.decimals for number in numbers]
    for at in layout.missing:
        column[at] = None
    return column


def _fill(column: Column) -> list[Any]:
    """Missing samples repeat the one before; leading ones the first that is known."""
    first = next((value for value in column if value is not None), None)
    return list(accumulate(column, lambda before, value: before if value is None else value, initial=first))[1:]


def _scale(known: list[float], decimals: int) -> list[int] | None:
    """The floats times a power of ten as integers, where dividing again gives the very same floats."""
    factor = 10**decimals
    if not all(-_EXACT < value * factor < _EXACT for value in (min(known), max(known))):
        return None
    numbers = []
    for value in known:
        scaled = value * factor
        if scaled != scaled:  # noqa: PLR0124 -- NaN, which min and max may pass over
            return None
        number = round(scaled)
        if number / factor != value:
            return None
        numbers.append(number)
    return numbers if _same_floats([number / factor for number in numbers], known) else None


def _same_floats(left: Iterable[float], right: Iterable[float]) -> bool:
    """Whether they are equal bit by bit: -0.0 is not 0.0, NaN is itself."""
    return array("d", left).tobytes() == array("d", right).tobytes()


def _to_crossed(known: list[float]) -> bytes:
    """Each float's bits but those of the one before: similar floats leave zeros."""
    body = _little(array("d", known))
    crossed = int.from_bytes(body, "little") ^ int.from_bytes(body[:-8], "little") << 64
    return crossed.to_bytes(len(body), "little")[8:]


def _from_crossed(first: float, body: bytes) -> array[float]:
    value = int.from_bytes(_little(array("d", [first])) + body, "little")
    bits, size = 64, 8 * len(body) + 64
    while bits < size:  # a running XOR, by doubling
        value ^= (value << bits) & ((1 << size) - 1)
        bits *= 2
    floats = array("d", value.to_bytes(size // 8, "little"))
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def _to_planes(body: bytes, width: int) -> bytes:
    return body if width == 1 else b"".join(body[plane::width] for plane in range(width))


def _from_planes(body: bytes, width: int) -> bytes:
    if width == 1:
        return body
    count = len(body) // width
    whole = bytearray(len(body))
    for plane in range(width):
        whole[plane::width] = body[plane * count : (plane + 1) * count]
    return bytes(whole)


def _to_steps(times: Sequence[int]) -> list[int]:
    steps = [after - before for before, after in pairwise(times)]
    return [*times[:1], *steps[:1], *(after - before for before, after in pairwise(steps))]


def _from_steps(kept: Sequence[int]) -> list[int]:
    return list(accumulate(accumulate(kept[1:]), initial=kept[0])) if kept else []


def _little(numbers: array[Any]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _unpack(body: bytes, width: int) -> array[int]:
    numbers = array(dict(_WIDTHS)[width], body)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _compress(body: bytes, level: int) -> bytes:
    return zstandard.ZstdCompressor(level=level).compress(body)
