"""What stops two sides from being one, and what strong identifiers speak for it all the same.

Absolute vetoes stop every rung. Contradictions (serial, UUID, permanent MAC addresses) stop a medium rung always, and a strong one unless
two independent strong identifiers agree and only one differs. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from collector.reconcile.node import EMPTY, Boot, Node, scopes_meet, shared
from collector.reconcile.record import Claim, SourceKey, Veto, VetoCode
from collector.reconcile.settings import DAY_SECONDS, Settings
from muster.model.normaliser import is_local_mac, normalise_uuid

_AGREEING_GROUPS = {
    "enrolment_id": "enrolment",
    "serial": "serial",
    "dmi_uuid": "uuid",
    "chassis_id": "hardware_address",
    "permanent_mac": "hardware_address",
    "hypervisor_uuid": "instance",
    "cloud_instance_id": "instance",
}
HARDWARE_KINDS = ("serial", "dmi_uuid", "permanent_mac")  # what may contradict
NATIVE_GROUP = "enrolment"  # a record that keeps its native key agrees as its enrolment does
SEPARATED_BY_SOURCE = frozenset({"class_family", "same_native_key", "other_enrolment", "boot_overlap"})


@dataclass(frozen=True, slots=True)
class VetoRules:
    """The absolute vetoes; pure functions of two sides, whatever time it is."""

    settings: Settings
    cannot_link: frozenset[frozenset[int]]  # pairs of record ids
    cloned: frozenset[SourceKey] = frozenset()  # agents whose enrolment two machines use, so that it holds neither

    def absolute(self, left: Node, right: Node) -> tuple[Veto, ...]:
        """Vetoes that hold whatever agrees."""
        found: list[Veto] = []
        if left.tombstone != right.tombstone:
            found.append(Veto("disposed", left.tombstone or "", right.tombstone or ""))
        if left.family != right.family and "any" not in (left.family, right.family):
            found.append(Veto("class_family", left.ci_class, right.ci_class))
        found += _differing_instances("cloud_instance", "cloud_instance_id", left, right)
        found += _differing_instances("manager_instance", "hypervisor_uuid", left, right)
        if left.record is not None and right.record is not None:
            found += self._between_records(left, right)
        elif left.ci is not None and right.ci is not None and left.ci.has_decisions and right.ci.has_decisions:
            found.append(Veto("both_decided", f"#{left.ci.number}", f"#{right.ci.number}"))
        return tuple(found)

    def _between_records(self, left: Node, right: Node) -> list[Veto]:
        found: list[Veto] = []
        ours, theirs = left.record, right.record
        assert ours is not None
        assert theirs is not None
        if frozenset((ours.id, theirs.id)) in self.cannot_link:
            found.append(Veto("cannot_link", ours.source.text, theirs.source.text))
        if (ours.source, ours.ref) == (theirs.source, theirs.ref):
            found.append(Veto("same_native_key", ours.ref, theirs.ref))
        elif ours.source.kind == "agent" and theirs.source.kind == "agent" and self._both_enrolled(left, right):
            found.append(Veto("other_enrolment", ours.source.text, theirs.source.text))
        overlap = boots_overlap(left.boots, right.boots, self.settings.boot_overlap_seconds * 1000)
        if overlap is not None:
            found.append(Veto("boot_overlap", *overlap))
        return found

    def _both_enrolled(self, left: Node, right: Node) -> bool:
        """An agent holds its host until another was heard of long after it, or until it comes back with a new spool under its own name."""
        records = [each.record for each in (left, right) if each.record is not None]
        if any(record.is_revoked or record.is_closed or record.source in self.cloned for record in records):
            return False
        heard = [record.confirmed_at for record in records]
        if len({record.source.name for record in records}) == 1:
            return max(record.first_seen_at for record in records) <= min(heard)
        return max(heard) - min(heard) < round(self.settings.enrolment_held_for_days * DAY_SECONDS * 1000)


def _differing_instances(code: VetoCode, kind: str, left: Node, right: Node) -> list[Veto]:
    """A manager tells its own instances apart: two of its ids are two machines."""
    pairs = [
        (value, other)
        for scope, value in sorted(left.opposable.get(kind, EMPTY))
        for other_scope, other in sorted(right.opposable.get(kind, EMPTY))
        if scope == other_scope
    ]
    if pairs and all(value != other for value, other in pairs):
        return [Veto(code, *pairs[0])]
    return []


def boots_overlap(left: Iterable[Boot], right: Iterable[Boot], slack_ms: int) -> tuple[str, str] | None:
    """Two boots that ran at the same time, so two machines; None where each followed the other.

    One change from x to y is a reboot. x seen again after y, or x seen after y although y booted later, is not.
    """
    spans: dict[str, Boot] = {}
    for boot in (*left, *right):
        known = spans.get(boot.boot_id)
        spans[boot.boot_id] = boot if known is None else _joined(known, boot)
    in_order = sorted(spans.values(), key=lambda boot: (boot.first_at, boot.last_at, boot.boot_id))
    for at, earlier in enumerate(in_order):
        for later in in_order[at + 1 :]:
            if earlier.last_at > later.first_at + slack_ms or _booted_later(earlier, later, slack_ms):
                return earlier.boot_id, later.boot_id
    return None


def _joined(one: Boot, other: Boot) -> Boot:
    boot_time = one.boot_time if one.boot_time is not None else other.boot_time
    return Boot(one.boot_id, boot_time, min(one.first_at, other.first_at), max(one.last_at, other.last_at))


def _booted_later(earlier: Boot, later: Boot, slack_ms: int) -> bool:
    """Whether what was seen first had booted after what was seen next."""
    if earlier.boot_time is None or later.boot_time is None:
        return False
    return earlier.boot_time > later.boot_time + slack_ms and later.last_at > earlier.first_at + slack_ms


def groups_of(against: Iterable[Veto]) -> frozenset[str]:
    """What differs, counted by the part that carries it: a mainboard brings its UUID and its on-board addresses with it."""
    return frozenset("serial" if veto.code == "serial" else "mainboard" for veto in against)


def is_outweighed(agreed: frozenset[str], against: Iterable[Veto]) -> bool:
    """Whether two independent strong identifiers agree and only one thing differs."""
    return len(agreed) >= 2 and len(groups_of(against)) == 1


def contradictions(left: Node, right: Node) -> tuple[Veto, ...]:
    """Identifiers that both sides have and that differ: serial (of one vendor), system UUID, permanent MAC addresses.

    What one side said before the other exchanged it is no contradiction: it did not speak since.
    """
    return tuple(veto for veto in differing(left, right) if not _is_outdated(veto.code, left, right))


def differing(left: Node, right: Node) -> tuple[Veto, ...]:
    """Identifiers of which both sides have other values at last, whoever spoke when."""
    found: list[Veto] = []
    serial = _differing_serials(left, right)
    if serial is not None:
        found.append(serial)
    codes: tuple[VetoCode, ...] = ("dmi_uuid", "permanent_mac")
    for code in codes:
        ours, theirs = left.opposable.get(code, EMPTY), right.opposable.get(code, EMPTY)
        if ours and theirs and not ours & theirs:
            found.append(Veto(code, _text(ours), _text(theirs)))
    return tuple(found)


def _is_outdated(kind: str, left: Node, right: Node) -> bool:
    return exchanged_at(kind, right, left) is not None or exchanged_at(kind, left, right) is not None


def exchanged_at(kind: str, node: Node, other: Node) -> int | None:
    """When a node lost the value that another tells, where that one was not heard since; None: it did not."""
    if node.record is None or other.record is None:
        return None
    heard_at = other.record.heard_at
    lost = [claim.last_seen_at for claim in _claims_of(kind, node, other) if claim.last_seen_at is not None and claim.last_seen_at > heard_at]
    return max(lost, default=None)


def _claims_of(kind: str, node: Node, other: Node) -> list[Claim]:
    """What a node ever claimed of the values that another tells now."""
    told = other.opposable.get(kind, EMPTY)
    return [
        claim
        for claim in node.claims
        if claim.kind == kind
        and claim.state not in ("junk", "disputed")
        and any(claim.value == value and scopes_meet(kind, claim.scope, scope) for scope, value in told)
    ]


def is_follower(older: Node, newer: Node, witnesses: Iterable[Node]) -> bool:
    """Whether all that differs between two sides was exchanged, as a witness tells, after the older was heard for the last time."""
    if older.record is None or newer.record is None or older.record.heard_at > newer.record.first_seen_at:
        return False
    against = differing(older, newer)
    return bool(against) and all(any(_saw_exchange(veto.code, witness, older, newer) for witness in witnesses) for veto in against)


def _saw_exchange(kind: str, witness: Node, older: Node, newer: Node) -> bool:
    lost_at = exchanged_at(kind, witness, older)
    return lost_at is not None and any(claim.first_seen_at >= lost_at for claim in _claims_of(kind, witness, newer))


def _differing_serials(left: Node, right: Node) -> Veto | None:
    ours, theirs = left.opposable.get("serial", EMPTY), right.opposable.get("serial", EMPTY)
    comparable = [(mine, other) for mine in ours for other in theirs if scopes_meet("serial", mine[0], other[0])]
    if not ours or not theirs or shared("serial", ours, theirs):
        return None
    same_text = {value for _, value in ours} & {value for _, value in theirs}
    if comparable or same_text:  # the same number of another vendor is another serial
        return Veto("serial", _text(ours), _text(theirs))
    return None


def agreements(left: Node, right: Node) -> frozenset[str]:
    """Groups of independent strong identifiers that both sides share."""
    found: set[str] = set()
    for kind, group in _AGREEING_GROUPS.items():
        common = shared(kind, left.usable.get(kind, EMPTY), right.usable.get(kind, EMPTY))
        if kind == "permanent_mac":
            common = tuple(each for each in common if not is_local_mac(each.value))
        smaller = min(len(left.usable.get(kind, EMPTY)), len(right.usable.get(kind, EMPTY)))
        if common and len(common) * 2 > smaller:
            found.add(group)
    if "uuid" in found:
        uuids = {value for _, value in left.usable.get("dmi_uuid", EMPTY)}
        for kind, group in (("serial", "serial"), ("hypervisor_uuid", "instance")):
            if group in found and all(_as_uuid(value) in uuids for _, value in left.usable.get(kind, EMPTY)):
                found.discard(group)  # derived from the UUID, so no second witness
    return frozenset(found)


def _as_uuid(value: str) -> str:
    return normalise_uuid(value.removeprefix("VMWARE").casefold())


def _text(values: Iterable[tuple[str, str]]) -> str:
    return ", ".join(sorted({value for _, value in values}))
