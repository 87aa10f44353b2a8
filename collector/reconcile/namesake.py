"""Machines of one name and address that are other hardware: exchanged for their like (RMA), which a person confirms. Internal to identification.

Only a name ties them, so either may be the bystander when the other is decided. What is found is a function of the pair alone, and from
either side the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.reconcile.case import NAMESAKES
from collector.reconcile.evidence import Reasons
from collector.reconcile.ladder import Edge
from collector.reconcile.record import CaseSeed, RecordView, UsedIdentifier

_HARDWARE = ("serial", "dmi_uuid", "chassis_id")  # what tells hardware apart, in the order in which it names a case

Machine = tuple[str, str]  # how the neighbourhood knows it: a cluster of its own, or the CI (or the record) of a bystander


@dataclass(frozen=True, slots=True)
class _Pair:
    """A record of each of two machines; the weak edge between them, and the addresses that both have or had."""

    left: RecordView
    right: RecordView
    edge: Edge
    addresses: frozenset[tuple[str, str]]


def find_namesakes(reasons: Reasons) -> list[CaseSeed]:
    """One replacement case for each pair of machines, with every record that shows it."""
    found: dict[tuple[Machine, Machine], list[_Pair]] = {}
    for edge in reasons.weak:
        left, right = reasons.record(edge.left), reasons.record(edge.right)
        if not edge.rule.one_name or left is None or right is None or not reasons.is_inside(edge):
            continue
        ours, theirs = _machine(reasons, edge.left, left), _machine(reasons, edge.right, right)
        addresses = _addresses(left) & _addresses(right)
        if ours == theirs or not addresses or not any(_differ(kind, left, right) for kind in _HARDWARE):
            continue
        if theirs < ours:
            ours, theirs, left, right = theirs, ours, right, left
        found.setdefault((ours, theirs), []).append(_Pair(left, right, edge, frozenset(addresses)))
    return [_seed(pairs) for _, pairs in sorted(found.items())]


def _machine(reasons: Reasons, index: int, record: RecordView) -> Machine:
    if reasons.bystander(index) is None:
        return ("cluster", f"{reasons.clustering.root(index):09d}")
    return ("ci", record.ci_id) if record.ci_id is not None else ("record", str(record.id))


def _seed(pairs: Sequence[_Pair]) -> CaseSeed:
    names = {(each.kind, each.scope, each.value) for pair in pairs for each in pair.edge.identifiers}
    used = [UsedIdentifier(*each) for each in (*sorted(names), *sorted({("ip", zone, value) for pair in pairs for zone, value in pair.addresses}))]
    sides = [_unique(pair.left for pair in pairs), _unique(pair.right for pair in pairs)]
    older, newer = sorted(sides, key=lambda side: min((each.first_seen_at, each.order_key) for each in side))
    return CaseSeed(
        kind="replacement",
        key=_key(pairs),
        record_ids=tuple(sorted({each.id for side in sides for each in side})),
        evidence={
            "identifiers": [{"identifier": each.kind, "scope": each.scope, "value": each.value} for each in used],
            "old": _hardware(older),
            "new": _hardware(newer),
        },
    )


def _key(pairs: Sequence[_Pair]) -> str:
    """Named by the first kind that tells the two apart: what they are, not how they are called or which came first."""
    for kind in _HARDWARE:
        differing = [pair for pair in pairs if _differ(kind, pair.left, pair.right)]
        if differing:
            ours, theirs = (
                {value for each in side for value in _values(kind, each)} for side in zip(*((p.left, p.right) for p in differing), strict=True)
            )
            return f"{NAMESAKES}{kind}:" + "|".join(sorted((",".join(sorted(ours)), ",".join(sorted(theirs)))))
    raise AssertionError("a pair differs in hardware")


def _unique(records: Iterable[RecordView]) -> list[RecordView]:
    return sorted({each.id: each for each in records}.values(), key=lambda each: each.order_key)


def _hardware(records: Iterable[RecordView]) -> dict[str, str]:
    claims = [claim for each in records for claim in each.claims if claim.kind in ("serial", "dmi_uuid") and claim.state == "active"]
    return {claim.kind: claim.raw for claim in reversed(claims)}


def _addresses(record: RecordView) -> set[tuple[str, str]]:
    """Addresses that it has or had, also from documentation ranges: here they only corroborate."""
    return {(claim.scope, claim.value) for claim in record.claims if claim.kind == "ip" and claim.why != "junk:malformed"}


def _values(kind: str, record: RecordView) -> set[str]:
    return {claim.value for claim in record.claims if claim.kind == kind and claim.state == "active"}


def _differ(kind: str, left: RecordView, right: RecordView) -> bool:
    ours, theirs = _values(kind, left), _values(kind, right)
    return bool(ours and theirs) and not ours & theirs
