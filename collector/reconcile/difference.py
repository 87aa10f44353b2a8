"""A difference between observed and recorded: its seed, its life, and what changes it. Only values. Design: docs/reconciliation.md."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from collector.reconcile.record import SourceKey
from muster.model.state import DifferenceKind, DifferenceState

SubjectKey = tuple[str, str, str]  # CI id, kind, attribute


class DifferenceSeed(Struct, frozen=True, kw_only=True):
    """What differs now. The same subject (CI, kind, attribute) has one difference however its values move."""

    ci_id: str
    kind: DifferenceKind
    attribute: str = ""
    recorded: Any = None
    observed: Any = None
    source: SourceKey | None = None
    is_pinned: bool = False
    is_held: bool = False
    group_key: str = ""
    risk: int = 0
    is_controlled: bool = False  # a governed attribute, of which each move needs an approved change
    change_id: str | None = None  # the approved change that expects it

    @property
    def subject(self) -> SubjectKey:
        return (self.ci_id, self.kind, self.attribute)


class TrailEntry(Struct, frozen=True, array_like=True):
    """The observed value from an instant on; None after a return to the recorded value, with `is_back`."""

    at: int
    observed: Any
    is_back: bool = False


class StoredDifference(Struct, frozen=True, kw_only=True):
    """A difference as stored; the store gives every one of a CI that is open, rejected, ignored, pinned or held, and those that
    closed by themselves within `reopen_within_seconds`."""

    id: str
    ci_id: str
    kind: DifferenceKind
    attribute: str
    recorded: Any
    observed: Any
    state: DifferenceState
    opened_at: int
    closed_at: int | None = None
    ignore_until: int | None = None
    decision_id: str | None = None
    trail: tuple[TrailEntry, ...] = ()
    rejected_values: tuple[Any, ...] = ()
    version: int = 1
    group_key: str = ""
    change_id: str | None = None
    is_unauthorised: bool = False
    flaps: int = 0
    waiting_id: str | None = None

    @property
    def subject(self) -> SubjectKey:
        return (self.ci_id, self.kind, self.attribute)


class DifferenceChange(Struct, frozen=True, kw_only=True):
    """What to write. `difference_id` None: insert. Nothing is returned for a difference that only was confirmed."""

    action: Literal["open", "update", "close", "reopen"]
    difference_id: str | None
    seed: DifferenceSeed | None
    state: DifferenceState
    trail: tuple[TrailEntry, ...]
    rejected_values: tuple[Any, ...] = ()
    opened_at: int = 0
    closed_at: int | None = None
    ignore_until: int | None = None
    keeps_decision: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """The changes in the order to write them (closings first), and when time alone will next change one of them."""

    changes: tuple[DifferenceChange, ...] = ()
    next_at: int | None = None
