"""Why each record is where it is: the link's evidence, near misses, and replacements that weak evidence suggests. Internal to identification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.reconcile.claim import BOOT_KIND
from collector.reconcile.cluster import Clustering
from collector.reconcile.ladder import Edge
from collector.reconcile.node import Node
from collector.reconcile.record import (
    CaseSeed,
    IgnoredIdentifier,
    Link,
    LinkEvidence,
    RecordView,
    RejectedCandidate,
    Suggestion,
    UsedIdentifier,
)
from collector.reconcile.veto import contradictions

_LIMIT = 10  # candidates and suggestions kept per record


@dataclass(frozen=True, slots=True)
class Reasons:
    """What led to a clustering. `weak`: suggesting edges, whose ends beyond the nodes are the bystanders in canonical order."""

    clustering: Clustering
    edges: Sequence[Edge]
    weak: Sequence[Edge]
    joined_by: Mapping[int, str]
    bystanders: Sequence[RecordView]

    def bystander(self, index: int) -> RecordView | None:
        """The bystander of this number, or None for a node."""
        at = index - len(self.clustering.nodes)
        return sorted(self.bystanders, key=lambda each: each.order_key)[at] if at >= 0 else None

    def replacement_cases(self) -> list[CaseSeed]:
        """Same name and address, another serial or UUID: hardware was exchanged for its like (RMA), which a person confirms."""
        found = []
        for edge in self.weak:
            if not edge.rule.one_name or max(edge.left, edge.right) >= len(self.clustering.nodes) + len(self.bystanders):
                continue
            pair = (self._record(edge.left), self._record(edge.right))
            if pair[0] is None or pair[1] is None or self._same_cluster(edge):
                continue
            seed = self._replacement(edge, pair[0], pair[1])
            if seed is not None:
                found.append(seed)
        return found

    def _replacement(self, edge: Edge, left: RecordView, right: RecordView) -> CaseSeed | None:
        addresses = _addresses(left) & _addresses(right)
        if not addresses or not _differ(left, right):
            return None
        older, newer = sorted((left, right), key=lambda each: (each.first_seen_at, each.order_key))
        used = (*edge.identifiers, *(UsedIdentifier("ip", zone, value) for zone, value in sorted(addresses)))
        return CaseSeed(
            kind="replacement",
            key="|".join(("replacement", *(f"{each.kind}:{each.scope}:{each.value}" for each in used))),
            record_ids=(older.id, newer.id),
            evidence={
                "identifiers": [{"identifier": each.kind, "scope": each.scope, "value": each.value} for each in used],
                "old": {claim.kind: claim.raw for claim in older.claims if claim.kind in ("serial", "dmi_uuid") and claim.state == "active"},
                "new": {claim.kind: claim.raw for claim in newer.claims if claim.kind in ("serial", "dmi_uuid") and claim.state == "active"},
            },
        )

    def _record(self, index: int) -> RecordView | None:
        return self.bystander(index) or self.clustering.nodes[index].record

    def _same_cluster(self, edge: Edge) -> bool:
        count = len(self.clustering.nodes)
        return edge.left < count and edge.right < count and self.clustering.root(edge.left) == self.clustering.root(edge.right)


def _addresses(record: RecordView) -> set[tuple[str, str]]:
    """Addresses that it has or had, also from documentation ranges: here they only corroborate."""
    return {(claim.scope, claim.value) for claim in record.claims if claim.kind == "ip" and claim.why != "junk:malformed"}


def _differ(left: RecordView, right: RecordView) -> bool:
    for kind in ("serial", "dmi_uuid", "chassis_id"):
        ours = {claim.value for claim in left.claims if claim.kind == kind and claim.state == "active"}
        theirs = {claim.value for claim in right.claims if claim.kind == kind and claim.state == "active"}
        if ours and theirs and not ours & theirs:
            return True
    return False


def build_link(side: Node | RecordView, reasons: Reasons | None) -> Link:
    """The record's link with its evidence; without reasons (nothing was decided) it stays where it is."""
    if isinstance(side, RecordView) or reasons is None:
        record = side if isinstance(side, RecordView) else side.record
        assert record is not None
        return Link(record.id, LinkEvidence(rule="native_key" if record.ci_id is not None else "first_seen", identifiers_ignored=ignored_of(record)))
    record = side.record
    assert record is not None
    edge = _best_edge(side, reasons)
    decided = reasons.joined_by.get(side.index)
    rule = decided or (edge.rule.rule if edge is not None else "first_seen")
    other = reasons.clustering.nodes[edge.other(side.index)] if edge is not None else None
    return Link(
        record.id,
        LinkEvidence(
            rule=rule,
            strength=edge.rule.strength if edge is not None and decided is None else None,
            with_source=other.source_text if other is not None else "",
            with_ref=_ref_of(other),
            identifiers_used=edge.identifiers if edge is not None else (),
            identifiers_ignored=ignored_of(record),
            candidates_rejected=_rejected(side, reasons),
            suggestions=_suggestions(side, reasons),
        ),
    )


def _ref_of(node: Node | None) -> str:
    if node is None:
        return ""
    return node.record.ref if node.record is not None else f"#{node.ci.number}" if node.ci is not None else ""


def _best_edge(node: Node, reasons: Reasons) -> Edge | None:
    root = reasons.clustering.root(node.index)
    for edge in reasons.edges:
        if edge.is_automatic and node.index in (edge.left, edge.right) and reasons.clustering.root(edge.other(node.index)) == root:
            return edge
    return None


def ignored_of(record: RecordView) -> tuple[IgnoredIdentifier, ...]:
    """Identifiers that the record claims and that identify nothing, and why."""
    return tuple(
        IgnoredIdentifier(claim.kind, claim.raw, claim.why or claim.state)
        for claim in record.claims
        if claim.state in ("junk", "quarantined", "disputed") and claim.kind != BOOT_KIND
    )


def _rejected(node: Node, reasons: Reasons) -> tuple[RejectedCandidate, ...]:
    clustering = reasons.clustering
    own = clustering.root(node.index)
    found: dict[int, RejectedCandidate] = {}
    for edge in reasons.edges:
        if not edge.is_automatic or node.index not in (edge.left, edge.right):
            continue
        other = clustering.nodes[edge.other(node.index)]
        root = clustering.root(other.index)
        if root == own or other.index in found:
            continue
        vetoes = clustering.vetoes(own, root, is_strong=edge.level[0] == 0)
        record = other.record
        ci_id = record.ci_id if record is not None else other.ci.id if other.ci is not None else None
        found[other.index] = RejectedCandidate(edge.rule.rule, record.id if record is not None else None, ci_id, other.source_text, vetoes)
    return tuple(found[index] for index in sorted(found))[:_LIMIT]


def _suggestions(node: Node, reasons: Reasons) -> tuple[Suggestion, ...]:
    found: dict[tuple[str | None, int | None], Suggestion] = {}
    for edge in reasons.weak:
        if node.index not in (edge.left, edge.right) or reasons._same_cluster(edge):  # noqa: SLF001  # one module
            continue
        at = edge.other(node.index)
        stranger = reasons.bystander(at)
        other = None if stranger is not None else reasons.clustering.nodes[at]
        record = stranger if stranger is not None else other.record if other is not None else None
        ci_id = record.ci_id if record is not None else other.ci.id if other is not None and other.ci is not None else None
        if ci_id is not None and node.record is not None and ci_id == node.record.ci_id:
            continue
        against = contradictions(node, other) if other is not None else ()
        found.setdefault(
            (ci_id, None if ci_id else record.id if record else None),
            Suggestion(edge.rule.rule, ci_id, record.id if record is not None else None, edge.identifiers, against),
        )
    return tuple(found.values())[:_LIMIT]
