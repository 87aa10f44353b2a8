"""The life of differences: one for each subject (CI, kind, attribute), sticky decisions, self-resolution, flapping. Pure.

`advance` takes what is stored of one CI and what differs now, and gives what to write; a difference that only was confirmed costs
nothing. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from collector.reconcile.compare import value_token
from collector.reconcile.difference import DifferenceChange, DifferenceSeed, Outcome, StoredDifference, SubjectKey, TrailEntry
from collector.reconcile.settings import Settings
from muster.model.state import DifferenceState

ACTIVE_STATES: frozenset[DifferenceState] = frozenset({"open", "rejected", "ignored", "pinned", "held"})


def advance(stored: Sequence[StoredDifference], seeds: Iterable[DifferenceSeed], settings: Settings, now: int) -> Outcome:
    """What becomes of the differences of one CI (or of several: subjects are kept apart).

    `seeds` are all that differ now; a stored subject without a seed has gone back. Running it again with what it wrote and the same
    seeds changes nothing.
    """
    active = {each.subject: each for each in stored if each.state in ACTIVE_STATES}
    recent = _recently_resolved(stored, active, settings, now)
    wanted = {seed.subject: seed for seed in seeds}
    changes: list[DifferenceChange] = []
    for subject in sorted({*active, *wanted}):
        seed, known = wanted.get(subject), active.get(subject)
        if seed is None:
            assert known is not None
            change = _gone_back(known, settings, now)
            changes += [change] if change is not None else []
        elif known is None:
            changes.append(_open(seed, recent.get(subject), settings, now))
        else:
            changes += _meet(known, seed, settings, now)
    changes.sort(key=lambda change: change.action != "close")
    return Outcome(changes=tuple(changes), next_at=_next_at(stored, changes, settings))


def _recently_resolved(
    stored: Sequence[StoredDifference], active: dict[SubjectKey, StoredDifference], settings: Settings, now: int
) -> dict[SubjectKey, StoredDifference]:
    since = now - settings.reopen_within_seconds * 1000
    found: dict[SubjectKey, StoredDifference] = {}
    for each in sorted(stored, key=lambda each: (each.closed_at or 0, each.id)):
        if each.state == "self_resolved" and each.subject not in active and (each.closed_at or 0) >= since:
            found[each.subject] = each
    return found


def _open(seed: DifferenceSeed, recent: StoredDifference | None, settings: Settings, now: int) -> DifferenceChange:
    """A new difference, or the one that closed by itself a moment ago, which keeps its trail and what was rejected of it."""
    trail = _extend(recent.trail if recent is not None else (), TrailEntry(now, seed.observed), settings)
    rejected = recent.rejected_values if recent is not None else ()
    state: DifferenceState = "pinned" if seed.is_pinned else "held" if seed.is_held else "open"
    if state == "open" and _is_among(seed.observed, rejected):
        state = "rejected"
    return DifferenceChange(
        action="open" if recent is None else "reopen",
        difference_id=recent.id if recent is not None else None,
        seed=seed,
        state=state,
        trail=trail,
        rejected_values=rejected,
        opened_at=recent.opened_at if recent is not None else now,
        keeps_decision=state == "rejected",
    )


def _gone_back(known: StoredDifference, settings: Settings, now: int) -> DifferenceChange | None:
    """Observed equals recorded again: resolved by itself, but a flapping one stays open until it has been quiet."""
    if is_flapping(known.trail, settings, now) and known.state == "open":
        if known.trail and known.trail[-1].is_back:
            return None
        trail = _extend(known.trail, TrailEntry(now, None, is_back=True), settings)
        return DifferenceChange(
            action="update",
            difference_id=known.id,
            seed=None,
            state="open",
            trail=trail,
            rejected_values=known.rejected_values,
            opened_at=known.opened_at,
        )
    trail = known.trail if known.trail and known.trail[-1].is_back else _extend(known.trail, TrailEntry(now, None, is_back=True), settings)
    return DifferenceChange(
        action="close",
        difference_id=known.id,
        seed=None,
        state="self_resolved",
        trail=trail,
        rejected_values=known.rejected_values,
        opened_at=known.opened_at,
        closed_at=now,
    )


def _meet(known: StoredDifference, seed: DifferenceSeed, settings: Settings, now: int) -> list[DifferenceChange]:
    """A stored difference and what differs now of the same subject; empty where nothing changed."""
    was_back = bool(known.trail) and known.trail[-1].is_back
    moved = not _equal(known.observed, seed.observed) or not _equal(known.recorded, seed.recorded)
    state = _state_after(known, seed, moved=not _equal(known.observed, seed.observed), now=now)
    if not moved and not was_back and state == known.state:
        return []
    trail = _extend(known.trail, TrailEntry(now, seed.observed), settings) if moved or was_back else known.trail
    if known.state == "rejected" and state == "open":
        # The rejection stays in the past as it was decided; the other value is a difference of its own.
        superseded = DifferenceChange(
            action="close", difference_id=known.id, seed=None, state="superseded", trail=known.trail, rejected_values=known.rejected_values,
            opened_at=known.opened_at, closed_at=now, keeps_decision=True,
        )  # fmt: skip
        rejected = (*known.rejected_values, *(() if _is_among(known.observed, known.rejected_values) else (known.observed,)))
        opened = DifferenceChange(action="open", difference_id=None, seed=seed, state="open", trail=trail, rejected_values=rejected, opened_at=now)
        return [superseded, opened]
    return [
        DifferenceChange(
            action="update",
            difference_id=known.id,
            seed=seed,
            state=state,
            trail=trail,
            rejected_values=known.rejected_values,
            opened_at=known.opened_at,
            ignore_until=known.ignore_until if state == "ignored" else None,
            keeps_decision=state in ("rejected", "ignored"),
        )
    ]


def _state_after(known: StoredDifference, seed: DifferenceSeed, *, moved: bool, now: int) -> DifferenceState:
    if seed.is_pinned:
        return "pinned"
    if seed.is_held:
        return "held"
    if known.state == "ignored":
        return "ignored" if known.ignore_until is None or now < known.ignore_until else "open"
    if known.state == "rejected" and not moved:
        return "rejected"
    if _is_among(seed.observed, known.rejected_values):
        return "rejected"
    return "open"


def flap_count(trail: Sequence[TrailEntry], settings: Settings, now: int) -> int:
    """How often the value moved (to, fro and back) within the flapping window."""
    since = now - settings.flapping_window_seconds * 1000
    return sum(entry.at > since for entry in trail)


def is_flapping(trail: Sequence[TrailEntry], settings: Settings, now: int) -> bool:
    """Whether the value moves so often that coming and going is one difference."""
    return flap_count(trail, settings, now) >= settings.flapping_after_changes


def _next_at(stored: Sequence[StoredDifference], changes: Sequence[DifferenceChange], settings: Settings) -> int | None:
    """When time alone changes something: an ignore ends, or a flapping difference that has gone back may rest."""
    window = settings.flapping_window_seconds * 1000
    closed = {change.difference_id for change in changes if change.action == "close"}
    instants = [each.ignore_until for each in stored if each.state == "ignored" and each.ignore_until is not None and each.id not in closed]
    trails = {change.difference_id: change.trail for change in changes if change.action == "update"}
    for each in stored:
        trail = trails.get(each.id, each.trail)
        if each.state == "open" and each.id not in closed and len(trail) >= settings.flapping_after_changes and trail[-1].is_back:
            instants.append(trail[-settings.flapping_after_changes].at + window)
    return min(instants, default=None)


def _extend(trail: Sequence[TrailEntry], entry: TrailEntry, settings: Settings) -> tuple[TrailEntry, ...]:
    return (*trail, entry)[-settings.trail_limit :]


def _equal(left: Any, right: Any) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _is_among(value: Any, values: Sequence[Any]) -> bool:
    return any(value_token(value) == value_token(each) for each in values)
