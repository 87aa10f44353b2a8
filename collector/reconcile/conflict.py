"""Cases that a clustering leaves: who could not be told apart, who claims the same, who came back. Internal to identification.

A case's key is made of the identifiers in dispute, never of ids or arrival, so the same finding has one case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.reconcile.cluster import Clustering
from collector.reconcile.ladder import Edge
from collector.reconcile.node import Node
from collector.reconcile.quarantine import find_torn
from collector.reconcile.record import CaseSeed, KnownCi, UsedIdentifier, Veto
from muster.model.state import CaseKind

_CLONES = frozenset({"boot_overlap", "cloud_instance", "manager_instance"})


@dataclass(frozen=True, slots=True)
class _Dispute:
    """Two clusters that rungs tie together and vetoes keep apart."""

    left: int
    right: int
    edges: tuple[Edge, ...]
    vetoes: tuple[Veto, ...]

    @property
    def identifiers(self) -> tuple[UsedIdentifier, ...]:
        found = {(used.kind, used.scope, used.value): used for edge in self.edges for used in edge.identifiers}
        return tuple(found[key] for key in sorted(found))


def find_cases(
    clustering: Clustering, edges: Sequence[Edge], clusters: Sequence[Sequence[int]], cis: Iterable[KnownCi]
) -> tuple[list[CaseSeed], set[int]]:
    """The cases, and the roots of clusters whose identity a case disputes (a newcomer is provisional then)."""
    known = {ci.id: ci for ci in cis}
    torn = find_torn(clustering, edges)
    cases: list[CaseSeed] = []
    disputed: set[int] = set()
    for root, others in torn.items():
        disputed.add(root)
        cases.append(_contradiction(clustering, edges, root, others))
    for index, (rule, candidates) in clustering.ambiguous.items():
        disputed.add(clustering.root(index))
        cases.append(_ambiguity(clustering, edges, index, candidates, rule=rule))
    for dispute in _disputes(clustering, edges):
        if dispute.left in torn or dispute.right in torn:
            continue
        kind = _kind_of(clustering, dispute)
        if kind is None:
            continue
        cases.append(_seed(clustering, kind, dispute.identifiers, (dispute.left, dispute.right), vetoes=dispute.vetoes))
        if kind != "duplicate":
            disputed.add(_junior(clustering, dispute.left, dispute.right))
    for indexes in clusters:
        cases += _resurrections([clustering.nodes[index] for index in indexes], known)
    return cases, disputed


def _disputes(clustering: Clustering, edges: Sequence[Edge]) -> list[_Dispute]:
    between: dict[tuple[int, int], list[Edge]] = {}
    for edge in edges:
        left, right = sorted((clustering.root(edge.left), clustering.root(edge.right)))
        if left != right and edge.is_automatic and not edge.is_past:
            between.setdefault((left, right), []).append(edge)
    found = []
    for (left, right), ties in sorted(between.items()):
        vetoes = clustering.vetoes(left, right, is_strong=any(edge.level[0] == 0 for edge in ties))
        if vetoes:
            found.append(_Dispute(left, right, tuple(ties), vetoes))
    return found


def _kind_of(clustering: Clustering, dispute: _Dispute) -> CaseKind | None:
    codes = {veto.code for veto in dispute.vetoes}
    if "cannot_link" in codes:
        return None  # a person has decided
    if "disposed" in codes:
        return "resurrection"
    if "class_family" in codes:
        return "class_conflict"
    if "same_native_key" in codes:
        return "clone" if _is_agent(clustering, dispute.left) else "replacement"
    if codes & _CLONES:
        return "clone"
    if "both_decided" in codes:
        return "duplicate"
    if "other_enrolment" in codes and not clustering.contradictions_across(dispute.left, dispute.right):
        return "clone"
    return "clone" if is_live(clustering, dispute.left) and is_live(clustering, dispute.right) else "replacement"


def _is_agent(clustering: Clustering, root: int) -> bool:
    records = [clustering.nodes[index].record for index in clustering.members[root]]
    return any(record is not None and record.source.kind == "agent" for record in records)


def is_live(clustering: Clustering, root: int) -> bool:
    """Whether some open record of the cluster is fresh now."""
    records = [clustering.nodes[index].record for index in clustering.members[root]]
    return any(record is not None and record.is_live and not record.is_closed for record in records)


def _junior(clustering: Clustering, left: int, right: int) -> int:
    """Which of two is the newcomer: no decisions on it, then observed first later, then by canonical order."""

    def age(root: int) -> tuple[bool, int, tuple[object, ...]]:
        nodes = [clustering.nodes[index] for index in clustering.members[root]]
        decided = any(node.ci is not None and node.ci.has_decisions for node in nodes)
        seen = [node.record.first_seen_at for node in nodes if node.record is not None]
        return (not decided, min(seen, default=0), min(node.order_key for node in nodes))

    return max((left, right), key=age)


def _contradiction(clustering: Clustering, edges: Sequence[Edge], root: int, others: set[int]) -> CaseSeed:
    ties = [
        edge for edge in edges if edge.level[0] == 0 and root in (one := {clustering.root(edge.left), clustering.root(edge.right)}) and one & others
    ]
    used = {(each.kind, each.scope, each.value): each for edge in ties for each in edge.identifiers}
    return _seed(clustering, "contradiction", tuple(used[key] for key in sorted(used)), (root, *sorted(others)))


def _ambiguity(clustering: Clustering, edges: Sequence[Edge], index: int, candidates: Sequence[int], *, rule: str) -> CaseSeed:
    root = clustering.root(index)
    roots = {clustering.root(each) for each in candidates}
    ties = [
        edge for edge in edges if edge.rule.rule == rule and {clustering.root(edge.left), clustering.root(edge.right)} & {root} and not edge.is_past
    ]
    used = {(each.kind, each.scope, each.value): each for edge in ties for each in edge.identifiers}
    return _seed(clustering, "ambiguity", tuple(used[key] for key in sorted(used)), (root, *sorted(roots - {root})))


def _seed(
    clustering: Clustering, kind: CaseKind, used: tuple[UsedIdentifier, ...], roots: Sequence[int], *, vetoes: tuple[Veto, ...] = ()
) -> CaseSeed:
    nodes = [clustering.nodes[index] for root in roots for index in clustering.members[root]]
    return CaseSeed(
        kind=kind,
        key="|".join((kind, *(f"{each.kind}:{each.scope}:{each.value}" for each in used))),
        record_ids=tuple(sorted(node.record.id for node in nodes if node.record is not None)),
        ci_ids=tuple(sorted({*(node.ci.id for node in nodes if node.ci is not None), *(node.tombstone for node in nodes if node.tombstone)})),
        evidence={
            "identifiers": [{"identifier": each.kind, "scope": each.scope, "value": each.value} for each in used],
            "vetoes": [{"code": veto.code, "left": veto.left, "right": veto.right} for veto in vetoes],
        },
    )


def _resurrections(members: Sequence[Node], known: dict[str, KnownCi]) -> list[CaseSeed]:
    found = {}
    for node in members:
        record = node.record
        ci = known.get(record.ci_id) if record is not None and record.ci_id is not None else None
        seed = resurrection_of(ci, record.id, record.confirmed_at) if record is not None and ci is not None and node.tombstone is None else None
        if seed is not None:
            found[seed.key] = seed
    return list(found.values())


def resurrection_of(ci: KnownCi, record_id: int, confirmed_at: int) -> CaseSeed | None:
    """The case of a retired or disposed CI whose record reports again; None where it is neither, or not seen since."""
    if ci.lifecycle not in ("retired", "disposed") or confirmed_at <= ci.lifecycle_since_at:
        return None
    return CaseSeed(
        kind="resurrection",
        key=f"resurrection|{ci.id}|{ci.lifecycle_since_at}",
        record_ids=(record_id,),
        ci_ids=(ci.id,),
        evidence={"lifecycle": ci.lifecycle, "lifecycle_since_at": ci.lifecycle_since_at, "seen_at": confirmed_at},
    )
