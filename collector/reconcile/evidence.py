"""Why each record is where it is: the link's evidence and near misses. Internal to identification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.reconcile.claim import BOOT_KIND
from collector.reconcile.cluster import Clustering
from collector.reconcile.ladder import Edge
from collector.reconcile.node import Node
from collector.reconcile.record import (
    IgnoredIdentifier,
    Link,
    LinkEvidence,
    RecordView,
    RejectedCandidate,
    Suggestion,
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

    def record(self, index: int) -> RecordView | None:
        """The record of a node or bystander; None for a recorded side."""
        return self.bystander(index) or self.clustering.nodes[index].record

    def is_inside(self, edge: Edge) -> bool:
        """Whether an end of the edge is a node: what ties two bystanders is seen where one of them is decided."""
        return min(edge.left, edge.right) < len(self.clustering.nodes)

    def is_within_one(self, edge: Edge) -> bool:
        """Whether both ends of the edge are of one cluster."""
        count = len(self.clustering.nodes)
        return edge.left < count and edge.right < count and self.clustering.root(edge.left) == self.clustering.root(edge.right)


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
        if node.index not in (edge.left, edge.right) or reasons.is_within_one(edge):
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
