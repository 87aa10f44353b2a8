"""Exact fractions as figures: cut, never rounded, so that 99.949 % is not shown as 99.95 %."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

DECIMALS = 3


def to_fraction(value: Mapping[str, Any] | None) -> Fraction | None:
    """The exact fraction of `{numerator, denominator}`; None where there is none."""
    if not value or not value.get("denominator"):
        return None
    return Fraction(int(value["numerator"]), int(value["denominator"]))


def say_percent(ratio: Fraction | None, decimals: int = DECIMALS) -> str:
    """`99.949 %`, cut after the decimals; a whole figure without any; `—` where there is none.

    >>> say_percent(Fraction(99_9496, 100_0000))
    '99.949 %'
    >>> say_percent(Fraction(1))
    '100 %'
    """
    if ratio is None:
        return "—"
    scaled = abs(ratio) * 100 * 10**decimals
    whole, part = divmod(scaled.numerator // scaled.denominator, 10**decimals)
    sign = "−" if ratio < 0 and (whole or part) else ""  # a minus sign
    if part == 0 and abs(ratio * 100).denominator == 1:
        return f"{sign}{whole:,} %"
    return f"{sign}{whole:,}.{part:0{decimals}d} %"


def say_target(target: str | None) -> str:
    """A target as it was written: `0.9995` is `99.95 %`.

    >>> say_target("0.9995")
    '99.95 %'
    """
    if target is None:
        return "—"
    percent = Fraction(str(target)) * 100
    text = f"{float(percent):.6f}".rstrip("0").rstrip(".")
    return f"{text} %"
