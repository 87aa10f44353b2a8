"""When a delivery is tried again: the schedule of the Standard Webhooks specification with full jitter. Pure."""

from __future__ import annotations

# About three days in all; the first and second as the specification's example.
SCHEDULE_SECONDS: tuple[float, ...] = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)


def decide_next_attempt(attempts: int, now: int, *, schedule: tuple[float, ...], jitter: float, retry_after_seconds: float | None) -> int | None:
    """When to try after `attempts` failures, or None where the schedule is used up. `jitter` is a random number of [0, 1).

    Full jitter: anywhere between now and the scheduled wait; never before the receiver's Retry-After.
    """
    if attempts > len(schedule):
        return None
    wait_seconds = max(schedule[attempts - 1] * jitter, retry_after_seconds or 0.0)
    return now + round(wait_seconds * 1000)
