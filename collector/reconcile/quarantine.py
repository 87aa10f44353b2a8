"""Learned quarantine: a value of a supposedly unique kind that several CIs held at one time stops identifying, for all of them.

Pure: lives and claims are spans of time, so the same records give the same values whichever came first and whatever time it is.
Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from collector.reconcile.cluster import Clustering
from collector.reconcile.ladder import Edge
from collector.reconcile.node import Node
from collector.reconcile.record import CaseSeed, ClaimKey
from collector.reconcile.settings import Settings
from collector.reconcile.veto import SEPARATED_BY_SOURCE
from muster.model.identifier import UNIQUE_KINDS

_ONE_VALUE = {"permanent_mac": "mac"}  # kinds that one fact has two of
_Span = tuple[int, int, int]  # first and last instant, root of the cluster


def find_shared_values(clustering: Clustering, edges: Sequence[Edge], settings: Settings) -> dict[ClaimKey, int]:
    """Values that more clusters held at one time than their kind allows, each with the first such instant.

    A cluster that agrees with two others on different strong identifiers is itself in doubt and accuses nobody; clusters that
    only their class, their boot or their enrolment keeps apart count as one, for they may well be one machine.
    """
    torn = find_torn(clustering, edges)
    holders: dict[ClaimKey, list[_Span]] = {}
    for node in clustering.nodes:
        root = clustering.root(node.index)
        if node.record is None or root in torn or node.tombstone is not None:
            continue
        for key, first, last in _spans(node):
            holders.setdefault(key, []).append((first, last, root))
    found: dict[ClaimKey, int] = {}
    for key in sorted(holders):
        unscoped = (key[0], "", key[2])
        strangers = _strangers(clustering, holders[key], holders.get(unscoped, ())) if key != unscoped and key[0] == "serial" else []
        since = _crowded_since(clustering, [*holders[key], *strangers], settings.holders_allowed(key[0]))
        if since is not None:
            found[key] = min(since, found.get(key, since))
            if strangers:
                found[unscoped] = min(since, found.get(unscoped, since))
    return found


def _strangers(clustering: Clustering, known: Sequence[_Span], unscoped: Sequence[_Span]) -> list[_Span]:
    """Those who hold a serial number without telling the vendor, and are certainly not one of the holders who tell it."""
    roots = {root for _, _, root in known}
    return [span for span in unscoped if span[2] not in roots and all(clustering.contradictions_across(span[2], root) for root in roots)]


def _spans(node: Node) -> list[tuple[ClaimKey, int, int]]:
    """When a record held what should be one machine's alone, for as long as that was fresh."""
    record = node.record
    assert record is not None
    return [
        (claim.key, claim.first_seen_at, record.live_until if claim.last_seen_at is None else claim.last_seen_at)
        for claim in node.claims
        if claim.kind in UNIQUE_KINDS and claim.state in ("active", "historic")
    ]


def _crowded_since(clustering: Clustering, spans: Sequence[_Span], allowed: int) -> int | None:
    """The first instant at which more than `allowed` machines held a value together; None: never."""
    if len({root for _, _, root in spans}) <= allowed:
        return None
    for at in sorted({first for first, _, _ in spans}):
        roots = {root for first, last, root in spans if at == first or first < at < last}
        if len(roots) > allowed and _count_machines(clustering, roots) > allowed:
            return at
    return None


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
    """How many machines these clusters are at least."""
    groups: list[list[int]] = []
    for root in sorted(roots):
        for group in groups:
            if all(_may_be_one(clustering, root, other) for other in group):
                group.append(root)
                break
        else:
            groups.append([root])
    return len(groups)


def _may_be_one(clustering: Clustering, left: int, right: int) -> bool:
    """Whether at most their class, their boot or their enrolment keeps two apart, or one took the other's name and place."""
    if clustering.is_followed(left, right):
        return True
    codes = {veto.code for veto in clustering.vetoes(left, right, is_strong=True)}
    return codes <= SEPARATED_BY_SOURCE and not clustering.contradictions_across(left, right)


def quarantine_cases(keys: Sequence[ClaimKey], nodes: Sequence[Node]) -> list[CaseSeed]:
    """One case for each value that somebody here holds, with all of them; a MAC address is one value, permanent or not."""
    kinds: dict[ClaimKey, set[ClaimKey]] = {}
    for kind, scope, value in keys:
        kinds.setdefault((_ONE_VALUE.get(kind, kind), scope, value), set()).add((kind, scope, value))
    found: list[CaseSeed] = []
    for (kind, scope, value), held in kinds.items():
        holders = {node.record.id for node in nodes if node.record is not None and any(claim.key in held for claim in node.claims)}
        if holders:
            evidence: dict[str, object] = {"identifier": kind, "scope": scope, "value": value}
            found.append(CaseSeed(kind="quarantine", key=f"quarantine|{kind}:{scope}:{value}", record_ids=tuple(sorted(holders)), evidence=evidence))
    return found
