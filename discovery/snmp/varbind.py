"""One variable binding as Muster keeps it: OID, ASN.1 tag, raw value; and the lenient readings of a value.

Devices answer with wrong types, trailing NULs, Latin-1 and empty addresses, so each reading gives None where the value
does not hold what was asked for, and never raises. See docs/discovery.md.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from muster.facts.link_kind import render_mac

Oid = tuple[int, ...]
Value = int | bytes | Oid | None

# Tags of RFC 2578 section 7.1 and the exceptions of RFC 3416 section 3.
INTEGER, OCTET_STRING, NULL, OBJECT_IDENTIFIER = 2, 4, 5, 6
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE, COUNTER64 = 64, 65, 66, 67, 68, 70
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW = 128, 129, 130
EXCEPTIONS = frozenset({NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW})


class Varbind(NamedTuple):
    """An answer's name and value: int for the numeric types, bytes for strings and addresses, a tuple for an OID."""

    oid: Oid
    tag: int
    value: Value


def parse_oid(text: str) -> Oid:
    """The OID of dotted text, with or without a leading dot. Raises ValueError."""
    return tuple(int(part) for part in text.strip().lstrip(".").split("."))


def render_oid(oid: Oid) -> str:
    """Dotted text without a leading dot."""
    return ".".join(map(str, oid))


def to_text(value: Value) -> str | None:
    """Text of an octet string: trailing NULs and blanks cut, line ends `\\n`; None where nothing is left.

    Not UTF-8 means Latin-1, in which every octet is a letter.
    """
    if not isinstance(value, bytes):
        return None
    cut = value.rstrip(b"\0")
    try:
        text = cut.decode("utf-8")
    except UnicodeDecodeError:
        text = cut.decode("latin-1")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip() or None


def to_integer(value: Value) -> int | None:
    """The number; an octet string of digits counts as one, since some agents answer so."""
    if isinstance(value, int):
        return value
    text = to_text(value) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def to_mac(value: Value) -> str | None:
    """A MAC address with colons, from six octets or from its text; None for an empty or all-zero one."""
    if not isinstance(value, bytes):
        return None
    mac = value.hex(":") if len(value) == 6 else render_mac(to_text(value) or "")
    return None if mac == "00:00:00:00:00:00" else mac


def to_address(value: Value) -> str | None:
    """An IP address in its short form, from 4, 8 (IPv4 with zone), 16 or 20 octets (RFC 4001)."""
    if not isinstance(value, bytes):
        return None
    octets = value[:-4] if len(value) in {8, 20} else value
    if len(octets) not in {4, 16}:
        return None
    return str(ipaddress.ip_address(octets))


def to_oid(value: Value) -> str | None:
    """Dotted text of an OID value, None for anything else and for zeroDotZero."""
    return render_oid(value) if isinstance(value, tuple) and len(value) > 2 else None
