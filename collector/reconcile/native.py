"""Whether an item under a known ref is still the same thing: the native key holds unless a veto fires. Design: docs/reconciliation.md."""

from __future__ import annotations

from collections.abc import Sequence

from collector.reconcile.ladder import Ladders
from collector.reconcile.node import EMPTY, Node, record_node, shared
from collector.reconcile.record import CaseSeed, Claim, NativeMatch, RecordView, Veto
from collector.reconcile.settings import Settings
from collector.reconcile.veto import NATIVE_GROUP, VetoRules, agreements, boots_overlap, contradictions
from muster.model.ci_class import ClassCatalogue
from muster.model.identifier import NAME_KINDS

# Sources whose native key is itself a strong identifier: an enrolment, or a manager's own instance number.
STRONG_NATIVE_KINDS = frozenset({"agent", "hypervisor", "cloud"})
_IDENTITY_KINDS = ("serial", "dmi_uuid", "machine_id", "mac", "permanent_mac", "ssh_host_key", "chassis_id", "engine_id", "cloud_instance_id")


def match_native(candidates: Sequence[RecordView], incoming: RecordView, catalogue: ClassCatalogue, settings: Settings) -> NativeMatch:
    """Which of the records of one (source, ref), open or closed, the incoming one continues.

    `incoming` carries the new report's claims alone. None fits: a new record, and the open ones are closed as contradicted. A clone
    that reports in turn with its original therefore finds its own record again each time.
    """
    node = record_node(0, incoming, catalogue, ())
    judged = [(record, record_node(at, record, catalogue, ())) for at, record in enumerate(candidates, 1)]
    verdicts = [(record, other, _vetoes(other, node, catalogue, settings)) for record, other in judged]
    fitting = [(record, other) for record, other, vetoes in verdicts if not vetoes]
    if not fitting:
        against = tuple(dict.fromkeys(veto for _, _, vetoes in verdicts for veto in vetoes))
        return NativeMatch(record_id=None, close_ids=_open_ids(candidates), vetoes=against)
    best, other = min(fitting, key=lambda each: (-_shared_count(each[1], node), each[0].is_closed, each[0].order_key))
    differing = contradictions(other, node)
    return NativeMatch(
        record_id=best.id,
        close_ids=tuple(each for each in _open_ids(candidates) if each != best.id),
        vetoes=(),
        case=_replacement(best, incoming, differing) if differing else None,
    )


def _open_ids(candidates: Sequence[RecordView]) -> tuple[int, ...]:
    return tuple(sorted(record.id for record in candidates if not record.is_closed))


def _vetoes(known: Node, incoming: Node, catalogue: ClassCatalogue, settings: Settings) -> tuple[Veto, ...]:
    rules = VetoRules(settings, now=0, cannot_link=frozenset())
    found = [veto for veto in rules.absolute(known, incoming) if veto.code not in ("same_native_key", "boot_overlap")]
    overlap = boots_overlap(known.boots, incoming.boots, settings.boot_overlap_seconds * 1000)
    if overlap is not None:
        found.append(Veto("boot_overlap", *overlap))
    if found:
        return tuple(found)
    differing = contradictions(known, incoming)
    assert incoming.record is not None
    is_strong = incoming.record.source.kind in STRONG_NATIVE_KINDS
    agreed = agreements(known, incoming) | ({NATIVE_GROUP} if is_strong else set())
    if differing and not (len(agreed) >= 2 and len(differing) == 1):
        return differing
    if not is_strong and _has_nothing_left(known, incoming, Ladders(catalogue)):
        return (Veto("same_native_key", known.ci_class, incoming.ci_class),)
    return ()


def _has_nothing_left(known: Node, incoming: Node, ladders: Ladders) -> bool:
    """Both identify themselves in the same ways and share no value: another thing answers under the same ref."""
    comparable = [kind for kind in _IDENTITY_KINDS if known.usable.get(kind) and incoming.usable.get(kind)]
    kinds = (*_IDENTITY_KINDS, *NAME_KINDS, "asset_tag")
    is_related = ladders.is_kind_of(known.ci_class, incoming.ci_class) or ladders.is_kind_of(incoming.ci_class, known.ci_class)
    is_shared = any(shared(kind, known.usable.get(kind, EMPTY), incoming.usable.get(kind, EMPTY)) for kind in kinds)
    return not is_shared and (bool(comparable) or not is_related)


def _shared_count(known: Node, incoming: Node) -> int:
    return sum(len(shared(kind, known.usable.get(kind, EMPTY), values)) for kind, values in incoming.usable.items())


def _replacement(known: RecordView, incoming: RecordView, differing: Sequence[Veto]) -> CaseSeed:
    """The case of a part that carried identity and was exchanged (a mainboard), with what it said before and after."""
    return CaseSeed(
        kind="replacement",
        key="|".join(("replacement", known.source.text, known.ref, *(f"{veto.code}:{veto.left}>{veto.right}" for veto in differing))),
        record_ids=(known.id,),
        evidence={
            "identifiers": [
                {"identifier": veto.code, "old": _raw(known.claims, veto.code), "new": _raw(incoming.claims, veto.code)} for veto in differing
            ]
        },
    )


def _raw(claims: Sequence[Claim], kind: str) -> list[str]:
    return sorted({claim.raw for claim in claims if claim.kind == kind and claim.state == "active"})
