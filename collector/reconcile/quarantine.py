"""Learned quarantine: a value of a supposedly unique kind that several live CIs hold stops identifying, for all of them.

Pure; persisted values come in with the neighbourhood, new ones go out with the partition. Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from collector.reconcile.cluster import Clustering
from collector.reconcile.ladder import Edge
from collector.reconcile.node import Node
from collector.reconcile.record import CaseSeed, ClaimKey
from collector.reconcile.settings import Settings
from collector.reconcile.veto import SEPARATED_BY_SOURCE
from muster.model.identifier import IDENTIFIER_KINDS, NAME_KINDS

_NEVER_UNIQUE = frozenset((*NAME_KINDS, "ip", "asset_tag"))


def find_shared_values(clustering: Clustering, edges: Sequence[Edge], settings: Settings, remembered: Collection[ClaimKey] = ()) -> list[ClaimKey]:
    """Values that more live clusters hold than their kind allows; of `remembered` values silent clusters count as well, so that a value
    is not trusted again only because one of its holders is switched off.

    A cluster that agrees with two others on different strong identifiers is itself in doubt and accuses nobody; clusters that
    only their class, their boot or their enrolment keeps apart count as one, for they may well be one machine.
    """
    torn = find_torn(clustering, edges)
    holders: dict[ClaimKey, set[int]] = {}
    for node in clustering.nodes:
        root = clustering.root(node.index)
        if node.record is None or root in torn or node.tombstone is not None:
            continue
        for key in _unique_values(node):
            if node.record.is_live or key in remembered:
                holders.setdefault(key, set()).add(root)
    return sorted(
        key
        for key, roots in holders.items()
        if len(roots) > settings.holders_allowed(key[0]) and _count_machines(clustering, roots) > settings.holders_allowed(key[0])
    )


def _unique_values(node: Node) -> list[ClaimKey]:
    """What a node claims of kinds that should be one machine's alone."""
    kinds = [kind for kind in node.usable if kind in IDENTIFIER_KINDS and kind not in _NEVER_UNIQUE]
    return [(kind, scope, value) for kind in kinds for scope, value in node.usable[kind]]


def find_torn(clustering: Clustering, edges: Sequence[Edge]) -> dict[int, set[int]]:
    """Clusters (by root) that strong rungs of different kinds tie to different other clusters, with these others."""
    ties: dict[int, dict[int, set[str]]] = {}
    for edge in edges:
        left, right = clustering.root(edge.left), clustering.root(edge.right)
        if left == right or edge.level[0] != 0 or edge.is_past or not clustering.vetoes(left, right, is_strong=True):
            continue
        for one, other in ((left, right), (right, left)):
            ties.setdefault(one, {}).setdefault(other, set()).add(edge.rule.rule)
    return {
        root: set(others)
        for root, others in ties.items()
        if any(first != second and not rungs & others[second] for first, rungs in others.items() for second in others)
    }


def _count_machines(clustering: Clustering, roots: set[int]) -> int:
    remaining = sorted(roots)
    groups: list[list[int]] = []
    for root in remaining:
        for group in groups:
            if any(_only_source_separates(clustering, root, other) for other in group):
                group.append(root)
                break
        else:
            groups.append([root])
    return len(groups)


def _only_source_separates(clustering: Clustering, left: int, right: int) -> bool:
    codes = {veto.code for veto in clustering.vetoes(left, right, is_strong=True)}
    return bool(codes) and codes <= SEPARATED_BY_SOURCE and not clustering.contradictions_across(left, right)


def quarantine_cases(keys: Sequence[ClaimKey], nodes: Sequence[Node]) -> list[CaseSeed]:
    """One case for each value that somebody here holds, with all of them."""
    holders: Mapping[ClaimKey, list[int]] = {
        key: [node.record.id for node in nodes if node.record is not None and any(claim.key == key for claim in node.claims)] for key in keys
    }
    return [
        CaseSeed(
            kind="quarantine",
            key=f"quarantine|{kind}:{scope}:{value}",
            record_ids=tuple(sorted(holders[kind, scope, value])),
            evidence={"identifier": kind, "scope": scope, "value": value},
        )
        for kind, scope, value in keys
        if holders[kind, scope, value]
    ]
