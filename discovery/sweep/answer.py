"""What one probe of one address found."""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """One observation. `is_up`: what was asked for answers (None: it could not be asked); `is_alive`: something at the address did.

    A refused TCP connection is alive and not up.
    """

    is_up: bool | None
    is_alive: bool
    reason: str = ""
    latency_seconds: float | None = None
