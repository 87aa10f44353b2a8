"""How fast a job may begin with new targets: an even pace, without bursts. Waiting and the time are arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from muster.clock import Clock, SystemClock


class RateLimit:
    """At most `per_second` begins a second, evenly spaced; one instance for all tasks of a job."""

    def __init__(self, per_second: float, *, clock: Clock | None = None, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._interval_seconds = 1.0 / per_second
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._next_at = float("-inf")

    async def wait(self) -> None:
        """Return when the caller may begin."""
        now = self._clock.monotonic_seconds()
        # The place is taken before sleeping, so that waiting tasks line up instead of waking together.
        begin_at = max(now, self._next_at)
        self._next_at = begin_at + self._interval_seconds
        if begin_at > now:
            await self._sleep(begin_at - now)
