"""What sources say of attributes, what it comes to, and what people hold against it. Only values. Design: docs/reconciliation.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from collector.reconcile.record import SourceKey

RuleName = Literal["pin", "precedence", "only_source", "newest", "last_known", "union"]


class Observation(Struct, frozen=True, kw_only=True):
    """One source record's attributes of one CI, as last stated.

    `confirmed_at`: when the section last said so; `is_fresh` follows from it. `is_complete`: the section was complete and ok,
    so that an empty value is a statement. A missing key states nothing; a key that holds None states "none".
    """

    record_id: int
    source: SourceKey
    ref: str
    observed_at: int
    confirmed_at: int
    is_fresh: bool
    attributes: Mapping[str, Any]
    is_complete: bool = True
    source_id: int = 0


class Pin(Struct, frozen=True):
    """A value that a person holds against every source until `expires_at` (None: for ever)."""

    value: Any
    reason: str
    owner: str
    expires_at: int | None = None

    def holds(self, now: int) -> bool:
        return self.expires_at is None or now < self.expires_at


class EffectiveValue(Struct, frozen=True):
    """One attribute's value in force and where it comes from. `source` None: a pin. `witnesses`: who stands behind it."""

    value: Any
    source: SourceKey | None
    rule: RuleName
    observed_at: int
    record_id: int | None = None
    is_fresh: bool = True
    witnesses: tuple[SourceKey, ...] = ()


class Loser(Struct, frozen=True):
    """A statement that does not count now, and why: lower_rank, stale, older, pinned, recorded_only, empty."""

    attribute: str
    value: Any
    source: SourceKey
    observed_at: int
    why: str


class Merged(Struct, frozen=True):
    """The observed view of one CI. `behind_pins`: what would be effective without the pin."""

    values: dict[str, EffectiveValue]
    losers: tuple[Loser, ...] = ()
    behind_pins: dict[str, EffectiveValue] = {}

    def plain(self) -> dict[str, Any]:
        """Attribute to value."""
        return {name: each.value for name, each in self.values.items()}


class RecordedChange(Struct, frozen=True):
    """One write on the recorded side, with what undoes it. `attribute` "" is the CI's own being recorded (True / False)."""

    ci_id: str
    attribute: str
    old_value: Any
    new_value: Any
    had_old: bool
    has_new: bool = True

    def inverse(self) -> RecordedChange:
        return RecordedChange(self.ci_id, self.attribute, self.new_value, self.old_value, had_old=self.has_new, has_new=self.had_old)
