"""The ladder of a class: which rungs hold between two nodes, and which claim kinds the rungs look at.

Rungs are data (`identification` in the class files, strong to weak). Weak rungs only suggest. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.reconcile.node import EMPTY, Barred, Node, Values, shared, shared_names
from collector.reconcile.record import UsedIdentifier
from muster.model.ci_class import ClassCatalogue, IdentificationRule
from muster.model.identifier import NAME_KINDS, UNIQUE_KINDS
from muster.model.normaliser import is_local_mac, short_name
from muster.model.state import Strength

_STRENGTH_ORDER: dict[Strength, int] = {"strong": 0, "medium": 1, "weak": 2, "locator": 3}
_NO_VALUES: frozenset[str] = frozenset()
_INSTANT_LIMIT = 16  # earlier instants looked at per pair


Rung = tuple[tuple[int, int, str], IdentificationRule]


@dataclass(frozen=True, slots=True)
class Edge:
    """A rung that holds between two nodes; `is_past`: it held at an earlier instant and not now."""

    level: tuple[int, int, str]
    rule: IdentificationRule
    left: int
    right: int
    identifiers: tuple[UsedIdentifier, ...]
    is_past: bool = False

    @property
    def is_automatic(self) -> bool:
        return self.level[0] <= _STRENGTH_ORDER["medium"]

    def other(self, index: int) -> int:
        return self.right if index == self.left else self.left


def key_kinds(catalogue: ClassCatalogue) -> frozenset[str]:
    """Claim kinds on which rungs that link by themselves can start."""
    rules = [rule for each in catalogue for rule in each.identification if _STRENGTH_ORDER[rule.strength] <= 1]
    return frozenset(kind for rule in rules for kind in _starting_kinds(rule))


def closing_kinds(catalogue: ClassCatalogue) -> frozenset[str]:
    """Claim kinds under sharing which a neighbourhood is closed: the key kinds, and those whose values are learned to be shared, which
    only all their holders together tell."""
    return key_kinds(catalogue) | UNIQUE_KINDS


def suggesting_kinds(catalogue: ClassCatalogue) -> frozenset[str]:
    """Claim kinds that only suggest: bystanders share one of them."""
    rules = [rule for each in catalogue for rule in each.identification if _STRENGTH_ORDER[rule.strength] > 1]
    kinds = {kind for rule in rules for kind in (NAME_KINDS if rule.one_name else _starting_kinds(rule))}
    return frozenset(kinds) - key_kinds(catalogue)


def _starting_kinds(rule: IdentificationRule) -> list[str]:
    """Every condition must hold, so sharing any one condition's kind finds the pair: the most selective one is enough."""
    for kinds in (rule.shared, list(rule.common), rule.equal_sets, rule.all):
        if kinds:
            return kinds[:1]
    return list(NAME_KINDS) if rule.one_name else []


class Ladders:
    """The rungs of the catalogue, chosen per pair of classes."""

    def __init__(self, catalogue: ClassCatalogue) -> None:
        self._catalogue = catalogue
        self._pairs: dict[tuple[str, str], tuple[tuple[tuple[int, int, str], IdentificationRule], ...]] = {}

    def rungs(self, left: str, right: str) -> tuple[tuple[tuple[int, int, str], IdentificationRule], ...]:
        """Rungs for two classes, best first: the special one's ladder where one is the other's ancestor, else what both have."""
        pair = (left, right) if left <= right else (right, left)
        if pair not in self._pairs:
            self._pairs[pair] = self._rungs(*pair)
        return self._pairs[pair]

    def _rungs(self, left: str, right: str) -> tuple[tuple[tuple[int, int, str], IdentificationRule], ...]:
        ours, theirs = self._catalogue.get(left), self._catalogue.get(right)
        if ours is None or theirs is None:
            return ()
        if self.is_kind_of(left, right):
            rules = ours.identification
        elif self.is_kind_of(right, left):
            rules = theirs.identification
        else:
            stricter = {rule.rule: rule for rule in theirs.identification}
            rules = [stricter[rule.rule] if stricter[rule.rule].same_zone else rule for rule in ours.identification if rule.rule in stricter]
        levels = [((_STRENGTH_ORDER[rule.strength], at, rule.rule), rule) for at, rule in enumerate(rules)]
        return tuple(sorted(levels, key=lambda each: each[0]))

    def is_kind_of(self, ci_class: str, ancestor: str) -> bool:
        """Whether a class is the other or inherits from it."""
        at: str | None = ci_class
        while at is not None:
            if at == ancestor:
                return True
            known = self._catalogue.get(at)
            at = known.parent if known is not None else None
        return False

    def depth(self, ci_class: str) -> int:
        """How special a class is: the number of its ancestors."""
        known = self._catalogue.get(ci_class)
        return 0 if known is None or known.parent is None else 1 + self.depth(known.parent)

    def edges(self, nodes: Collection[Node], barred: Barred) -> list[Edge]:
        """Every rung that holds between two of the nodes, in canonical order."""
        ever = {node.index: _ever_claimed(node) for node in nodes}
        found: list[Edge] = []
        for left, right in _candidate_pairs(nodes):
            common = {kind: len(values & ever[right.index].get(kind, _NO_VALUES)) for kind, values in ever[left.index].items()}
            rungs = [each for each in self.rungs(left.ci_class, right.ci_class) if _may_hold(each[1], common)]
            found += self._edges_between(left, right, rungs, barred)
        order = {node.index: node.order_key for node in nodes}
        return sorted(found, key=lambda edge: (edge.level, edge.is_past, edge.identifiers[0].value, order[edge.left], order[edge.right]))

    @staticmethod
    def _edges_between(left: Node, right: Node, rungs: Sequence[Rung], barred: Barred) -> Iterator[Edge]:
        instants = _instants(left, right) if rungs else []
        then = [(left.usable_at(at, barred), right.usable_at(at, barred)) for at in instants]
        for level, rule in rungs:
            if rule.same_zone and left.zone != right.zone:
                continue
            used = holds(rule, left.usable, right.usable)
            is_past = False
            if not used:
                used = next(filter(None, (holds(rule, ours, theirs) for ours, theirs in then)), ())
                is_past = True
            if used:
                yield Edge(level, rule, left.index, right.index, used, is_past)


def _ever_claimed(node: Node) -> dict[str, frozenset[str]]:
    """Every value that a side ever claimed, by kind; names in their short form under `name`, and each address as a permanent one too."""
    found: dict[str, set[str]] = {}
    for claim in node.claims:
        if claim.state != "junk":
            found.setdefault(claim.kind, set()).add(claim.value)
            if claim.kind in NAME_KINDS:
                found.setdefault("name", set()).add(short_name(claim.value))
            elif claim.kind == "mac":
                found.setdefault("permanent_mac", set()).add(claim.value)
    return {kind: frozenset(values) for kind, values in found.items()}


def _may_hold(rule: IdentificationRule, common: Mapping[str, int]) -> bool:
    """Whether two sides ever had enough in common for a rung, whenever that was: a quick no for most pairs."""
    if any(not common.get(kind) for kind in (*rule.all, *rule.equal_sets, *rule.shared)) or (rule.one_name and not common.get("name")):
        return False
    return all(common.get(kind, 0) >= needed for kind, needed in rule.common.items())


def holds(rule: IdentificationRule, left: Mapping[str, Values], right: Mapping[str, Values]) -> tuple[UsedIdentifier, ...]:
    """The identifiers by which a rung holds between two sides; empty where it does not."""
    used: list[UsedIdentifier] = []
    for kind, needed in _conditions(rule, left, right):
        common = shared(kind, left.get(kind, EMPTY), right.get(kind, EMPTY))
        if kind == "permanent_mac" and _is_alone(rule):
            common = tuple(each for each in common if not is_local_mac(each.value))
        if len(common) < needed:
            return ()
        used += common
    if rule.one_name:
        names = shared_names(left, right)
        if not names:
            return ()
        used += names
    return tuple(used)


def _is_alone(rule: IdentificationRule) -> bool:
    """Whether a rung looks at addresses alone: then a locally administered one is no key."""
    return not (rule.all or rule.shared or rule.equal_sets or rule.one_name)


def _conditions(rule: IdentificationRule, left: Mapping[str, Values], right: Mapping[str, Values]) -> Iterator[tuple[str, int]]:
    """Kind and how many values must be common."""
    for kind in (*rule.all, *rule.equal_sets):
        yield kind, max(len(left.get(kind, EMPTY)), len(right.get(kind, EMPTY)), 1)
    for kind in rule.shared:
        yield kind, min(len(left.get(kind, EMPTY)), len(right.get(kind, EMPTY))) // 2 + 1
    yield from rule.common.items()


def _candidate_pairs(nodes: Collection[Node]) -> list[tuple[Node, Node]]:
    buckets: dict[tuple[str, str], list[Node]] = {}
    for node in sorted(nodes, key=lambda each: each.order_key):
        keys = {(kind, value) for kind, values in node.usable.items() for _, value in values}
        keys |= {(claim.kind, claim.value) for claim in node.past}
        keys = {("mac" if kind == "permanent_mac" else kind, value) for kind, value in keys}
        keys |= {("short_name", short_name(value)) for kind, value in keys if kind in NAME_KINDS}
        for key in sorted(keys):
            if key[0] not in NAME_KINDS and key[0] != "ip":
                buckets.setdefault(key, []).append(node)
    pairs: dict[tuple[int, int], tuple[Node, Node]] = {}
    for bucket in buckets.values():
        for at, left in enumerate(bucket):
            for right in bucket[at + 1 :]:
                pairs[left.index, right.index] = (left, right)
    return list(pairs.values())


def _instants(left: Node, right: Node) -> list[int]:
    """When a set of claims of one side began, where either side has changed or a value stopped identifying; newest first."""
    if not left.past and not right.past:
        return []
    starts = {claim.first_seen_at for claim in (*left.claims, *right.claims) if claim.state in ("active", "historic")}
    return sorted(starts, reverse=True)[:_INSTANT_LIMIT]
