"""A service's components as a tree: resolved to CIs and checks, evaluated at an instant, shown as a tree. Pure.

The tree is what links a service's document (names, queries, other services) to the engine's expression over component names.
Arithmetic over time is not here: see `collector/services`. Design: docs/incidents.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from muster.errors import InputError
from muster.model.state import State
from muster.ports import CiRef

MAXIMUM_DEPTH = 16
_RANK: dict[State, int] = {"down": 0, "degraded": 1, "up": 2}
_STATE: tuple[State, ...] = ("down", "degraded", "up")
LeafKey = tuple[str, tuple[str, ...]]  # id of the CI ("" where it is not found), names of the checks


class Node(Struct, frozen=True, kw_only=True):
    """A leaf (`ci` and `checks`, or a fault), or a combination of children. `label`: the service's id where one is nested."""

    kind: Literal["all", "any", "at_least", "leaf", "service"]
    label: str
    children: tuple[Node, ...] = ()
    k: int = 0
    ci: CiRef | None = None
    checks: tuple[str, ...] = ()
    fault: str = ""

    @property
    def key(self) -> LeafKey:
        return (self.ci.id if self.ci else "", self.checks)


class Resolver(Struct, frozen=True):
    """How names become CIs: by id or name (all that match), by query, the checks that count for a CI, another service's document."""

    find_ci: Callable[[str], Sequence[CiRef]]
    find_query: Callable[[str], Sequence[CiRef]]
    default_checks: Callable[[CiRef], tuple[str, ...]]
    find_service: Callable[[str], Mapping[str, Any] | None]


def resolve_tree(components: Any, resolver: Resolver, *, path: tuple[str, ...] = ()) -> Node:
    """The tree of a `components` expression. What cannot be resolved is a leaf with its fault: unknown, never up and never down."""
    if len(path) > MAXIMUM_DEPTH or not isinstance(components, dict):
        return _faulty("?", "nested too deeply" if len(path) > MAXIMUM_DEPTH else "no expression")
    if "ci" in components:
        return _resolve_ci(str(components["ci"]), _checks(components), resolver)
    if "service" in components:
        return _resolve_service(str(components["service"]), resolver, path)
    if "query" in components:
        return Node(kind="all", label=str(components["query"]), children=_resolve_query(components, resolver))
    for kind in ("all", "any"):
        if kind in components:
            return Node(kind=kind, label=kind, children=_resolve_each(components[kind], resolver, path))
    if "at_least" in components:
        k = int(components["at_least"])
        return Node(kind="at_least", label=f"at_least {k}", k=k, children=_resolve_each(components.get("of", []), resolver, path))
    return _faulty("?", "no expression")


def leaves(node: Node) -> Iterator[Node]:
    """The leaves from left to right; a component named twice comes twice."""
    if node.kind == "leaf":
        yield node
    for child in node.children:
        yield from leaves(child)


def evaluate(node: Node, states: Mapping[LeafKey, State]) -> State:
    """The state of a tree at an instant. Unknown leaves are tried as down and as up: where both agree that is the state (exact)."""
    low, high = _evaluate(node, states, "down"), _evaluate(node, states, "up")
    return low if low == high else "unknown"


def follow(node: Node, timelines: Mapping[LeafKey, Sequence[tuple[int, State]]]) -> list[tuple[int, State]]:
    """The tree's own timeline: where its state changes, oldest first. Before the first entry it is unknown."""
    keys = {leaf.key for leaf in leaves(node)}
    events: dict[int, dict[LeafKey, State]] = {}
    for key in keys:
        for at, state in timelines.get(key, ()):
            events.setdefault(at, {})[key] = state
    states: dict[LeafKey, State] = {}
    timeline: list[tuple[int, State]] = []
    last: State = "unknown"
    for at in sorted(events):
        states |= events[at]
        state = evaluate(node, states)
        if state != last:
            timeline.append((at, state))
            last = state
    return timeline


def to_expression(node: Node, names: Mapping[LeafKey, str]) -> Any:
    """The engine's expression over component names. A combination of nothing, or with an impossible k, is the component that is never known."""
    if node.kind == "leaf":
        return names[node.key]
    children = [to_expression(child, names) for child in node.children]
    if not children or (node.kind == "at_least" and not 1 <= node.k <= len(children)):
        return names[NOTHING]
    if node.kind == "at_least":
        return {"at_least": node.k, "of": children}
    return {"any" if node.kind == "any" else "all": children}


NOTHING: LeafKey = ("", ())


def name_leaves(node: Node) -> dict[LeafKey, str]:
    """A readable, unique name for every leaf; `nothing` for what is never known."""
    names: dict[LeafKey, str] = {NOTHING: "nothing"}
    taken = {"nothing"}
    for leaf in leaves(node):
        if leaf.key not in names:
            name = leaf.label if leaf.label not in taken else f"{leaf.label} ({leaf.ci.number if leaf.ci else len(names)})"
            names[leaf.key] = name
            taken.add(name)
    return names


def render_tree(node: Node, states: Mapping[LeafKey, State], reasons: Mapping[LeafKey, str]) -> dict[str, Any]:
    """The tree as pages show it: {node, kind, state, reason, ci_id, checks, children}."""
    shown: dict[str, Any] = {"node": node.label, "kind": node.kind, "state": evaluate(node, states), "reason": "", "children": []}
    if node.kind == "leaf":
        shown["reason"] = node.fault or reasons.get(node.key, "")
        shown["checks"] = list(node.checks)
        if node.ci is not None:
            shown |= {"ci_id": node.ci.id, "ci_number": node.ci.number, "class": node.ci.ci_class}
    shown["children"] = [render_tree(child, states, reasons) for child in node.children]
    return shown


def _evaluate(node: Node, states: Mapping[LeafKey, State], unknown: State) -> State:
    if node.kind == "leaf":
        state = "unknown" if node.fault else states.get(node.key, "unknown")
        return unknown if state == "unknown" else state
    ranks = sorted((_RANK[_evaluate(child, states, unknown)] for child in node.children), reverse=True)
    if not ranks or (node.kind == "at_least" and not 1 <= node.k <= len(ranks)):
        return unknown
    if node.kind == "at_least":
        return _STATE[ranks[node.k - 1]]
    return _STATE[ranks[0] if node.kind == "any" else ranks[-1]]


def _checks(components: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(each) for each in components.get("checks") or ())


def _leaf(ci: CiRef, checks: tuple[str, ...], resolver: Resolver) -> Node:
    default = resolver.default_checks(ci)
    named = checks or default
    if not named:
        return Node(kind="leaf", label=ci.name, ci=ci, fault=f"class {ci.ci_class} has no check of its own; name the checks that count")
    label = ci.name if not checks or checks == default else f"{ci.name}/{'+'.join(checks)}"
    return Node(kind="leaf", label=label, ci=ci, checks=tuple(named))


def _resolve_ci(name: str, checks: tuple[str, ...], resolver: Resolver) -> Node:
    found = resolver.find_ci(name)
    if len(found) != 1:
        return _faulty(name, "no such CI" if not found else f"{len(found)} CIs are named so; write the id or number of one")
    return _leaf(found[0], checks, resolver)


def _resolve_query(components: Mapping[str, Any], resolver: Resolver) -> tuple[Node, ...]:
    text = str(components["query"])
    try:
        found = resolver.find_query(text)
    except InputError as error:  # a class that was there when the document was put in force, and is not now
        return (_faulty(text, error.message),)
    return tuple(_leaf(ci, _checks(components), resolver) for ci in found)


def _resolve_each(given: Any, resolver: Resolver, path: tuple[str, ...]) -> tuple[Node, ...]:
    """Children; those of a query stand side by side with the others, so that `at_least` counts CIs."""
    children: list[Node] = []
    for each in given if isinstance(given, list) else []:
        if isinstance(each, dict) and "query" in each:
            children += _resolve_query(each, resolver)
        else:
            children.append(resolve_tree(each, resolver, path=(*path, "")))
    return tuple(children)


def _resolve_service(name: str, resolver: Resolver, path: tuple[str, ...]) -> Node:
    if name in path:
        return _faulty(name, f"service {name} depends on itself")
    document = resolver.find_service(name)
    if document is None:
        return _faulty(name, "no such service in force")
    return Node(kind="service", label=name, children=(resolve_tree(document.get("components"), resolver, path=(*path, name)),))


def _faulty(label: str, fault: str) -> Node:
    return Node(kind="leaf", label=label, fault=fault)
