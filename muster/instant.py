"""Instants: integer milliseconds UTC, and RFC 3339 text at the edges."""

from __future__ import annotations

from datetime import UTC, datetime

from muster.errors import InputError, quote

EARLIEST_MS = -62_135_596_800_000  # 0001-01-01, what RFC 3339 can write
LATEST_MS = 253_402_300_799_999  # 9999-12-31


def parse_instant(value: int | float | str | datetime, *, path: str = "$") -> int:
    """Milliseconds UTC of a number (already milliseconds), RFC 3339 text or an aware datetime.

    Raises InputError where the text is no instant or has no zone.
    """
    if isinstance(value, bool):
        raise InputError(f"{quote(value)} is no instant", path=path)
    if isinstance(value, int | float):
        if not EARLIEST_MS <= value <= LATEST_MS:
            raise InputError(f"{quote(value)} is no instant in milliseconds between the years 1 and 9999", path=path)
        return round(value)
    moment = value if isinstance(value, datetime) else _parse_text(value, path)
    if moment.tzinfo is None:
        raise InputError(f"{quote(value)} has no time zone; write for example 2026-03-01T10:00:00Z", path=path)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def _parse_text(value: str, path: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{quote(value)} is no RFC 3339 instant; write for example 2026-03-01T10:00:00Z", path=path) from None


def render_instant(at: int) -> str:
    """RFC 3339 UTC with three decimals and `Z`."""
    seconds, milliseconds = divmod(at, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{milliseconds:03d}Z"
