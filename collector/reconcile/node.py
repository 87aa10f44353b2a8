"""A record, or a CI's recorded side, as the ladder and the vetoes look at it: claims by kind, now and at an earlier instant.

Internal to identification (`identify.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.reconcile.claim import BOOT_KIND
from collector.reconcile.record import Claim, ClaimKey, KnownCi, RecordView, UsedIdentifier
from muster.model.ci_class import ClassCatalogue, Family
from muster.model.identifier import IDENTIFIER_KINDS, NAME_KINDS
from muster.model.normaliser import is_local_mac, short_name

Values = frozenset[tuple[str, str]]  # (scope, value)
EMPTY: Values = frozenset()
Barred = Mapping[ClaimKey, int]  # quarantined values, each since an instant; before it they identified
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot of a host as one record saw it; `boot_time` None: not told."""

    boot_id: str
    boot_time: int | None
    first_at: int
    last_at: int


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """`usable`: what may link now. `opposable`: what may contradict (quarantined values too). `past`: claims that identified once,
    historic or quarantined since. `attested`: addresses that other sources know to be permanent, for a side that cannot know.

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
    attested: frozenset[str] = _NOTHING
    tombstone: str | None = None

    @property
    def source_text(self) -> str:
        return self.record.source.text if self.record is not None else "recorded"

    def usable_at(self, at: int, barred: Barred) -> Mapping[str, Values]:
        """What this side claimed at an instant, without what was quarantined then; empty before its first report."""
        if self.record is not None and at < self.record.first_seen_at:
            return {}
        held = [claim for claim in self.claims if claim.state in ("active", "historic") and at < barred.get(claim.key, at + 1)]
        return _by_kind((each for each in held if each.first_seen_at <= at and (each.last_seen_at is None or at < each.last_seen_at)), self.attested)


def record_node(
    index: int,
    record: RecordView,
    catalogue: ClassCatalogue,
    barred: Barred,
    *,
    attested: frozenset[str] = _NOTHING,
    tombstone: str | None = None,
) -> Node:
    """The node of a source record; `barred` values are quarantined."""
    knows = any(claim.kind == "permanent_mac" for claim in record.claims)
    seen = _NOTHING if knows else attested
    return _node(index, ("1", *record.order_key), record, catalogue, barred, attested=seen, tombstone=tombstone)


def recorded_node(index: int, ci: KnownCi, catalogue: ClassCatalogue, barred: Barred) -> Node:
    """The node of a CI's recorded side."""
    tombstone = ci.id if ci.lifecycle == "disposed" else None
    return _node(index, ("0", str(ci.number), ci.id), ci, catalogue, barred, tombstone=tombstone)


def attested_macs(records: Iterable[RecordView]) -> frozenset[str]:
    """Universal addresses that some source knows to be permanent."""
    claims = (claim for record in records for claim in record.claims if claim.kind == "permanent_mac" and claim.state in ("active", "historic"))
    return frozenset(claim.value for claim in claims if not is_local_mac(claim.value))


def _node(
    index: int,
    order_key: tuple[object, ...],
    side: RecordView | KnownCi,
    catalogue: ClassCatalogue,
    barred: Barred,
    *,
    attested: frozenset[str] = _NOTHING,
    tombstone: str | None = None,
) -> Node:
    record, ci = (side, None) if isinstance(side, RecordView) else (None, side)
    ci_class = catalogue.get(side.ci_class)
    present = [claim for claim in side.claims if claim.state in ("active", "quarantined")]
    return Node(
        index=index,
        order_key=order_key,
        record=record,
        ci=ci,
        ci_class=side.ci_class,
        family=ci_class.family if ci_class is not None else "any",
        zone=side.source.zone if isinstance(side, RecordView) else side.zone,
        usable=_by_kind((claim for claim in present if claim.state == "active" and claim.key not in barred), attested),
        opposable=_by_kind(present),
        past=tuple(claim for claim in side.claims if claim.kind != BOOT_KIND and _was_usable(claim, barred)),
        boots=_boots(side.claims, record),
        claims=side.claims,
        attested=attested,
        tombstone=tombstone,
    )


def _was_usable(claim: Claim, barred: Barred) -> bool:
    if claim.key in barred:
        return claim.state in ("active", "historic") and claim.first_seen_at < barred[claim.key]
    return claim.state == "historic"


def _by_kind(claims: Iterable[Claim], attested: frozenset[str] = _NOTHING) -> dict[str, Values]:
    found: dict[str, set[tuple[str, str]]] = {}
    for claim in claims:
        found.setdefault(claim.kind, set()).add((claim.scope, claim.value))
        if claim.kind == "mac" and claim.value in attested:
            found.setdefault("permanent_mac", set()).add((claim.scope, claim.value))
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
