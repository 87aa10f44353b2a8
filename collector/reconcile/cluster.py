"""Joining nodes rung by rung into clusters: the same set of nodes gives the same clusters, in whatever order they arrived.

On each rung all candidates are looked at together: one candidate without a veto joins; several that exclude each other leave the
node aside (never "take first"), unless one agrees on strictly more rungs than the others. Internal to identification.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from collector.reconcile.ladder import Edge
from collector.reconcile.node import Node, shared_names
from collector.reconcile.record import RecordView, Veto
from collector.reconcile.veto import HARDWARE_KINDS, VetoRules, agreements, contradictions, differing, is_follower, is_outweighed

Pair = tuple[int, int]


@dataclass(slots=True)
class Clustering:
    """Clusters under construction. `ambiguous`: node index to the node indexes of the candidates that excluded each other."""

    nodes: Sequence[Node]
    rules: VetoRules
    parent: list[int] = field(init=False)
    members: dict[int, list[int]] = field(init=False)
    ambiguous: dict[int, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    _witnesses: tuple[Node, ...] = field(init=False)  # those that exchanged a part
    _absolute: dict[Pair, tuple[Veto, ...]] = field(default_factory=dict)
    _contradictions: dict[Pair, tuple[Veto, ...]] = field(default_factory=dict)
    _agreements: dict[Pair, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parent = list(range(len(self.nodes)))
        self.members = {index: [index] for index in range(len(self.nodes))}
        self._witnesses = tuple(node for node in self.nodes if any(claim.kind in HARDWARE_KINDS and claim.last_seen_at for claim in node.claims))

    def root(self, index: int) -> int:
        while self.parent[index] != index:
            self.parent[index] = self.parent[self.parent[index]]
            index = self.parent[index]
        return index

    def join(self, left: int, right: int) -> None:
        """Make two clusters one; its root is the first of its nodes in canonical order."""
        one, other = self.root(left), self.root(right)
        if one == other:
            return
        if self.nodes[other].order_key < self.nodes[one].order_key:
            one, other = other, one
        self.parent[other] = one
        self.members[one] += self.members.pop(other)

    def absolute(self, left: int, right: int) -> tuple[Veto, ...]:
        return self._cached(self._absolute, left, right, self._find_absolute)

    def _find_absolute(self, left: Node, right: Node) -> tuple[Veto, ...]:
        found = self.rules.absolute(left, right)
        if any(veto.code == "same_native_key" for veto in found) and self._is_succession(left, right):
            return tuple(veto for veto in found if veto.code != "same_native_key")
        return found

    def _find_contradictions(self, left: Node, right: Node) -> tuple[Veto, ...]:
        found = contradictions(left, right)
        return () if found and self._is_succession(left, right) else found

    def outdated_of(self, left: int, right: int) -> list[RecordView]:
        """Of two nodes the record whose word the other has outlived."""
        one, other = self.nodes[left], self.nodes[right]
        if not self._witnesses or one.record is None or other.record is None or self._find_contradictions(one, other) or not differing(one, other):
            return []
        return [min(one.record, other.record, key=lambda record: record.heard_at)]

    def _is_succession(self, left: Node, right: Node) -> bool:
        """Whether one tells what the other was before a part was exchanged, by what a third saw."""
        return bool(self._witnesses) and (is_follower(left, right, self._witnesses) or is_follower(right, left, self._witnesses))

    def contradicted(self, left: int, right: int) -> tuple[Veto, ...]:
        return self._cached(self._contradictions, left, right, self._find_contradictions)

    def _agreed(self, left: int, right: int) -> frozenset[str]:
        pair = (min(left, right), max(left, right))
        if pair not in self._agreements:
            self._agreements[pair] = agreements(self.nodes[pair[0]], self.nodes[pair[1]])
        return self._agreements[pair]

    def _cached(self, known: dict[Pair, tuple[Veto, ...]], left: int, right: int, find: Callable[[Node, Node], tuple[Veto, ...]]) -> tuple[Veto, ...]:
        pair = (min(left, right), max(left, right))
        if pair not in known:
            known[pair] = find(self.nodes[pair[0]], self.nodes[pair[1]])
        return known[pair]

    def _across(self, left: int, right: int) -> Iterable[Pair]:
        return ((one, other) for one in self.members[left] for other in self.members[right])

    def vetoes(self, left: int, right: int, *, is_strong: bool) -> tuple[Veto, ...]:
        """What stops the clusters of two roots on a rung; empty where nothing does."""
        return self._vetoes(list(self._across(left, right)), is_strong=is_strong)

    def contradictions_across(self, left: int, right: int) -> tuple[Veto, ...]:
        """Identifiers that differ between the clusters of two roots, whatever else keeps them apart."""
        return tuple(veto for pair in self._across(left, right) for veto in self.contradicted(*pair))

    def records(self, root: int) -> list[RecordView]:
        """The source records of a cluster."""
        return [record for index in self.members[root] if (record := self.nodes[index].record) is not None]

    def is_followed(self, left: int, right: int) -> bool:
        """Whether one bears the other's name and was first seen when the other was not seen any more: new hardware in an old place."""
        if not any(shared_names(self.nodes[one].usable, self.nodes[other].usable) for one, other in self._across(left, right)):
            return False
        spans = [(min(each.first_seen_at for each in found), max(_seen_until(each) for each in found)) for found in map(self.records, (left, right))]
        return spans[0][1] < spans[1][0] or spans[1][1] < spans[0][0]

    def vetoes_between(self, left: int, right: int) -> tuple[Veto, ...]:
        """What stops two nodes alone on a strong rung."""
        return self._vetoes([(left, right)], is_strong=True)

    def _vetoes(self, pairs: Sequence[Pair], *, is_strong: bool) -> tuple[Veto, ...]:
        found: dict[tuple[str, str, str], Veto] = {}
        for pair in pairs:
            for veto in self.absolute(*pair):
                found.setdefault((veto.code, veto.left, veto.right), veto)
        if found:
            return tuple(found[key] for key in sorted(found))
        against = {(veto.code, veto.left, veto.right): veto for pair in pairs for veto in self.contradicted(*pair)}
        if not against:
            return ()
        agreed = frozenset().union(*(self._agreed(*pair) for pair in pairs))
        if is_strong and is_outweighed(agreed, against.values()):
            return ()
        return tuple(against[key] for key in sorted(against))


def _seen_until(record: RecordView) -> int:
    return min(record.confirmed_at, record.live_until)


def climb(clustering: Clustering, edges: Sequence[Edge]) -> None:
    """Join clusters along the automatic rungs, best first; `edges` in canonical order."""
    automatic = [edge for edge in edges if edge.is_automatic]
    rungs_between: dict[frozenset[int], set[str]] = {}
    for edge in automatic:
        rungs_between.setdefault(frozenset((edge.left, edge.right)), set()).add(edge.rule.rule)
    for level, group in groupby(automatic, key=lambda edge: edge.level):
        _climb_one(clustering, list(group), rungs_between, is_strong=level[0] == 0)


def _climb_one(clustering: Clustering, edges: Sequence[Edge], rungs_between: Mapping[frozenset[int], Collection[str]], *, is_strong: bool) -> None:
    aside = {clustering.root(index) for index in clustering.ambiguous}
    neighbours: dict[int, set[int]] = {}
    for edge in edges:
        left, right = clustering.root(edge.left), clustering.root(edge.right)
        if left == right or left in aside or right in aside:
            continue
        if clustering.vetoes(left, right, is_strong=is_strong):
            continue
        neighbours.setdefault(left, set()).add(right)
        neighbours.setdefault(right, set()).add(left)
    for component in _components(neighbours):
        excluded = _exclusions(clustering, component, is_strong=is_strong)
        if excluded:
            _choose(clustering, component, neighbours, excluded, rungs_between, rule=edges[0].rule.rule)
    for component in _components(neighbours):
        _join_component(clustering, component, neighbours, edges[0].rule.rule, is_strong=is_strong)


def _exclusions(clustering: Clustering, component: Sequence[int], *, is_strong: bool) -> dict[int, set[int]]:
    """Which clusters of a component a veto keeps apart; empty where none."""
    found: dict[int, set[int]] = {}
    for at, one in enumerate(component):
        for other in component[at + 1 :]:
            if clustering.vetoes(one, other, is_strong=is_strong):
                found.setdefault(one, set()).add(other)
                found.setdefault(other, set()).add(one)
    return found


def _choose(
    clustering: Clustering,
    component: Sequence[int],
    neighbours: dict[int, set[int]],
    excluded: Mapping[int, set[int]],
    rungs_between: Mapping[frozenset[int], Collection[str]],
    *,
    rule: str,
) -> None:
    """A cluster whose candidates exclude each other keeps the one that agrees on strictly more rungs, or none and is ambiguous."""
    kept: dict[int, set[int]] = {}
    for root in component:
        others = neighbours[root]
        if not any(excluded.get(other, set()) & others for other in others):
            continue
        rungs = {other: _rungs(clustering, root, other, rungs_between) for other in others}
        best = min(others, key=lambda other: (-len(rungs[other]), clustering.nodes[other].order_key))
        rivals = excluded.get(best, set()) & others
        rest = others - rivals
        is_clear = all(rungs[best] > rungs[other] for other in rivals) and not any(excluded.get(other, set()) & rest for other in rest)
        kept[root] = rest if is_clear else set()
        if not is_clear:
            clustering.ambiguous[root] = (rule, tuple(sorted(others)))
    for root, rest in kept.items():
        for other in neighbours[root] - rest:
            neighbours[other].discard(root)
        neighbours[root] &= rest


def _rungs(clustering: Clustering, left: int, right: int, rungs_between: Mapping[frozenset[int], Collection[str]]) -> frozenset[str]:
    found: set[str] = set()
    for one in clustering.members[left]:
        for other in clustering.members[right]:
            found.update(rungs_between.get(frozenset((one, other)), ()))
    return frozenset(found)


def _components(neighbours: Mapping[int, set[int]]) -> list[list[int]]:
    seen: set[int] = set()
    found: list[list[int]] = []
    for start in sorted(neighbours):
        if start in seen:
            continue
        component, waiting = [], [start]
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            component.append(at)
            waiting += sorted(neighbours[at] - seen)
        found.append(sorted(component))
    return found


def _join_component(clustering: Clustering, component: list[int], neighbours: Mapping[int, set[int]], rule: str, *, is_strong: bool) -> None:
    """Join what hangs together, unless two of it exclude each other over several steps: then what stands between them is ambiguous."""
    excluded = _exclusions(clustering, component, is_strong=is_strong)
    for between in component if excluded else ():
        if between not in excluded and len(neighbours[between]) > 1:
            clustering.ambiguous[between] = (rule, tuple(sorted(neighbours[between])))
    if excluded:
        return
    for other in component[1:]:
        clustering.join(component[0], other)
