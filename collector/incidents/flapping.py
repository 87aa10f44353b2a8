"""Flapping: a condition that changes too often is one lasting incident, told once. Pure.

Downtime arithmetic ignores it: each outage still counts.
"""

from __future__ import annotations

from msgspec import Struct


class FlappingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """From when a condition flaps, and when it stops."""

    transitions: int = 5
    window_ms: int = 30 * 60_000
    calm_ms: int = 15 * 60_000
    update_every_ms: int = 15 * 60_000


def is_flapping(transitions_at: tuple[int, ...], settings: FlappingSettings, now: int, *, was_flapping: bool) -> bool:
    """Whether it flaps now: enough changes in the window, and once flapping until it was calm long enough."""
    recent = [at for at in transitions_at if now - settings.window_ms < at <= now]
    if was_flapping:
        return bool(recent) and now - recent[-1] < settings.calm_ms
    return len(recent) >= settings.transitions
