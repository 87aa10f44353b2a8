"""A record, or a CI's recorded side, as the ladder and the vetoes look at it: claims by kind, now and at an earlier instant.

Internal to identification (`identify.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from collector.reconcile.claim import BOOT_KIND
from collector.reconcile.record import Claim, ClaimKey, KnownCi, RecordView, UsedIdentifier
from muster.model.ci_class import ClassCatalogue, Family
from muster.model.identifier import IDENTIFIER_KINDS, NAME_KINDS
from muster.model.normaliser import short_name

Values = frozenset[tuple[str, str]]  # (scope, value)
EMPTY: Values = frozenset()


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot of a host as one record saw it; `boot_time` None: not told."""

    boot_id: str
    boot_time: int | None
    first_at: int
    last_at: int


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """`usable`: what may link now. `opposable`: what may contradict (quarantined values too). `past`: historic claims.

    `tombstone`: the disposed CI to which this node belongs and stays, as it was not seen since.
    """

    index: int
    order_key: tuple[object, ...]
    record: RecordView | None
    ci: KnownCi | None
    ci_class: str
    family: Family
    zone: str
    usable: Mapping[str, Values]
    opposable: Mapping[str, Values]
    past: tuple[Claim, ...]
    boots: tuple[Boot, ...]
    claims: tuple[Claim, ...] = field(repr=False)
    tombstone: str | None = None

    @property
    def source_text(self) -> str:
        return self.record.source.text if self.record is not None else "recorded"

    def usable_at(self, at: int, barred: Collection[ClaimKey]) -> Mapping[str, Values]:
        """What this side claimed at an instant; empty before its first report."""
        if self.record is not None and at < self.record.first_seen_at:
            return {}
        return _by_kind(
            claim
            for claim in self.claims
            if claim.state in ("active", "historic")
            and claim.key not in barred
            and claim.first_seen_at <= at
            and (claim.last_seen_at is None or at < claim.last_seen_at)
        )


def record_node(index: int, record: RecordView, catalogue: ClassCatalogue, barred: Collection[ClaimKey], *, tombstone: str | None = None) -> Node:
    """The node of a source record; `barred` values are quarantined."""
    return _node(index, ("1", *record.order_key), record.claims, catalogue, barred, record=record, ci=None, tombstone=tombstone)


def recorded_node(index: int, ci: KnownCi, catalogue: ClassCatalogue, barred: Collection[ClaimKey]) -> Node:
    """The node of a CI's recorded side."""
    tombstone = ci.id if ci.lifecycle == "disposed" else None
    return _node(index, ("0", str(ci.number), ci.id), ci.claims, catalogue, barred, record=None, ci=ci, tombstone=tombstone)


def _node(
    index: int,
    order_key: tuple[object, ...],
    claims: tuple[Claim, ...],
    catalogue: ClassCatalogue,
    barred: Collection[ClaimKey],
    *,
    record: RecordView | None,
    ci: KnownCi | None,
    tombstone: str | None,
) -> Node:
    side = record if record is not None else ci
    assert side is not None
    ci_class = catalogue.get(side.ci_class)
    present = [claim for claim in claims if claim.state in ("active", "quarantined")]
    return Node(
        index=index,
        order_key=order_key,
        record=record,
        ci=ci,
        ci_class=side.ci_class,
        family=ci_class.family if ci_class is not None else "any",
        zone=record.source.zone if record is not None else (ci.zone if ci is not None else ""),
        usable=_by_kind(claim for claim in present if claim.state == "active" and claim.key not in barred),
        opposable=_by_kind(present),
        past=tuple(claim for claim in claims if claim.state == "historic" and claim.kind != BOOT_KIND and claim.key not in barred),
        boots=_boots(claims, record),
        claims=claims,
        tombstone=tombstone,
    )


def _by_kind(claims: Iterable[Claim]) -> dict[str, Values]:
    found: dict[str, set[tuple[str, str]]] = {}
    for claim in claims:
        found.setdefault(claim.kind, set()).add((claim.scope, claim.value))
    return {kind: frozenset(values) for kind, values in found.items()}


def _boots(claims: tuple[Claim, ...], record: RecordView | None) -> tuple[Boot, ...]:
    if record is None:
        return ()
    last = max(record.confirmed_at, record.observed_at)
    return tuple(
        Boot(
            claim.value,
            int(claim.raw) if claim.raw.lstrip("-").isdecimal() else None,
            claim.first_seen_at,
            last if claim.last_seen_at is None else claim.last_seen_at,
        )
        for claim in claims
        if claim.kind == BOOT_KIND
    )


def scopes_meet(kind: str, left: str, right: str) -> bool:
    """Whether two scopes are one: equal, or for a vendor's scope unknown on one side."""
    if left == right:
        return True
    known = IDENTIFIER_KINDS.get(kind)
    return known is not None and known.scope == "vendor" and (not left or not right)


def shared(kind: str, left: Values, right: Values) -> tuple[UsedIdentifier, ...]:
    """The values that both sides hold in one scope, in order."""
    if not left or not right:
        return ()
    found = {(max(scope, other), value) for scope, value in left for other, same in right if value == same and scopes_meet(kind, scope, other)}
    return tuple(UsedIdentifier(kind, scope, value) for scope, value in sorted(found))


def shared_names(left: Mapping[str, Values], right: Mapping[str, Values]) -> tuple[UsedIdentifier, ...]:
    """Names of one zone that are equal, or of which one is the short form of the other, and no full names that differ."""
    ours, theirs = _names(left), _names(right)
    found = {
        (zone, max(name, other, key=len))
        for zone, name in ours
        for other_zone, other in theirs
        if zone == other_zone and (name == other or _is_short_of(name, other) or _is_short_of(other, name))
    }
    if not found or _full_names_differ(left, right):
        return ()
    return tuple(UsedIdentifier("name", zone, name) for zone, name in sorted(found))


def _full_names_differ(left: Mapping[str, Values], right: Mapping[str, Values]) -> bool:
    ours = {name for _, name in _names(left) if "." in name}
    theirs = {name for _, name in _names(right) if "." in name}
    return bool(ours and theirs) and not ours & theirs


def _names(side: Mapping[str, Values]) -> list[tuple[str, str]]:
    return [pair for kind in NAME_KINDS for pair in side.get(kind, EMPTY)]


def _is_short_of(short: str, full: str) -> bool:
    return "." not in short and "." in full and short_name(full) == short
