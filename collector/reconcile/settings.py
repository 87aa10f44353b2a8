"""The numbers of reconciliation, with their defaults; spelt as in settings, case files and documentation (docs/reconciliation.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from muster.errors import ConfigurationError, quote

DAY_SECONDS = 86_400
# Best first; where none is fresh, the newest observation counts.
DEFAULT_PRECEDENCE = ("manual", "agent", "hypervisor", "cloud", "ssh", "snmp", "api", "import", "sweep")

Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]
Ratio = Annotated[float, Meta(ge=0, le=1)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that a site may tune in reconciliation.

    `fresh_for_days` None: an observation is fresh for `fresh_for_intervals` times the interval that its section declared.
    """

    absent_after_misses: Positive = 2
    absent_min_age_seconds: NotNegative = 300
    evidence_grace_seconds: NotNegative = 60
    fresh_for_days: Annotated[float, Meta(gt=0)] | None = None
    fresh_for_intervals: Annotated[float, Meta(gt=0)] = 3.0
    mass_loss_ratio: Ratio = 0.3
    mass_loss_min_items: Positive = 5
    quarantine_after_holders: Positive = 2
    quarantine_after_holders_by_kind: dict[str, Positive] = msgspec.field(default_factory=lambda: {"serial": 1, "mac": 2, "permanent_mac": 2})
    neighbourhood_limit: Positive = 1000
    enrolment_held_for_days: Annotated[float, Meta(gt=0)] = 7
    boot_overlap_seconds: NotNegative = 120
    flapping_after_changes: Positive = 4
    flapping_window_seconds: Positive = DAY_SECONDS
    trail_limit: Positive = 100
    reopen_within_seconds: NotNegative = DAY_SECONDS
    burst_at_once: Positive = 5
    change_grace_seconds: NotNegative = 0
    precedence: tuple[str, ...] = DEFAULT_PRECEDENCE
    precedence_by_attribute: dict[str, tuple[str, ...]] = {}

    def evidence_for_ms(self, interval_seconds: int) -> int:
        """How long the observation of a state is evidence: three intervals, and at least a grace more than one."""
        return max(3 * interval_seconds, interval_seconds + self.evidence_grace_seconds) * 1000

    def fresh_for_ms(self, interval_seconds: int) -> int:
        """How long an observation of a section with this interval stays fresh. Raises ConfigurationError for an interval below 1."""
        if interval_seconds < 1:
            raise ConfigurationError(f"interval {interval_seconds} s makes every observation stale; give at least 1")
        if self.fresh_for_days is not None:
            return round(self.fresh_for_days * DAY_SECONDS * 1000)
        return round(self.fresh_for_intervals * interval_seconds * 1000)

    def holders_allowed(self, kind: str) -> int:
        """How many live CIs may claim one value of this kind before the value is quarantined."""
        return self.quarantine_after_holders_by_kind.get(kind, self.quarantine_after_holders)

    def precedence_of(self, ci_class: str, attribute: str) -> tuple[str, ...]:
        """Source kinds best first for one attribute: `class.attribute`, else `*.attribute`, else the site's order."""
        table = self.precedence_by_attribute
        return table.get(f"{ci_class}.{attribute}") or table.get(f"*.{attribute}") or self.precedence


def parse_settings(values: Mapping[str, Any]) -> Settings:
    """Settings from names and plain values. Raises ConfigurationError naming the setting; zero or negative lifetimes are refused."""
    try:
        return msgspec.convert(dict(values), Settings, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"reconciliation settings {quote(dict(values))}: {error}") from None
