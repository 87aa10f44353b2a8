"""A fault that lasts is logged when it begins and when it ends, not at each attempt."""

from __future__ import annotations

import structlog

from muster.errors import UnavailableError

log = structlog.get_logger(__name__)


class LastingFault:
    """Of one loop, named `duty` in the log."""

    def __init__(self, duty: str) -> None:
        self._duty = duty
        self._lasts = False

    def note(self, error: Exception) -> None:
        """An attempt failed. What is expected (a database or peer that is away) is a warning; anything else shows where it came from."""
        if not self._lasts:
            if isinstance(error, UnavailableError):
                log.warning("duty_failed", duty=self._duty, reason=str(error))
            else:
                log.error("duty_failed", duty=self._duty, exc_info=error)
        self._lasts = True

    def end(self) -> None:
        """An attempt succeeded."""
        if self._lasts:
            log.info("duty_recovered", duty=self._duty)
        self._lasts = False
