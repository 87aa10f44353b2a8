"""Whether an item under a known ref is still the same thing: the native key holds unless a veto fires. Design: docs/reconciliation.md."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from collector.reconcile.claim import BOOT_KIND, split_claims
from collector.reconcile.ladder import Ladders
from collector.reconcile.node import EMPTY, Node, record_node, shared
from collector.reconcile.record import NativeMatch, RecordView, Veto
from collector.reconcile.settings import Settings
from collector.reconcile.veto import NATIVE_GROUP, VetoRules, agreements, boots_overlap, contradictions, is_outweighed
from muster.model.ci_class import ClassCatalogue
from muster.model.identifier import NAME_KINDS

# Sources whose native key is itself a strong identifier: an enrolment, or a manager's own instance number.
STRONG_NATIVE_KINDS = frozenset({"agent", "hypervisor", "cloud"})
_IDENTITY_KINDS = ("serial", "dmi_uuid", "machine_id", "mac", "permanent_mac", "ssh_host_key", "chassis_id", "engine_id", "cloud_instance_id")


def match_native(candidates: Sequence[RecordView], incoming: RecordView, catalogue: ClassCatalogue, settings: Settings) -> NativeMatch:
    """Which of the records of one (source, ref), open or closed, the incoming one continues.

    `incoming` carries the new report's claims alone. None fits: a new record, and the open ones are closed as contradicted. A clone
    that reports in turn with its original therefore finds its own record again each time; where only the boots tell the two apart, the
    return of the first boot shows that what was taken for its reboot was the clone, and `split_at` says since when.
    """
    returned = _returned(candidates, incoming)
    judged = [(record, record_node(at, returned.get(record.id, record), catalogue, {})) for at, record in enumerate(candidates, 1)]
    node = record_node(0, incoming, catalogue, {})
    verdicts = [(record, other, _vetoes(other, node, catalogue, settings)) for record, other in judged]
    fitting = [(record, other) for record, other, vetoes in verdicts if not vetoes]
    if not fitting:
        against = tuple(dict.fromkeys(veto for _, _, vetoes in verdicts for veto in vetoes))
        return NativeMatch(record_id=None, close_ids=_open_ids(candidates), vetoes=against)
    best, _ = min(fitting, key=lambda each: (not _is_same_boot(each[1], node), -_shared_count(each[1], node), each[0].is_closed, each[0].order_key))
    return NativeMatch(
        record_id=best.id,
        close_ids=tuple(each for each in _open_ids(candidates) if each != best.id),
        split_at=_foreign_since(best, incoming) if best.id in returned else None,
    )


def _open_ids(candidates: Sequence[RecordView]) -> tuple[int, ...]:
    return tuple(sorted(record.id for record in candidates if not record.is_closed))


def _boots(record: RecordView, *, now: bool) -> dict[str, int]:
    """Boots of a record and when each was seen first: the one that it runs now, or those before it."""
    return {claim.value: claim.first_seen_at for claim in record.claims if claim.kind == BOOT_KIND and (claim.last_seen_at is None) == now}


def _is_same_boot(known: Node, incoming: Node) -> bool:
    return bool({boot.boot_id for boot in known.boots} & {boot.boot_id for boot in incoming.boots})


def _returned(candidates: Sequence[RecordView], incoming: RecordView) -> dict[int, RecordView]:
    """Open records whose earlier boot is running again (x, y, x), as they were before the other boot."""
    found = {}
    for record in candidates:
        since = _foreign_since(record, incoming)
        if since is not None and not record.is_closed:
            found[record.id] = msgspec.structs.replace(record, claims=split_claims(record.claims, since)[0], observed_at=since, confirmed_at=since)
    return found


def _foreign_since(record: RecordView, incoming: RecordView) -> int | None:
    """Since when a record was another machine's, whose boot is not the one that is running still."""
    mine = {claim.value for claim in incoming.claims if claim.kind == BOOT_KIND}
    earlier = [at for boot, at in _boots(record, now=False).items() if boot in mine]
    if not earlier or mine & _boots(record, now=True).keys():
        return None
    others = {**_boots(record, now=False), **_boots(record, now=True)}
    return min((at for boot, at in others.items() if boot not in mine and at > min(earlier)), default=None)


def _vetoes(known: Node, incoming: Node, catalogue: ClassCatalogue, settings: Settings) -> tuple[Veto, ...]:
    rules = VetoRules(settings, cannot_link=frozenset())
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
    if differing and not is_outweighed(agreed, differing):
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
