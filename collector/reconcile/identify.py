"""Which source records are one CI: the decision on one neighbourhood, as a pure function of the set.

`partition` joins records along the ladders, tests vetoes, learns shared values, gives the parts the ids of known CIs and writes down
why. Arrival never counts; what each source claimed, and when it was true, does. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import msgspec

from collector.reconcile.cluster import Clustering, climb
from collector.reconcile.conflict import find_cases
from collector.reconcile.evidence import Reasons, build_link
from collector.reconcile.ladder import Edge, Ladders
from collector.reconcile.namesake import find_namesakes
from collector.reconcile.node import Barred, Node, attested_macs, record_node, recorded_node
from collector.reconcile.quarantine import find_shared_values, quarantine_cases
from collector.reconcile.record import CaseSeed, ClaimKey, KnownCi, Neighbourhood, Part, Partition, RecordView, SourceKey
from collector.reconcile.settings import Settings
from collector.reconcile.veto import VetoRules
from muster.model.ci_class import ClassCatalogue

_ROUNDS = 10  # of learning shared values; each bars at least one more
_SOURCE_ORDER = ("manual", "agent", "hypervisor", "cloud", "ssh", "snmp", "api", "import", "sweep")


@dataclass(frozen=True, slots=True)
class _Decided:
    """One settled clustering with what led to it."""

    clustering: Clustering
    edges: list[Edge]
    learned: dict[ClaimKey, int]
    joined_by: dict[int, str]


def partition(neighbourhood: Neighbourhood, catalogue: ClassCatalogue, settings: Settings) -> Partition:
    """Every record of the neighbourhood in one part. Deterministic, and independent of the order of its records and of the time.

    Cost: quadratic in the records that share a value; the neighbourhood is bounded by `neighbourhood_limit`.
    """
    if neighbourhood.is_truncated or len(neighbourhood.records) > settings.neighbourhood_limit:
        return _leave_as_is(neighbourhood)
    ladders = Ladders(catalogue)
    decided = _settle(neighbourhood, catalogue, settings, ladders)
    clusters = _clusters_of_records(decided.clustering)
    ids, emptied = assign_ids(clusters, decided.clustering.nodes, neighbourhood.cis)
    cases, disputed = find_cases(decided.clustering, decided.edges, clusters, neighbourhood.cis)
    suggestions = _weak_edges(neighbourhood, catalogue, decided, ladders)
    reasons = Reasons(decided.clustering, decided.edges, suggestions, decided.joined_by, neighbourhood.bystanders)
    known = {ci.id: ci for ci in neighbourhood.cis}
    parts = []
    for indexes, ci_id in zip(clusters, ids, strict=True):
        members = [decided.clustering.nodes[index] for index in indexes]
        parts.append(
            Part(
                links=tuple(build_link(node, reasons) for node in members if node.record is not None),
                ci_id=ci_id,
                ci_class=class_of(members, ladders),
                is_provisional=decided.clustering.root(indexes[0]) in disputed and not _is_decided_on(known.get(ci_id or "")),
            )
        )
    barred = sorted({*decided.learned, *neighbourhood.quarantined})
    all_cases = [*cases, *find_namesakes(reasons), *quarantine_cases(barred, decided.clustering.nodes)]
    return Partition(
        parts=tuple(parts),
        cases=_unique(all_cases),
        quarantined=decided.learned,
        released=tuple(sorted(set(neighbourhood.doubtful) - set(barred))),
        emptied=_into_parts(emptied, parts, neighbourhood),
        outdated=_outdated(decided.clustering, clusters),
    )


def _outdated(clustering: Clustering, clusters: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Open records that stay with their CI only because they were not heard since it exchanged what they tell."""
    found: set[int] = set()
    for indexes in clusters:
        for one, other in combinations(indexes, 2):
            for record in clustering.outdated_of(one, other):
                found.update([record.id] if not record.is_closed else [])
    return tuple(sorted(found))


def _is_decided_on(ci: KnownCi | None) -> bool:
    return ci is not None and ci.has_decisions


def _settle(neighbourhood: Neighbourhood, catalogue: ClassCatalogue, settings: Settings, ladders: Ladders) -> _Decided:
    """Cluster, learn which values are shared, and cluster again without them until nothing more is learned."""
    barred = dict(neighbourhood.quarantined)
    learned: dict[ClaimKey, int] = {}
    must, cannot = _active_constraints(neighbourhood)
    rules = VetoRules(settings, cannot, cloned_agents(neighbourhood.records))
    for _ in range(_ROUNDS):
        nodes = _build_nodes(neighbourhood, catalogue, barred)
        clustering = Clustering(nodes, rules)
        joined_by = _join_decided(clustering, must)
        edges = ladders.edges(nodes, barred)
        climb(clustering, edges)
        found = find_shared_values(clustering, edges, settings)
        shared = {key: since for key, since in found.items() if key not in barred and key not in neighbourhood.trusted}
        if not shared:
            break
        learned |= shared
        barred |= shared
    return _Decided(clustering, edges, dict(sorted(learned.items())), joined_by)


def cloned_agents(records: Iterable[RecordView]) -> frozenset[SourceKey]:
    """Agents under whose name more than one machine reports."""
    keys = Counter((record.source, record.ref) for record in records if record.source.kind == "agent")
    return frozenset(source for (source, _), count in keys.items() if count > 1)


def _build_nodes(neighbourhood: Neighbourhood, catalogue: ClassCatalogue, barred: Barred) -> list[Node]:
    """Records in canonical order, then the recorded sides that count: of CIs that people decided on, or that no record is linked to."""
    known = {ci.id: ci for ci in neighbourhood.cis}
    linked = {record.ci_id for record in neighbourhood.records}
    records = sorted(neighbourhood.records, key=lambda each: each.order_key)
    attested = attested_macs(records)
    nodes = [record_node(at, each, catalogue, barred, attested=attested, tombstone=_tombstone(each, known)) for at, each in enumerate(records)]
    by_person = {record.ci_id for record in records if record.linked_by == "person"}
    counted = [ci for ci in neighbourhood.cis if ci.has_decisions or ci.id not in linked or ci.id in by_person]
    for ci in sorted(counted, key=lambda each: (each.number, each.id)):
        nodes.append(recorded_node(len(nodes), ci, catalogue, barred))
    return nodes


def _tombstone(record: RecordView, known: dict[str, KnownCi]) -> str | None:
    ci = known.get(record.ci_id) if record.ci_id is not None else None
    return ci.id if ci is not None and ci.lifecycle == "disposed" and record.confirmed_at <= ci.lifecycle_since_at else None


def _active_constraints(neighbourhood: Neighbourhood) -> tuple[list[tuple[int, int]], frozenset[frozenset[int]]]:
    """Pairs that must and must not be one; the newer word on a pair holds."""
    newest: dict[frozenset[int], tuple[int, str, tuple[int, int]]] = {}
    for each in neighbourhood.constraints:
        pair = frozenset((each.left_record_id, each.right_record_id))
        word = (each.created_at, each.kind, (min(pair), max(pair)))
        if len(pair) == 2 and word > newest.get(pair, (-1, "", (0, 0))):
            newest[pair] = word
    must = [(at, pair) for at, kind, pair in newest.values() if kind == "must_link"]
    cannot = frozenset(pair for pair, (_, kind, _) in newest.items() if kind == "cannot_link")
    return [pair for _, pair in sorted(must, key=lambda each: (-each[0], each[1]))], cannot


def _join_decided(clustering: Clustering, must: Sequence[tuple[int, int]]) -> dict[int, str]:
    """Join what people linked and what keeps its place: must_link, links by a person, tombstones, and records whose claims moved on
    but whose CI a person decided on. Only a cannot_link stands against the first two."""
    by_record = {node.record.id: node.index for node in clustering.nodes if node.record is not None}
    by_ci = {node.ci.id: node.index for node in clustering.nodes if node.ci is not None}
    joined_by: dict[int, str] = {}
    for left, right in must:
        if left in by_record and right in by_record and _may_join(clustering, by_record[left], by_record[right]):
            clustering.join(by_record[left], by_record[right])
            joined_by |= {by_record[left]: "must_link", by_record[right]: "must_link"}
    records = [(node, node.record) for node in clustering.nodes if node.record is not None and node.record.ci_id in by_ci]
    for node, record in records:
        target = by_ci[record.ci_id or ""]
        if node.tombstone is not None:
            clustering.join(node.index, target)
        elif record.linked_by == "person" and _may_join(clustering, node.index, target):
            clustering.join(node.index, target)
            joined_by[node.index] = "person"
    for node, record in records:
        target = by_ci[record.ci_id or ""]
        ci = clustering.nodes[target].ci
        if ci is not None and ci.has_decisions and node.past and ci.lifecycle != "disposed" and _may_stay(clustering, node.index, target):
            clustering.join(node.index, target)
            joined_by.setdefault(node.index, "native_key")
    return joined_by


def _may_join(clustering: Clustering, left: int, right: int) -> bool:
    """Nothing but a cannot_link (or a tombstone) stands against a person's word."""
    vetoes = clustering.vetoes(clustering.root(left), clustering.root(right), is_strong=True)
    return not {veto.code for veto in vetoes} & {"cannot_link", "disposed"}


def _may_stay(clustering: Clustering, left: int, right: int) -> bool:
    """A record stays with its decided CI unless another record there excludes it; the recorded side may differ from it."""
    others = [other for other in clustering.members[clustering.root(right)] if clustering.nodes[other].record is not None]
    absolute = clustering.absolute(left, right)
    return not absolute and not any(clustering.vetoes_between(left, other) for other in others if other != left)


def _clusters_of_records(clustering: Clustering) -> list[list[int]]:
    """The clusters that hold a record, each in canonical order, and in the order of their first records."""
    found: dict[int, list[int]] = {}
    for node in clustering.nodes:
        found.setdefault(clustering.root(node.index), []).append(node.index)
    return [indexes for indexes in found.values() if any(clustering.nodes[index].record is not None for index in indexes)]


def assign_ids(clusters: Sequence[Sequence[int]], nodes: Sequence[Node], cis: Iterable[KnownCi]) -> tuple[list[str | None], dict[str, int | None]]:
    """The id that each cluster keeps (None: new), and the CIs left without one, with the cluster that took most of their records.

    A recorded side goes before overlap, CIs with decisions before others, then the greatest overlap, then the older number.
    """
    wishes: list[tuple[tuple[bool, bool, int, int, int], str, int]] = []
    overlap: dict[str, dict[int, int]] = {}
    for at, indexes in enumerate(clusters):
        for index in indexes:
            ci_id = nodes[index].record.ci_id if nodes[index].record is not None else None  # type: ignore[union-attr]  # tested in place
            if ci_id is not None:
                count = overlap.setdefault(ci_id, {})
                count[at] = count.get(at, 0) + 1
    bound = {(nodes[index].ci.id, at) for at, indexes in enumerate(clusters) for index in indexes if nodes[index].ci is not None}  # type: ignore[union-attr]  # tested in place
    known = {ci.id: ci for ci in cis}
    for ci_id, at in {*bound, *((ci_id, at) for ci_id, counts in overlap.items() for at in counts)}:
        ci = known.get(ci_id)
        if ci is None or (ci.lifecycle == "disposed" and not any(nodes[index].tombstone == ci_id for index in clusters[at])):
            continue
        rank = ((ci_id, at) not in bound, not ci.has_decisions, -overlap.get(ci_id, {}).get(at, 0), ci.number, at)
        wishes.append((rank, ci_id, at))
    taken: dict[int, str] = {}
    for _, ci_id, at in sorted(wishes):
        if at not in taken and ci_id not in taken.values():
            taken[at] = ci_id
    emptied = {ci_id: min(counts, key=lambda at: (-counts[at], at)) for ci_id, counts in overlap.items() if ci_id not in taken.values()}
    emptied |= {ci_id: at for ci_id, at in sorted(bound) if ci_id not in taken.values()}
    return [taken.get(at) for at in range(len(clusters))], dict(emptied)


def _into_parts(emptied: dict[str, int | None], parts: Sequence[Part], neighbourhood: Neighbourhood) -> tuple[tuple[str, int | None], ...]:
    disposed = {ci.id for ci in neighbourhood.cis if ci.lifecycle == "disposed"}
    return tuple((ci_id, at) for ci_id, at in sorted(emptied.items()) if ci_id not in disposed and (at is None or at < len(parts)))


def class_of(members: Sequence[Node], ladders: Ladders) -> str:
    """The class of a cluster: of the most special classes, the one that the best source reports; `device` is always refined."""
    depth = max(ladders.depth(node.ci_class) for node in members)
    special = [node for node in members if ladders.depth(node.ci_class) == depth]

    def rank(node: Node) -> tuple[int, str]:
        kind = node.record.source.kind if node.record is not None else "import"
        return (_SOURCE_ORDER.index(kind), node.ci_class)

    return min(special, key=rank).ci_class


def _weak_edges(neighbourhood: Neighbourhood, catalogue: ClassCatalogue, decided: _Decided, ladders: Ladders) -> list[Edge]:
    """Suggesting edges, also to the bystanders, which are numbered after the nodes."""
    nodes = list(decided.clustering.nodes)
    barred = neighbourhood.quarantined | decided.learned
    for record in sorted(neighbourhood.bystanders, key=lambda each: each.order_key):
        nodes.append(record_node(len(nodes), record, catalogue, barred))
    return [edge for edge in ladders.edges(nodes, barred) if not edge.is_automatic]


def _leave_as_is(neighbourhood: Neighbourhood) -> Partition:
    """Too many to decide at once: everyone stays where they are, newcomers stay alone, and a case says so."""
    by_ci: dict[str, list[RecordView]] = {}
    for record in sorted(neighbourhood.records, key=lambda each: each.order_key):
        by_ci.setdefault(record.ci_id or f"record {record.id}", []).append(record)
    parts = [
        Part(
            links=tuple(build_link(record, None) for record in records),
            ci_id=records[0].ci_id,
            ci_class=records[0].ci_class,
            is_provisional=records[0].ci_id is None,
        )
        for records in by_ci.values()
    ]
    first = min(neighbourhood.records, key=lambda each: each.order_key)
    case = CaseSeed(
        kind="ambiguity",
        key=f"neighbourhood|{first.source.text}|{first.ref}",
        record_ids=tuple(sorted(record.id for record in neighbourhood.records)[:100]),
        evidence={"records": len(neighbourhood.records)},
    )
    return Partition(parts=tuple(parts), cases=(case,))


def _unique(cases: Iterable[CaseSeed]) -> tuple[CaseSeed, ...]:
    """One case for each finding, with the members of all that found it."""
    found: dict[tuple[str, str], CaseSeed] = {}
    for case in cases:
        known = found.get((case.kind, case.key), case)
        records, cis = {*known.record_ids, *case.record_ids}, {*known.ci_ids, *case.ci_ids}
        found[case.kind, case.key] = msgspec.structs.replace(known, record_ids=tuple(sorted(records)), ci_ids=tuple(sorted(cis)))
    return tuple(found[key] for key in sorted(found))
