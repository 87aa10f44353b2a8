"""A service's expression over its components: `all` is the worst, `any` the best, `at_least k` the k-th best, nested at will.

Each combination of n is a k of n (`all`: n, `any`: 1). Unknown leaves are tried as down and as up; where both agree that is the state,
which is exact since every combination is monotone. One change of one leaf costs the depth of the tree, not its size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import Struct

from muster.document import suggest
from muster.errors import InputError, quote
from muster.model.state import State

MAXIMUM_NODES = 1_000_000
RANK: dict[State, int] = {"down": 0, "degraded": 1, "up": 2}
BY_RANK: tuple[State, ...] = ("down", "degraded", "up")
DOWN, DEGRADED, UP = range(3)


class Node(Struct, frozen=True):
    """A leaf (`component`), or the k-th best of its children. `parent` and `children` are places in `Expression.nodes`; the root has -1."""

    parent: int
    component: str
    k: int
    children: tuple[int, ...]


class Expression(Struct, frozen=True):
    """A compiled expression: the root first, each node before its children. `leaves`: component → places of its leaves."""

    nodes: tuple[Node, ...]
    leaves: Mapping[str, tuple[int, ...]]


def parse_expression(value: Any, known: Collection[str], *, path: str = "$.expression") -> Expression:
    """The expression of plain values: a component's name, `{all: […]}`, `{any: […]}` or `{at_least: k, of: […]}`.

    Raises InputError with the path of the fault: an unknown component, k = 0, k greater than n, nothing to combine.
    """
    parents: list[int] = []
    parsed: list[tuple[str, int]] = []
    children: list[list[int]] = []
    leaves: dict[str, list[int]] = {}
    waiting: list[tuple[Any, int, str]] = [(value, -1, path)]
    while waiting:
        given, parent, at = waiting.pop()
        place = len(parsed)
        if place >= MAXIMUM_NODES:
            raise InputError(f"more than {MAXIMUM_NODES} parts; split the service", path=path)
        parents.append(parent)
        children.append([])
        if parent >= 0:
            children[parent].append(place)
        if isinstance(given, str):
            if given not in known:
                raise InputError(f"unknown component {quote(given)}{suggest(given, list(known)[:1000])[:200]}", path=at)
            leaves.setdefault(given, []).append(place)
            parsed.append((given, 0))
            continue
        k, members, name = _parse_combination(given, at)
        parsed.append(("", k))
        waiting += [(member, place, f"{at}.{name}[{index}]") for index, member in reversed(list(enumerate(members)))]
    nodes = tuple(Node(parent, own[0], own[1], tuple(below)) for parent, own, below in zip(parents, parsed, children, strict=True))
    return Expression(nodes, {name: tuple(places) for name, places in leaves.items()})


class Evaluation:
    """The state of an expression while its components change. All components start unknown."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        self.states: dict[str, State] = dict.fromkeys(expression.leaves, "unknown")
        nodes = expression.nodes
        self._low = _Side(nodes, DOWN)
        self._high = _Side(nodes, UP)

    @property
    def bounds(self) -> tuple[int, int]:
        """The rank where everything unknown is down, and where it is up."""
        return self._low.rank, self._high.rank

    @property
    def state(self) -> State:
        low, high = self.bounds
        return BY_RANK[low] if low == high else "unknown"

    def set(self, component: str, state: State) -> None:
        """A component changes. One that the expression does not name changes nothing."""
        if self.states.get(component, state) == state:
            return
        self.states[component] = state
        for place in self._expression.leaves[component]:
            self._low.set(place, DOWN if state == "unknown" else RANK[state])
            self._high.set(place, UP if state == "unknown" else RANK[state])


class _Side:
    """The ranks of all nodes under one reading of unknown; each combination counts its children by rank."""

    def __init__(self, nodes: tuple[Node, ...], unknown: int) -> None:
        self._nodes = nodes
        self._ranks = [unknown] * len(nodes)
        self._counts = [[0, 0, 0] for _ in nodes]
        for place, node in enumerate(nodes):
            self._counts[place][unknown] = len(node.children)

    @property
    def rank(self) -> int:
        return self._ranks[0]

    def set(self, leaf: int, rank: int) -> None:
        place, new = leaf, rank
        while (old := self._ranks[place]) != new:
            self._ranks[place] = new
            parent = self._nodes[place].parent
            if parent < 0:
                return
            counts = self._counts[parent]
            counts[old] -= 1
            counts[new] += 1
            place, new = parent, _kth_best(counts, self._nodes[parent].k)


def follow(expression: Expression, timelines: Mapping[str, list[tuple[int, State]]]) -> Iterator[tuple[int, Evaluation]]:
    """The evaluation after each instant at which a component changes, oldest first. It is one object that moves on."""
    events = sorted((at, name, state) for name in expression.leaves for at, state in timelines[name])
    evaluation = Evaluation(expression)
    for index, (at, name, state) in enumerate(events):
        evaluation.set(name, state)
        if index + 1 == len(events) or events[index + 1][0] != at:
            yield at, evaluation


def _kth_best(counts: list[int], k: int) -> int:
    if counts[UP] >= k:
        return UP
    return DEGRADED if counts[UP] + counts[DEGRADED] >= k else DOWN


def _parse_combination(given: Any, path: str) -> tuple[int, list[Any], str]:
    """(k, members, the key under which they stand)."""
    if not isinstance(given, Mapping):
        raise InputError(
            f"{quote(given)} is no expression; write a component's name, or {{all: […]}}, {{any: […]}}, {{at_least: k, of: […]}}", path=path
        )
    keys = set(given)
    if keys not in ({"all"}, {"any"}, {"at_least", "of"}):
        named = ", ".join(sorted(map(str, keys))) or "nothing"
        raise InputError(f"an expression has the key all, or any, or at_least with of; this one has {quote(named)}", path=path)
    name = "of" if "of" in keys else str(next(iter(keys)))
    members = given[name]
    if not isinstance(members, list | tuple):
        raise InputError(f"{quote(members)} is no list of components", path=f"{path}.{name}")
    if not members:
        raise InputError("nothing to combine: the list is empty", path=f"{path}.{name}")
    k = given["at_least"] if name == "of" else len(members) if name == "all" else 1
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= len(members):
        raise InputError(f"at_least is {quote(k)}; of {len(members)} it can be 1 to {len(members)}", path=f"{path}.at_least")
    return k, list(members), name
