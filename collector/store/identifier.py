"""Permanent ids: UUIDs of version 7 (RFC 9562 section 5.7), which sort by the time of their making."""

from __future__ import annotations

import secrets
import uuid


def new_id(at: int) -> str:
    """A new id made at an instant (milliseconds UTC), in text form."""
    return str(uuid.UUID(int=_number(at)))


def new_ids(at: int, count: int) -> list[bytes]:
    """New ids in packed form that follow each other (RFC 9562 section 6.2, method 2), so that an index grows at one place."""
    first = _number(at)
    room = (1 << 62) - (first & (1 << 62) - 1)
    if room < count:
        first -= count
    return [number.to_bytes(16, "big") for number in range(first, first + count)]


def _number(at: int) -> int:
    chance = secrets.randbits(74)
    return (at & (1 << 48) - 1) << 80 | 0x7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
