"""The circuit breaker of one target: after failures in a row it is left alone for a while, then tried with one delivery. Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


class BreakerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When to stop trying, and how long to wait; the wait doubles up to its limit."""

    failures: int = 5
    wait_ms: int = 15_000
    wait_limit_ms: int = 300_000
    stopped_probe_ms: int = 300_000


class Breaker(Struct, frozen=True):
    """`held_until` 0: free. `stopped`: why a person must act; None: nobody need."""

    failures: int = 0
    held_until: int = 0
    stopped: str | None = None

    @property
    def is_troubled(self) -> bool:
        """Whether the last attempt failed in a way that lasts: then only one delivery at a time tries."""
        return self.held_until > 0

    def may_send(self, now: int) -> bool:
        return now >= self.held_until

    def succeed(self) -> Breaker:
        return Breaker()

    def fail(self, settings: BreakerSettings, now: int, *, retry_after_ms: int = 0) -> Breaker:
        """One more failure in a row; the receiver's own Retry-After holds all its deliveries."""
        failures = self.failures + 1
        over = failures - settings.failures
        wait = min(settings.wait_ms * 2 ** min(over, 20), settings.wait_limit_ms) if over >= 0 else 0
        held = now + max(wait, retry_after_ms) if wait or retry_after_ms else 0
        return replace(self, failures=failures, held_until=held, stopped=None)

    def stop(self, settings: BreakerSettings, now: int, reason: str) -> Breaker:
        """A refused credential: nothing is sent but a probe now and then."""
        return replace(self, failures=self.failures + 1, held_until=now + settings.stopped_probe_ms, stopped=reason)
