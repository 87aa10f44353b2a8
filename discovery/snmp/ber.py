"""Messages of SNMP in BER (X.690), just as much of it as walking needs (v3 around them: usm.py); pysnmp is the reference in its tests. Pure.

Answers are decoded leniently where the value is still clear (a Counter32 in five octets, lengths in long form) and never beyond
the datagram. A message that breaks off gives the bindings before the break. More than ten times the speed of pysnmp.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from discovery.snmp.varbind import INTEGER, OBJECT_IDENTIFIER, Oid, Value, Varbind
from muster.errors import InputError

GET, GET_NEXT, RESPONSE, GET_BULK, REPORT = 0xA0, 0xA1, 0xA2, 0xA5, 0xA8
VERSIONS = {"1": 0, "2c": 1}
VERSION_3 = 3
_SEQUENCE, _OCTET_STRING = 0x30, 0x04
_UNSIGNED = frozenset({65, 66, 67, 70})  # Counter32, Gauge32, TimeTicks, Counter64
_TEXT = frozenset({4, 64, 68})  # OCTET STRING, IpAddress, Opaque
_ARC = re.compile(rb"[\x80-\xff]*[\x00-\x7f]")
_NUMBER_LIMIT = 9  # octets of the largest number, a Counter64 with its sign octet


class Message(NamedTuple):
    """An answer: `is_whole` False where it broke off after `varbinds`, `kind` RESPONSE or, of SNMPv3, REPORT."""

    request_id: int
    error_status: int
    error_index: int
    varbinds: list[Varbind]
    is_whole: bool = True
    kind: int = RESPONSE


def encode_request(version: int, community: bytes, kind: int, request_id: int, oids: Sequence[Oid], *, repetitions: int = 0) -> bytes:
    """A request; `repetitions` counts for GET_BULK alone."""
    pdu = encode_pdu(kind, request_id, oids, repetitions=repetitions)
    return encode_tlv(_SEQUENCE, encode_integer(version) + encode_tlv(_OCTET_STRING, community) + pdu)


def encode_pdu(kind: int, request_id: int, oids: Sequence[Oid], *, repetitions: int = 0) -> bytes:
    """The request inside a message."""
    bindings = b"".join(encode_tlv(_SEQUENCE, encode_oid(oid) + b"\x05\x00") for oid in oids)
    return encode_tlv(kind, encode_integer(request_id) + b"\x02\x01\x00" + encode_integer(repetitions) + encode_tlv(_SEQUENCE, bindings))


def encode_integer(number: int) -> bytes:
    """INTEGER in the fewest octets."""
    return encode_tlv(INTEGER, number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True))


def encode_oid(oid: Oid) -> bytes:
    """OBJECT IDENTIFIER; a single arc is followed by 0. Raises InputError for one that BER cannot say."""
    first, second = (*oid, 0, 0)[:2]
    if first > 2 or (first < 2 and second > 39):
        raise InputError(f"{'.'.join(map(str, oid))} is no object identifier", path="")
    body = bytearray()
    for arc in (first * 40 + second, *oid[2:]):
        if arc < 0x80:
            body.append(arc)
            continue
        groups = [arc & 0x7F]
        arc >>= 7  # noqa: PLW2901  the rest of the arc
        while arc:
            groups.append(arc & 0x7F | 0x80)
            arc >>= 7  # noqa: PLW2901
        body += bytes(reversed(groups))
    return encode_tlv(OBJECT_IDENTIFIER, bytes(body))


def encode_tlv(tag: int, body: bytes) -> bytes:
    """Tag, length, body."""
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + body


def decode_message(datagram: bytes) -> Message:
    """The answer in a datagram. Raises InputError where it is no SNMP response that names its request."""
    try:
        at, _ = read_header(datagram, 0, _SEQUENCE)
        version, at = read_integer(datagram, at)
        if version not in VERSIONS.values():
            raise InputError("neither SNMPv1 nor v2c", path="")
        _, at = read_header(datagram, at, _OCTET_STRING)
        return decode_pdu(datagram, at, RESPONSE)
    except IndexError:
        raise InputError(f"breaks off after {len(datagram)} octets", path="") from None


def decode_pdu(datagram: bytes, at: int, *kinds: int) -> Message:
    """The answer of one of these kinds at an offset. Raises InputError or IndexError where it does not name its request."""
    kind = datagram[at]
    if kind not in kinds:
        raise InputError(f"tag {kind:#x} is no answer", path="")
    at, _ = read_header(datagram, at, kind)
    request_id, at = read_integer(datagram, at)
    error_status, at = read_integer(datagram, at)
    error_index, at = read_integer(datagram, at)
    try:
        at, end = read_header(datagram, at, _SEQUENCE)
    except (IndexError, InputError):
        return Message(request_id, error_status, error_index, [], is_whole=False, kind=kind)
    varbinds, is_whole = _bindings(datagram, at, min(end, len(datagram)))
    return Message(request_id, error_status, error_index, varbinds, is_whole and end <= len(datagram), kind)


def read_number(datagram: bytes) -> int:
    """By what a message names its request: the request-id of v1 and v2c, the msgID of v3. Raises InputError where it does not."""
    try:
        at, _ = read_header(datagram, 0, _SEQUENCE)
        version, at = read_integer(datagram, at)
        if version == VERSION_3:
            at, _ = read_header(datagram, at, _SEQUENCE)
            return read_integer(datagram, at)[0]
        _, at = read_header(datagram, at, _OCTET_STRING)
        at, _ = read_header(datagram, at, RESPONSE)
        return read_integer(datagram, at)[0]
    except IndexError:
        raise InputError(f"breaks off after {len(datagram)} octets", path="") from None


def read_header(datagram: bytes, at: int, wanted: int) -> tuple[int, int]:
    """Start and end of the body of a tag; the end may lie beyond the datagram. Raises InputError, and IndexError past the end."""
    tag, size = datagram[at], datagram[at + 1]
    if tag != wanted:
        raise InputError(f"tag {tag:#x} where {wanted:#x} belongs", path="")
    start = at + 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4:
            raise InputError("length in a form that SNMP does not use", path="")
        size = int.from_bytes(datagram[start : start + count], "big")
        start += count
    return start, start + size


def read_integer(datagram: bytes, at: int) -> tuple[int, int]:
    """An INTEGER and where it ends. Raises InputError, and IndexError past the end."""
    start, end = read_header(datagram, at, INTEGER)
    if end > len(datagram) or not 1 <= end - start <= _NUMBER_LIMIT:
        raise InputError("a number that is cut off or too long", path="")
    return int.from_bytes(datagram[start:end], "big", signed=True), end


def _bindings(datagram: bytes, at: int, last: int) -> tuple[list[Varbind], bool]:
    """Bindings up to the first that breaks off or is malformed, and whether none did."""
    found: list[Varbind] = []
    try:
        while at < last:
            varbind, at = _binding(datagram, at, last)
            found.append(varbind)
    except (IndexError, InputError):
        return found, False
    return found, True


def _binding(datagram: bytes, at: int, last: int) -> tuple[Varbind, int]:
    """One binding and where the next begins. This is where a walk spends its time: lengths in short form are read in place."""
    size = datagram[at + 1]
    if datagram[at] == _SEQUENCE and size < 0x80:
        at += 2
        end = at + size
    else:
        at, end = read_header(datagram, at, _SEQUENCE)
    size = datagram[at + 1]
    if datagram[at] == OBJECT_IDENTIFIER and size < 0x80:
        start = at + 2
        at = start + size
    else:
        start, at = read_header(datagram, at, OBJECT_IDENTIFIER)
    oid = decode_oid(datagram[start:at])
    tag, size = datagram[at], datagram[at + 1]
    if size < 0x80:
        start = at + 2
        stop = start + size
    else:
        start, stop = read_header(datagram, at, tag)
    if stop != end or end > last:
        raise InputError("a binding whose lengths do not agree", path="")
    return Varbind(oid, tag, decode_value(tag, datagram[start:stop])), end


def decode_oid(body: bytes) -> Oid:
    """The arcs of an OBJECT IDENTIFIER's body. Raises InputError for an empty or cut-off one."""
    if not body or body[-1] & 0x80:
        raise InputError("an object identifier that is cut off", path="")
    if body[0] == 0x2B and body.isascii():  # 1.3, and no arc above 127
        return (1, 3, *body[1:])
    arcs = tuple(map(_decode_arc, _ARC.findall(body)))
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - first * 40, *arcs[1:])


@lru_cache(maxsize=65_536)
def _decode_arc(octets: bytes) -> int:
    """One arc, seven bits an octet; the arcs of a walk repeat."""
    arc = 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
    return arc


def decode_value(tag: int, body: bytes) -> Value:
    """A value by its tag; None for NULL, the exceptions, and what SNMP does not know. Raises InputError for a number beyond 64 bits."""
    if tag in _TEXT:
        return body
    if tag == OBJECT_IDENTIFIER:
        return decode_oid(body)
    if tag != INTEGER and tag not in _UNSIGNED:
        return None
    if len(body) > _NUMBER_LIMIT:
        raise InputError("a number beyond 64 bits", path="")
    return int.from_bytes(body, "big", signed=tag == INTEGER)
