"""Error budget and burn rate, exact. Source: Beyer et al., The Site Reliability Workbook, chapters 2 and 5; terms: docs/services.md."""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct


class ErrorBudget(Struct, frozen=True):
    """Downtime in milliseconds that the target allows, and what is left of it: negative where more was used."""

    allowed_ms: Fraction
    remaining_ms: Fraction


def compute_error_budget(target: Fraction, *, counted_ms: int, downtime_ms: int) -> ErrorBudget:
    """The budget of a window with `counted_ms` of agreed time that is not excluded."""
    allowed = (1 - target) * counted_ms
    return ErrorBudget(allowed, allowed - downtime_ms)


def compute_burn_rate(target: Fraction, *, counted_ms: int, downtime_ms: int) -> Fraction | None:
    """How many times faster than allowed the budget is used: 1 uses up exactly all of it.

    None where nothing was agreed, and for a target of 1, which allows nothing to be used.

    >>> compute_burn_rate(Fraction("0.999"), counted_ms=3_600_000, downtime_ms=51_840)
    Fraction(72, 5)
    """
    if counted_ms == 0 or target == 1:
        return None
    return Fraction(downtime_ms, counted_ms) / (1 - target)
