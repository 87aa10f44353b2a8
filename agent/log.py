"""The agent's log: one JSON object a line on standard error, with the collector's field names.

Neither `logging` nor structlog, which cost the resident process 1 and 10 MiB. Secrets are never passed here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

LEVELS = ("debug", "info", "warning", "error")


class Log:
    """Writes events; counts warnings and errors, which /metrics shows."""

    def __init__(self, write: Callable[[str], object] | None = None, *, now: Callable[[], float] = time.time, level: str = "info") -> None:
        self._write = sys.stderr.write if write is None else write
        self._now = now
        self._lowest = LEVELS.index(level)
        self.counts = dict.fromkeys(LEVELS, 0)

    def __call__(self, level: str, event: str, **fields: object) -> None:
        """One event in the past tense, with its fields."""
        self.counts[level] += 1
        if LEVELS.index(level) < self._lowest:
            return
        seconds = self._now()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"
        line = json.dumps({"timestamp": stamp, "level": level, "event": event, **fields}, ensure_ascii=False, default=str)
        try:
            self._write(line + "\n")
        except OSError:
            # Nobody reads the log any more; the counters still tell.
            self.counts["error"] += 1
