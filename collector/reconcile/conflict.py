"""Cases that a clustering leaves: who could not be told apart, who claims the same, who came back. Internal to identification.

A case's key is made of the identifiers in dispute, never of ids or arrival, so the same finding has one case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from collector.reconcile.cluster import Clustering
from collector.reconcile.exchange import find_exchanges
from collector.reconcile.ladder import Edge
from collector.reconcile.node import EMPTY, Node
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
    def is_strong(self) -> bool:
        return any(edge.level[0] == 0 for edge in self.edges)

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
        kind = _kind_of(clustering, edges, dispute)
        if kind is None:
            continue
        seed = _seed(clustering, kind, dispute.identifiers, (dispute.left, dispute.right), vetoes=dispute.vetoes)
        cases.append(_of_its_disposal(clustering, dispute, seed, known) if kind == "resurrection" else seed)
        if kind != "duplicate":
            disputed.add(_junior(clustering, dispute.left, dispute.right))
    for indexes in clusters:
        cases += _resurrections([clustering.nodes[index] for index in indexes], known)
        cases += find_exchanges([clustering.nodes[index] for index in indexes])
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


def _kind_of(clustering: Clustering, edges: Sequence[Edge], dispute: _Dispute) -> CaseKind | None:
    """Which case two clusters are; None: a person has decided, they settled it themselves, or only what clones share ties them."""
    codes = {veto.code for veto in dispute.vetoes}
    is_agents = _is_agent(clustering, dispute.left) and _is_agent(clustering, dispute.right)
    if "cannot_link" in codes:
        return None
    if "disposed" in codes:
        return "resurrection"
    if "class_family" in codes:
        return "class_conflict"
    if is_agents and _has_enrolled_anew(clustering, dispute):
        return None
    if not dispute.is_strong and _is_other_hardware(clustering, dispute):
        return None
    if "same_native_key" in codes:
        return "clone" if is_agents else "replacement"
    if codes & _CLONES:
        return "clone"
    if "both_decided" in codes:
        return "duplicate"
    if all(_is_cross_check(clustering, edges, edge) for edge in dispute.edges):
        return "duplicate"
    return _kind_of_contradiction(clustering, dispute, is_agents=is_agents)


def _is_cross_check(clustering: Clustering, edges: Sequence[Edge], edge: Edge) -> bool:
    """Whether the newcomer of a rung has its place by a better one already: then the lower rung only points at another CI."""

    def age(index: int) -> tuple[int, tuple[object, ...]]:
        record = clustering.nodes[index].record
        return (record.first_seen_at if record is not None else -1, clustering.nodes[index].order_key)

    newcomer = max((edge.left, edge.right), key=age)
    root = clustering.root(newcomer)
    better = [each for each in edges if each.level < edge.level and newcomer in (each.left, each.right)]
    return any(clustering.root(each.other(newcomer)) == root for each in better)


def _kind_of_contradiction(clustering: Clustering, dispute: _Dispute, *, is_agents: bool) -> CaseKind:
    """One strong identifier for, another against. What only software carries was copied; of one after the other a part was exchanged."""
    rules = {edge.rule.rule for edge in dispute.edges}
    if "enrolment_id" in rules or (is_agents and not clustering.contradictions_across(dispute.left, dispute.right)):
        return "clone"
    if not lives_overlap(clustering, dispute.left, dispute.right):
        return "replacement"
    classes = {clustering.nodes[index].ci_class for root in (dispute.left, dispute.right) for index in clustering.members[root]}
    return "clone" if is_agents or "virtual_machine" in classes else "contradiction"


def _is_agent(clustering: Clustering, root: int) -> bool:
    return any(record.source.kind == "agent" for record in clustering.records(root))


def _has_enrolled_anew(clustering: Clustering, dispute: _Dispute) -> bool:
    """Whether the machines that reported under one enrolment have one each now."""
    for left, right in ((dispute.left, dispute.right), (dispute.right, dispute.left)):
        shared = {record.source for record in clustering.records(left)} & {record.source for record in clustering.records(right)}
        last = max((record.observed_at for record in clustering.records(left) if record.source in shared), default=None)
        own = [record for record in clustering.records(left) if record.source.kind == "agent" and record.source not in shared]
        if last is not None and any(not record.is_closed and record.confirmed_at >= last for record in own):
            return True
    return False


def _is_other_hardware(clustering: Clustering, dispute: _Dispute) -> bool:
    """Whether two that software alone ties show other hardware: another serial, UUID, or no Ethernet address in common."""
    if clustering.contradictions_across(dispute.left, dispute.right):
        return True
    ours, theirs = (
        {value for index in clustering.members[root] for value in clustering.nodes[index].usable.get("mac", EMPTY)}
        for root in (dispute.left, dispute.right)
    )
    return bool(ours and theirs) and not ours & theirs


def lives_overlap(clustering: Clustering, left: int, right: int) -> bool:
    """Whether records of both clusters were fresh at one time, and neither took the other's place."""
    return not clustering.is_followed(left, right) and any(
        max(one.first_seen_at, other.first_seen_at) < min(one.live_until, other.live_until)
        for one in clustering.records(left)
        for other in clustering.records(right)
    )


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


def _of_its_disposal(clustering: Clustering, dispute: _Dispute, seed: CaseSeed, known: dict[str, KnownCi]) -> CaseSeed:
    """The case under the disposed CI's own key: whether its own record reports again or another source's, it is one question."""
    nodes = [clustering.nodes[index] for root in (dispute.left, dispute.right) for index in clustering.members[root]]
    disposed = sorted({node.tombstone for node in nodes if node.tombstone is not None and node.tombstone in known})
    return replace(seed, key=_resurrection_key(known[disposed[0]])) if disposed else seed


def _resurrection_key(ci: KnownCi) -> str:
    return f"resurrection|{ci.id}|{ci.lifecycle_since_at}"


def _resurrections(members: Sequence[Node], known: dict[str, KnownCi]) -> list[CaseSeed]:
    """Of each record its own CI, of one that has none yet those that it belongs to with the others."""
    named = sorted({each for node in members for each in _named(node)})
    found: dict[str, CaseSeed] = {}
    for node in members:
        record = node.record
        if record is None or node.tombstone is not None:
            continue
        for ci_id in named if record.ci_id is None else [record.ci_id]:
            seed = resurrection_of(known[ci_id], record.id, record.confirmed_at) if ci_id in known else None
            if seed is not None:
                found.setdefault(seed.key, seed)
    return list(found.values())


def _named(node: Node) -> list[str]:
    own = [node.ci.id] if node.ci is not None else []
    return own if node.record is None or node.record.ci_id is None else [*own, node.record.ci_id]


def resurrection_of(ci: KnownCi, record_id: int, confirmed_at: int) -> CaseSeed | None:
    """The case of a retired or disposed CI whose record reports again; None where it is neither, or not seen since."""
    if ci.lifecycle not in ("retired", "disposed") or confirmed_at <= ci.lifecycle_since_at:
        return None
    return CaseSeed(
        kind="resurrection",
        key=_resurrection_key(ci),
        record_ids=(record_id,),
        ci_ids=(ci.id,),
        evidence={"lifecycle": ci.lifecycle, "lifecycle_since_at": ci.lifecycle_since_at, "seen_at": confirmed_at},
    )
