"""Permanent ids: UUIDs of version 7 (RFC 9562 section 5.7), which sort by the time of their making."""

from __future__ import annotations

import secrets
import uuid


def new_id(at: int) -> str:
    """A new id made at an instant (milliseconds UTC), in text form."""
    chance = secrets.randbits(74)
    value = (at & (1 << 48) - 1) << 80 | 0x7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return str(uuid.UUID(int=value))
