"""The clock as an argument: wall time in integer milliseconds UTC, and a monotonic one for waits."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What code that needs the time takes instead of asking the system."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""

    def monotonic_seconds(self) -> float:
        """Seconds that never run backwards; only differences mean something."""


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_seconds(self) -> float:
        return time.monotonic()


class FakeClock:
    """A clock that tests move by hand."""

    def __init__(self, now_ms: int = 1_772_359_200_000) -> None:
        self._now_ms = now_ms
        self._start_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_seconds(self) -> float:
        return (self._now_ms - self._start_ms) / 1000

    def advance(self, *, seconds: float = 0, milliseconds: int = 0) -> None:
        """Move both clocks forward (a negative amount moves only the wall, as an adjusted clock does)."""
        self._now_ms += round(seconds * 1000) + milliseconds
