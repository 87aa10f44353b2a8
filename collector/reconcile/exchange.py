"""Parts that carried identity and were exchanged: one machine that had another serial number or system UUID before. Internal to identification.

Found from the spans of claims alone, so the case is the same however late it is looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from msgspec import Struct

from collector.reconcile.node import Node
from collector.reconcile.record import CaseSeed, Claim, RecordView

# A network card alone that goes, or a dock, is no event worth a person's time while the machine is certain.
_WEIGHTY = ("serial", "dmi_uuid")
_KINDS = (*_WEIGHTY, "permanent_mac")


class _Exchange(Struct, frozen=True):
    """What a machine said of itself until an instant, and from then on, by kind."""

    old: tuple[tuple[str, tuple[Claim, ...]], ...]
    new: tuple[tuple[str, tuple[Claim, ...]], ...]

    @property
    def key(self) -> str:
        old, new = dict(self.old), dict(self.new)
        return "|".join(("replacement", *(f"{kind}:{_values(old[kind])}>{_values(new[kind])}" for kind in _WEIGHTY if kind in old)))


def find_exchanges(members: Sequence[Node]) -> list[CaseSeed]:
    """One replacement case for each exchange within the records of one CI."""
    records = [node.record for node in members if node.record is not None]
    found: dict[str, _Exchange] = {}
    for record in records:
        for each in _within(record):
            found.setdefault(each.key, each)
    for one, other in combinations(records, 2):
        older, newer = sorted((one, other), key=lambda record: (record.first_seen_at, record.order_key))
        between = _compare(older.claims, newer.claims) if older.live_until <= newer.first_seen_at else None
        if between is not None:
            found.setdefault(between.key, between)
    ids = tuple(sorted(record.id for record in records))
    return [CaseSeed(kind="replacement", key=key, record_ids=ids, evidence={"identifiers": _told(found[key])}) for key in sorted(found)]


def _within(record: RecordView) -> list[_Exchange]:
    """What one record's claims exchanged over time."""
    claims = [claim for claim in record.claims if claim.kind in _KINDS]
    if all(claim.last_seen_at is None for claim in claims):
        return []
    found = []
    for at in sorted({claim.first_seen_at for claim in claims}):
        before = [claim for claim in claims if claim.first_seen_at < at and (claim.last_seen_at is None or claim.last_seen_at >= at)]
        after = [claim for claim in claims if claim.first_seen_at <= at and (claim.last_seen_at is None or claim.last_seen_at > at)]
        exchange = _compare(before, after)
        found += [exchange] if exchange is not None else []
    return found


def _compare(before: Sequence[Claim], after: Sequence[Claim]) -> _Exchange | None:
    """What differs wholly between two sets of claims; None where nothing of weight does."""
    differing = []
    for kind in _KINDS:
        old, new = _of(before, kind), _of(after, kind)
        if old and new and not {claim.value for claim in old} & {claim.value for claim in new}:
            differing.append((kind, old, new))
    if not any(kind in _WEIGHTY for kind, _, _ in differing):
        return None
    return _Exchange(tuple((kind, old) for kind, old, _ in differing), tuple((kind, new) for kind, _, new in differing))


def _of(claims: Sequence[Claim], kind: str) -> tuple[Claim, ...]:
    return tuple(claim for claim in claims if claim.kind == kind and claim.state not in ("junk", "disputed"))


def _values(claims: Sequence[Claim]) -> str:
    return ",".join(sorted({claim.value for claim in claims}))


def _told(exchange: _Exchange) -> list[dict[str, object]]:
    new = dict(exchange.new)
    return [
        {"identifier": kind, "old": sorted({claim.raw for claim in claims}), "new": sorted({claim.raw for claim in new[kind]})}
        for kind, claims in exchange.old
    ]
