"""What an HTTP status means for a delivery, the same for every target that has no word of its own (docs/incidents.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from muster.ports import AnswerClass

STOPPING = frozenset({401, 403, 407})
RETRIED = frozenset({408, 425, 429})
RETRY_AFTER_LIMIT_SECONDS = 86_400.0
_QUOTED_BYTES = 200


def classify_status(status: int, headers: Mapping[str, str], body: bytes) -> AnswerClass:
    """delivered, retry (408, 425, 429, 5xx; Retry-After obeyed), stopped (401, 403, 407) or refused (all else)."""
    detail = f"{status}{quoted(body)}"
    if 200 <= status < 300:
        return AnswerClass("delivered", str(status))
    if status in STOPPING:
        return AnswerClass("stopped", f"{status}: the credential is refused; mend it and apply the target again")
    if status in RETRIED or status >= 500:
        return AnswerClass("retry", detail, retry_after_seconds=parse_retry_after(headers))
    if 300 <= status < 400:
        return AnswerClass("refused", f"{status}: redirects are not followed; configure the final URL")
    return AnswerClass("refused", detail)


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait (RFC 9110 section 10.2.3), at most a day; None where nothing usable is said.

    A date is measured against the answer's own `Date`, so that the two clocks need not agree.
    """
    found = {name.lower(): value.strip() for name, value in headers.items()}
    text = found.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), RETRY_AFTER_LIMIT_SECONDS)
    until, answered = _parse_date(text), _parse_date(found.get("date", ""))
    if until is None or answered is None:
        return None
    return min(max((until - answered).total_seconds(), 0.0), RETRY_AFTER_LIMIT_SECONDS)


def _parse_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    return moment if moment.tzinfo else None


def quoted(body: bytes) -> str:
    """The beginning of an answer's text on one line, or nothing."""
    text = " ".join(body[:_QUOTED_BYTES].decode("utf-8", errors="replace").split())
    return f": {text}" if text else ""
