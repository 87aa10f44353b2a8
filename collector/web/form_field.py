"""Fields of forms as values: texts, numbers, and dates on the reader's wall clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from muster.errors import InputError, quote


def read_text(form: Any, name: str) -> str:
    """A field's text without space around it; NUL characters, which PostgreSQL does not hold, are left out."""
    return str(form.get(name, "")).replace("\0", "").strip()


def parse_number(text: str, *, path: str) -> int | None:
    """Empty and 0 are none. Raises InputError."""
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise InputError(f"{quote(text)} is no number", path=path)
    return int(text) or None


def parse_local(text: str, zone: ZoneInfo, *, path: str) -> int:
    """What a date field or a date and time field gives, in milliseconds UTC. Raises InputError."""
    try:
        return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InputError(f"{quote(text)} is no date", path=path) from None
