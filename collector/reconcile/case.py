"""The life of cases: one open case for each finding, resolved by itself when the finding is gone, never re-opened against a person's word."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from collector.reconcile.record import CaseSeed
from muster.errors import InputError
from muster.model.state import CaseKind, CaseState

# An event: that nothing shows it any more does not settle it. (A replacement is found again from the claims that were exchanged.)
_STAYS_OPEN: frozenset[CaseKind] = frozenset({"resurrection", "mass_loss"})

# Keys of what a name alone ties: two machines that are decided apart, so that the one sees the other only as a bystander.
NAMESAKES = "replacement|namesakes|"

# same: the members are one; different: they are not; replace: same role, new hardware; revive: it is in use again; release: the loss is
# real, or the value may be trusted again; confirm: it is as the case says; dismiss: it is nothing.
CaseAction = Literal["same", "different", "replace", "revive", "release", "confirm", "dismiss"]
ACTIONS: Mapping[CaseKind, tuple[CaseAction, ...]] = {
    "ambiguity": ("same", "different", "confirm", "dismiss"),
    "clone": ("different", "same", "confirm", "dismiss"),
    "duplicate": ("same", "different", "confirm", "dismiss"),
    "replacement": ("replace", "same", "different", "confirm", "dismiss"),
    "mass_loss": ("release", "dismiss"),
    "resurrection": ("revive", "confirm", "dismiss"),
    "quarantine": ("confirm", "release", "dismiss"),
    "class_conflict": ("different", "confirm", "dismiss"),
    "contradiction": ("different", "same", "confirm", "dismiss"),
}


def check_action(kind: CaseKind, action: CaseAction) -> None:
    """Raises InputError where a case of this kind has no such action."""
    if action not in ACTIONS[kind]:
        raise InputError(f"a case of kind {kind} has no action {action!r}; it has {', '.join(ACTIONS[kind])}", path="action")


class StoredCase(Struct, frozen=True):
    """A case as stored: open ones whose members were looked at, and decided ones with the keys that were found again."""

    id: str
    kind: CaseKind
    key: str
    state: CaseState
    record_ids: tuple[int, ...] = ()
    decided_by_person: bool = False


class CaseChanges(Struct, frozen=True):
    """What to write: cases to open, open ones whose members changed (with their id), and ids of those resolved by themselves."""

    opened: tuple[CaseSeed, ...] = ()
    updated: tuple[tuple[str, CaseSeed], ...] = ()
    resolved: tuple[str, ...] = ()


def advance_cases(stored: Sequence[StoredCase], seeds: Iterable[CaseSeed], looked_at: Collection[int], *, sees_namesakes: bool = True) -> CaseChanges:
    """What becomes of the cases around one neighbourhood; `looked_at`: its record ids; `sees_namesakes`: all its bystanders were handed over.

    A case is resolved by itself only when every member was looked at (of namesakes one, as either sees the other) and nothing shows it any
    more; a member leaves it only when it was looked at. A dismissed one stays so.
    """
    wanted = {(seed.kind, seed.key): seed for seed in seeds}
    updated, resolved = [], []
    known = {(each.kind, each.key) for each in stored if each.state == "open" or each.decided_by_person}
    opened = [wanted[key] for key in sorted(wanted) if key not in known]
    for each in sorted(stored, key=lambda each: each.id):
        if each.state != "open":
            continue
        seed = wanted.get((each.kind, each.key))
        if seed is not None:
            members = set(seed.record_ids) | (set(each.record_ids) - set(looked_at))
            if members != set(each.record_ids):
                updated.append((each.id, msgspec.structs.replace(seed, record_ids=tuple(sorted(members)))))
        elif each.kind not in _STAYS_OPEN and _is_seen(each, set(looked_at), sees_namesakes=sees_namesakes):
            resolved.append(each.id)
    return CaseChanges(tuple(opened), tuple(updated), tuple(resolved))


def _is_seen(case: StoredCase, looked_at: set[int], *, sees_namesakes: bool) -> bool:
    members = set(case.record_ids)
    if sees_namesakes and case.key.startswith(NAMESAKES):
        return not members.isdisjoint(looked_at)
    return bool(members) and members <= looked_at
