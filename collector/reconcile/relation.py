"""Observed and recorded relations of one CI held against each other: seeds of differences. Pure. Design: docs/reconciliation.md.

Only types under control are compared, and only between things that are both on record. A thing has one parent at a time: that it has
another one now is one difference, and none where both parents belong together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct

from collector.reconcile.difference import DifferenceSeed
from collector.reconcile.record import SourceKey
from muster.model.relation_type import RelationCatalogue, RelationType
from muster.model.state import DifferenceKind

SEPARATOR = "|"


class Edge(Struct, frozen=True, kw_only=True):
    """A relation as one source, or the record, has it. `is_suggestion`: not confirmed yet, so that nothing follows from it."""

    type: str
    to_ci_id: str
    qualifier: str = ""
    source: SourceKey | None = None
    is_suggestion: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.type, self.qualifier, self.to_ci_id)


class RelationSides(Struct, frozen=True, kw_only=True):
    """The relations that begin at one CI.

    `ended`: keys of those that a source claimed once and no longer does. `comparable`: the ends that are on record and in use.
    `groups`: parent to what it belongs to, for types that have `within`.
    """

    ci_id: str
    ci_class: str
    observed: Sequence[Edge] = ()
    recorded: Sequence[Edge] = ()
    ended: Collection[tuple[str, str, str]] = ()
    comparable: Collection[str] = ()
    groups: Mapping[str, Collection[str]] = {}


def compare_relations(catalogue: RelationCatalogue, sides: RelationSides) -> list[DifferenceSeed]:
    """Seeds in the order of (kind, attribute)."""
    seeds: list[DifferenceSeed] = []
    for name in sorted({each.type for each in (*sides.observed, *sides.recorded)}):
        kind = catalogue.get(name)
        if kind is None or kind.mode != "governed":
            continue
        observed = {each.key: each for each in sides.observed if each.type == name and each.to_ci_id in sides.comparable and not each.is_suggestion}
        recorded = {each.key: each for each in sides.recorded if each.type == name}
        seeds += _of_parent(kind, sides, observed, recorded) if kind.one_parent else _of_many(sides, observed, recorded)
    return sorted(seeds, key=lambda seed: (seed.kind, seed.attribute))


def _of_parent(
    kind: RelationType, sides: RelationSides, observed: Mapping[tuple[str, str, str], Edge], recorded: Mapping[tuple[str, str, str], Edge]
) -> list[DifferenceSeed]:
    """At most one: another parent, the first one, or none any more."""
    if not observed:
        return [
            _seed(sides, "absent_relation", kind.name, recorded=each, observed=None)
            for each in _of_many_gone(sides, observed, recorded)[:1]
        ]  # fmt: skip
    if observed.keys() & recorded.keys():
        return []
    now = observed[min(observed)]
    before = recorded[min(recorded)] if recorded else None
    if before is not None and _is_within(kind, before, now, sides.groups):
        return []
    return [_seed(sides, "new_relation", kind.name, recorded=before, observed=now)]


def _of_many(
    sides: RelationSides, observed: Mapping[tuple[str, str, str], Edge], recorded: Mapping[tuple[str, str, str], Edge]
) -> list[DifferenceSeed]:
    new = [_seed(sides, "new_relation", SEPARATOR.join(key), recorded=None, observed=edge) for key, edge in observed.items() if key not in recorded]
    gone = _of_many_gone(sides, observed, recorded)
    return new + [_seed(sides, "absent_relation", SEPARATOR.join(each.key), recorded=each, observed=None) for each in gone]


def _of_many_gone(sides: RelationSides, observed: Mapping[tuple[str, str, str], Edge], recorded: Mapping[tuple[str, str, str], Edge]) -> list[Edge]:
    """Recorded ones that a source claimed and no longer does; what went with its end is told by the end."""
    return [edge for key, edge in sorted(recorded.items()) if key not in observed and key in sides.ended and edge.to_ci_id in sides.comparable]


def _is_within(kind: RelationType, before: Edge, now: Edge, groups: Mapping[str, Collection[str]]) -> bool:
    """Whether a move stayed inside: both parents belong to one thing, or one manager that knows of no groups moved it between its own."""
    if not kind.within:
        return False
    left, right = set(groups.get(before.to_ci_id, ())), set(groups.get(now.to_ci_id, ()))
    return bool(left & right)


def to_value(edge: Edge | None) -> dict[str, Any] | None:
    """An edge as the value of a difference."""
    if edge is None:
        return None
    return {"type": edge.type, "to": edge.to_ci_id, **({"qualifier": edge.qualifier} if edge.qualifier else {})}


def to_edge(value: Mapping[str, Any]) -> Edge:
    """The edge of a difference's value."""
    return Edge(type=value["type"], to_ci_id=value["to"], qualifier=value.get("qualifier", ""))


def _seed(sides: RelationSides, kind: DifferenceKind, attribute: str, *, recorded: Edge | None, observed: Edge | None) -> DifferenceSeed:
    edge = observed or recorded
    assert edge is not None, "a difference has one side"
    return DifferenceSeed(
        ci_id=sides.ci_id,
        kind=kind,
        attribute=attribute,
        recorded=to_value(recorded),
        observed=to_value(observed),
        source=edge.source,
        group_key=f"{kind}|{sides.ci_class}|{edge.type}|{edge.to_ci_id}",
        risk=1,
    )
