"""How often something may happen: a token bucket for each key, of which only the busy ones are kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from muster.clock import Clock

KEYS_LIMIT = 50_000


@dataclass(frozen=True)
class Rate:
    """On average `per_second`, and `burst` at once. `per_second` 0: no limit."""

    per_second: float
    burst: float


class Bucket:
    """A full bucket per key that empties with use and fills with time."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key → (level, when)

    def take(self, key: str) -> float:
        """0 where it may happen now (and is counted), else the seconds until it may."""
        if self._rate.per_second <= 0:
            return 0.0
        now = self._clock.monotonic_seconds()
        level, at = self._levels.pop(key, (self._rate.burst, now))
        level = min(self._rate.burst, level + (now - at) * self._rate.per_second)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate.per_second
        self._levels[key] = (level - 1 if wait == 0 else level, now)
        while len(self._levels) > KEYS_LIMIT:
            self._levels.popitem(last=False)
        return wait

    def forget(self, key: str) -> None:
        """The key's bucket is full again."""
        self._levels.pop(key, None)
