"""Sends what waits in a spool to a collector: fresh reports first, then the backlog, with back-off; never loses silently.

Synchronous and standard library only, because the resident agent lives here; discovery calls it in a thread. Not for building
reports: `agent/report.py`, `discovery/`. Format and answers: docs/reference/wire.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from muster.clock import Clock, SystemClock
from muster.errors import ConfigurationError, UnavailableError
from muster.wire.http_message import HttpAnswer
from muster.wire.spool import Spool, SpoolEntry
from muster.wire.transport import Connection, Destination

REPORTS_PATH = "/v1/reports"
BACKOFF_FIRST_SECONDS = 2.0
BACKOFF_LIMIT_SECONDS = 120.0
REFUSED_RETRY_SECONDS = 300.0
RETRY_AFTER_LIMIT_SECONDS = 3600.0
_MAXIMUM_WANT = 1024
_REASON_LIMIT = 256
_TEXT_LIMIT = 500
_CONTENT_REFUSED = (400, 413, 415, 422)

SenderState = Literal["ready", "waiting", "refused"]
Log = Callable[..., None]
"""Called as `log(level, event, **fields)`, level being `info`, `warning` or `error`."""


class Refusal(NamedTuple):
    """A part of a delivered report that the collector did not take, with its path and why."""

    path: str
    reason: str


class Outcome(NamedTuple):
    """What one call did: reports delivered and given up, what the collector wants in full, what it refused, its settings."""

    delivered: int = 0
    dropped: int = 0
    want: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    settings: Mapping[str, Any] = {}


def random_ratio() -> float:
    """A random number in [0, 1); not `random`, which costs the resident agent a third of a megabyte."""
    return int.from_bytes(os.urandom(6), "big") / 2**48


class Sender:
    """Delivers the reports of one spool. One thread at a time may call it; the spool may be filled by another meanwhile.

    `state` is `ready`, `waiting` (the collector is away or overloaded) or `refused` (the credential or the address is wrong:
    a person must act, and it is tried again every five minutes); `reason` says why, and is empty when ready.
    """

    def __init__(
        self,
        spool: Spool,
        destination: Destination,
        *,
        read_token: Callable[[], str],
        clock: Clock | None = None,
        ratio: Callable[[], float] = random_ratio,
        log: Log | None = None,
        connection: Connection | None = None,
        user_agent: str = "muster",
    ) -> None:
        """`read_token` is asked before every attempt after a refusal, so that a new token file is taken up. Raises ConfigurationError."""
        self._spool = spool
        self._connection = connection or Connection(destination)
        self._read_token = read_token
        self._clock = clock or SystemClock()
        self._ratio = ratio
        self._log = _discard if log is None else log
        self._user_agent = user_agent
        self._token = ""
        self._failures = 0
        self._next_attempt_at = 0.0
        self.state: SenderState = "ready"
        self.reason = ""
        self.delivered_total = 0
        self.dropped_total = 0
        self.failed_attempts_total = 0

    def seconds_until_attempt(self) -> float:
        """How long until a call sends again; 0 when now."""
        return max(0.0, self._next_attempt_at - self._clock.monotonic_seconds()) if self.state != "ready" else 0.0

    def send_pending(self, *, limit: int = 100, budget_seconds: float = 5.0) -> Outcome:
        """Send up to `limit` reports within about `budget_seconds`: whatever is newest first, then the oldest of the backlog.

        While backing off it returns at once. Expected conditions are in the state, not raised.
        """
        batch = _Batch()
        deadline = self._clock.monotonic_seconds() + budget_seconds
        newest_tried = -1
        while batch.attempts < limit and self.seconds_until_attempt() <= 0:
            newest, oldest = self._spool.newest(), self._spool.oldest()
            if newest is None or oldest is None:
                break
            entry = newest if newest.sequence > newest_tried else oldest
            newest_tried = max(newest_tried, entry.sequence)
            if not self._send(entry, batch) or self._clock.monotonic_seconds() >= deadline:
                break
        return batch.outcome()

    def close(self) -> None:
        """Close the connection; what waits stays in the spool."""
        self._connection.close()

    def _send(self, entry: SpoolEntry, batch: _Batch) -> bool:
        """One attempt; False ends this call."""
        body = self._spool.load(entry)
        if body is None:
            batch.dropped += 1
            self.dropped_total += 1
            return True
        batch.attempts += 1
        try:
            if not self._token or self.state == "refused":
                self._token = self._read_token()
            answer = self._connection.request("POST", REPORTS_PATH, body=body, headers=self._headers(entry))
        except ConfigurationError as error:
            return self._refuse(str(error))
        except UnavailableError as error:
            return self._wait(str(error), None)
        return self._take(entry, answer, batch)

    def _headers(self, entry: SpoolEntry) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": entry.content_type,
            "Accept": "application/json",
            "User-Agent": self._user_agent,
            "Muster-Sent-At": str(self._clock.now_ms()),
        }
        return {**headers, "Content-Encoding": entry.content_encoding} if entry.content_encoding else headers

    def _take(self, entry: SpoolEntry, answer: HttpAnswer, batch: _Batch) -> bool:
        if answer.status == 200:
            return self._accept(entry, answer, batch)
        detail = _detail(answer)
        if answer.status == 409:
            return self._renew(detail, batch)
        if answer.status in _CONTENT_REFUSED:
            self._spool.drop(entry, f"refused {answer.status}: {detail}"[:_REASON_LIMIT])
            batch.dropped += 1
            self.dropped_total += 1
            self._log("error", "report_refused", sequence=entry.sequence, status=answer.status, detail=detail)
            return True
        if answer.status in (408, 429) or answer.status >= 500:
            return self._wait(f"the collector answered {answer.status}: {detail}", self._retry_after(answer))
        if answer.status in (401, 403):
            return self._refuse(f"the collector refused the token ({answer.status}): {detail}; enrol this source again")
        return self._refuse(f"the collector answered {answer.status}: {detail}; check the URL")

    def _accept(self, entry: SpoolEntry, answer: HttpAnswer, batch: _Batch) -> bool:
        content = _json_object(answer.body)
        if content.get("accepted_sequence") != entry.sequence:
            return self._wait("the answer is none of a collector; check the URL and what stands between", None)
        self._spool.remove(entry)
        self.delivered_total += 1
        batch.delivered += 1
        batch.add(content)
        self._failures = 0
        if self.state != "ready":
            self._log("info", "delivery_resumed", waiting=len(self._spool))
        self.state, self.reason = "ready", ""
        return True

    def _renew(self, detail: str, batch: _Batch) -> bool:
        if batch.has_renewed:
            return self._wait(f"the collector answered 409 again: {detail}", None)
        batch.has_renewed = True
        instance = self._spool.renew_instance()
        self._log("warning", "instance_renewed", instance=instance, detail=detail)
        return True

    def _wait(self, reason: str, retry_after_seconds: float | None) -> bool:
        """Full jitter: a random wait up to a bound that doubles; a server's own Retry-After counts where it came."""
        bound = min(BACKOFF_LIMIT_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** min(self._failures, 16))
        self._pause("waiting", reason, bound * self._ratio() if retry_after_seconds is None else retry_after_seconds * (1 + self._ratio() / 10))
        return False

    def _refuse(self, reason: str) -> bool:
        self._pause("refused", reason, REFUSED_RETRY_SECONDS * (0.9 + self._ratio() / 5))
        return False

    def _pause(self, state: SenderState, reason: str, seconds: float) -> None:
        self._failures += 1
        self.failed_attempts_total += 1
        self._next_attempt_at = self._clock.monotonic_seconds() + seconds
        if self.state != state:
            self._log("error" if state == "refused" else "warning", "delivery_paused", state=state, reason=reason)
        self.state, self.reason = state, reason

    def _retry_after(self, answer: HttpAnswer) -> float | None:
        text = answer.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text), RETRY_AFTER_LIMIT_SECONDS)
        if not text:
            return None
        from email.utils import parsedate_to_datetime

        try:
            at = parsedate_to_datetime(text).timestamp()
        except ValueError:
            return None
        return min(max(0.0, at - self._clock.now_ms() / 1000), RETRY_AFTER_LIMIT_SECONDS)


class _Batch:
    """What one call has gathered so far."""

    def __init__(self) -> None:
        self.attempts = 0
        self.delivered = 0
        self.dropped = 0
        self.has_renewed = False
        self._want: dict[str, None] = {}
        self._refusals: list[Refusal] = []
        self._settings: dict[str, Any] = {}

    def add(self, content: Mapping[str, Any]) -> None:
        """Take what an answer says beside its acceptance."""
        for digest in _listed(content.get("want")):
            if isinstance(digest, str) and len(self._want) < _MAXIMUM_WANT:
                self._want[digest] = None
        for each in _listed(content.get("rejected")):
            if isinstance(each, dict) and len(self._refusals) < _MAXIMUM_WANT:
                self._refusals.append(Refusal(str(each.get("path", ""))[:_TEXT_LIMIT], str(each.get("reason", ""))[:_TEXT_LIMIT]))
        settings = content.get("settings")
        if isinstance(settings, dict):
            self._settings.update(settings)

    def outcome(self) -> Outcome:
        return Outcome(self.delivered, self.dropped, tuple(self._want), tuple(self._refusals), self._settings)


def _listed(value: object) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _detail(answer: HttpAnswer) -> str:
    """What an RFC 9457 problem says, with its path; else the start of the body."""
    problem = _json_object(answer.body)
    path, text = problem.get("path"), problem.get("detail") or problem.get("title")
    if isinstance(text, str):
        return (f"{path}: {text}" if isinstance(path, str) and path and not text.startswith(path) else text)[:_TEXT_LIMIT]
    return answer.body[:_TEXT_LIMIT].decode("utf-8", "replace").strip().partition("\n")[0] or "without a reason"


def _discard(level: str, event: str, **fields: object) -> None:
    """The log of a caller that wants none."""
