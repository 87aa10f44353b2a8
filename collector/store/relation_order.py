"""What relations may be together: no end in itself, no circle in containment, one parent at a time. Design: docs/reconciliation.md."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select

from collector.store.edit import Edit
from collector.store.relation_row import RelationRow
from collector.store.schema import ci, relation
from collector.store.statement import parts
from muster.model.relation_type import find_fault

LEVELS = 32  # of containment that are followed
FRONTIER = 10_000  # CIs looked at on one level


def find_refusals(edit: Edit, rows: Sequence[RelationRow]) -> dict[bytes, str]:
    """Claims (by hash) that cannot hold, and why."""
    joined = [row for row in rows if row.is_joined]
    refused = {row.claim_hash: "both ends are one CI; a relation joins two" for row in joined if row.from_ci_id == row.to_ci_id}
    refused |= _find_wrong_classes(edit, joined)
    for kind in sorted({row.type for row in joined}):
        known = edit.context.relations.get(kind)
        if known is not None and known.acyclic:
            own = [row for row in joined if row.type == kind and row.claim_hash not in refused]
            refused |= dict.fromkeys(_find_circles(edit, kind, own), f"{kind} would lead back to where it begins; a thing cannot be inside itself")
    return refused


def _find_wrong_classes(edit: Edit, rows: Sequence[RelationRow]) -> dict[bytes, str]:
    types = edit.context.relations
    typed = [row for row in rows if (kind := types.get(row.type)) is not None and (kind.from_classes or kind.to_classes)]
    classes = load_classes(edit, [each for row in typed for each in (row.from_ci_id, row.to_ci_id) if each is not None])
    found = {}
    for row in typed:
        kind = types.get(row.type)
        assert kind is not None, "only known types were chosen"
        fault = find_fault(kind, classes.get(row.from_ci_id or "", ""), classes.get(row.to_ci_id or "", ""), edit.context.catalogue)
        if fault is not None:
            found[row.claim_hash] = fault
    return found


def load_classes(edit: Edit, ci_ids: Collection[str]) -> dict[str, str]:
    """The class of each CI."""
    found: dict[str, str] = {}
    for part in parts(sorted(set(ci_ids))):
        found |= {row.id: row.ci_class for row in edit.connection.execute(select(ci.c.id, ci.c.ci_class).where(ci.c.id.in_(part)))}
    return found


def _find_circles(edit: Edit, kind: str, rows: Sequence[RelationRow]) -> list[bytes]:
    """Claims that close a circle: with what is in force (but for the parent that they replace), and with each other."""
    replaced = {row.from_ci_id for row in rows} if _has_one_parent(edit, kind) else set()
    above: dict[str, set[str]] = {}
    for row in rows:
        above.setdefault(row.from_ci_id or "", set()).add(row.to_ci_id or "")
    frontier = {row.to_ci_id or "" for row in rows}
    looked: set[str] = set()
    for _ in range(LEVELS):
        frontier -= looked
        if not frontier or len(frontier) > FRONTIER:
            break
        looked |= frontier
        following = {parent for each in frontier for parent in above.get(each, ())}
        for part in parts(sorted(frontier - replaced)):
            in_force = (relation.c.type == kind) & relation.c.valid_to.is_(None) & relation.c.to_ci_id.is_not(None)
            for child, parent in edit.connection.execute(
                select(relation.c.from_ci_id, relation.c.to_ci_id).where(relation.c.from_ci_id.in_(part), in_force)
            ):
                above.setdefault(child, set()).add(parent)
                following.add(parent)
        frontier = following
    return [row.claim_hash for row in rows if _leads_to(above, row.to_ci_id or "", row.from_ci_id or "")]


def _leads_to(above: dict[str, set[str]], start: str, goal: str) -> bool:
    waiting, seen = [start], {start}
    while waiting:
        at = waiting.pop()
        if at == goal:
            return True
        following = above.get(at, set()) - seen
        seen |= following
        waiting += following
    return False


def _has_one_parent(edit: Edit, kind: str) -> bool:
    known = edit.context.relations.get(kind)
    return known is not None and known.one_parent


def close_older_parents(edit: Edit, rows: Sequence[RelationRow]) -> list[RelationRow]:
    """Relations in force to a former parent, which end now. A row that is older than what is in force ends where that begins."""
    moved = {(row.type, row.from_ci_id or ""): row for row in rows if row.is_joined and _has_one_parent(edit, row.type)}
    if not moved:
        return []
    found: list[RelationRow] = []
    for part in parts(sorted({child for _, child in moved})):
        in_force = relation.c.valid_to.is_(None) & (relation.c.side == "observed") & relation.c.to_ci_id.is_not(None)
        query = select(relation).where(relation.c.from_ci_id.in_(part), relation.c.type.in_(sorted({kind for kind, _ in moved})), in_force)
        for other in edit.connection.execute(query):
            row = moved.get((other.type, other.from_ci_id))
            if row is None or other.id == row.id or other.to_ci_id == row.to_ci_id:
                continue
            if (other.valid_from, other.to_ci_id) > (row.valid_from, row.to_ci_id or ""):
                row.valid_to = min(other.valid_from, row.valid_to or other.valid_from)
            else:
                found.append(_former(other, row))
    return found


def _former(other: Any, row: RelationRow) -> RelationRow:
    """A row in force, as far as its end is told; `row`: what takes its place."""
    return RelationRow(
        id=other.id,
        type=other.type,
        source_id=other.source_id,
        section=other.section,
        claim=row.claim,
        claim_hash=bytes(other.claim_hash),
        from_ci_id=other.from_ci_id,
        to_ci_id=other.to_ci_id,
        qualifier=other.qualifier,
        valid_from=other.valid_from,
    )
