"""Which services suffer where a CI does: those that have it, its host, or what depends on these, as a component."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from collector.store.read_service import services_by_ci
from collector.store.reading import Reading
from collector.store.schema import ci, relation
from collector.store.statement import parts
from muster.model.relation_type import shipped_relations

LEVELS = 4  # of dependence that are followed
FRONTIER = 2_000  # CIs looked at on one level


def services_touched(reading: Reading, ci_ids: Collection[str]) -> dict[str, list[str]]:
    """The services by CI, sorted. A fixed number of statements for many CIs; nothing where no service has components."""
    carried = services_by_ci(reading)
    if not carried or not ci_ids:
        return {}
    owner_of = _load_owners(reading, ci_ids)
    starts = {ci_id: {ci_id, *([owner_of[ci_id]] if ci_id in owner_of else [])} for ci_id in ci_ids}
    reached = _follow(reading, {each for seeds in starts.values() for each in seeds})
    found: dict[str, list[str]] = {}
    for ci_id, seeds in starts.items():
        near = seeds | {each for seed in seeds for each in reached.get(seed, ())}
        found[ci_id] = sorted({service for each in near for service in carried.get(each, ())})
    return found


def _load_owners(reading: Reading, ci_ids: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts(sorted(ci_ids)):
        query = select(ci.c.id, ci.c.owner_ci_id).where(ci.c.id.in_(part), ci.c.owner_ci_id.is_not(None))
        found |= {row.id: row.owner_ci_id for row in reading.connection.execute(query)}
    return found


def _follow(reading: Reading, ci_ids: Collection[str]) -> Mapping[str, set[str]]:
    """What depends on each of these CIs, directly or through others."""
    types = sorted(each.name for each in shipped_relations() if each.propagates and not each.undirected)
    reached: dict[str, set[str]] = {each: set() for each in ci_ids}
    frontier: dict[str, set[str]] = {each: {each} for each in ci_ids}  # reached CI → the starts that reached it
    for _ in range(LEVELS):
        if not frontier or len(frontier) > FRONTIER:
            break
        following: dict[str, set[str]] = {}
        for part in parts(sorted(frontier)):
            in_force = relation.c.to_ci_id.in_(part) & relation.c.type.in_(types) & relation.c.valid_to.is_(None) & relation.c.from_ci_id.is_not(None)
            for begins, ends in reading.connection.execute(select(relation.c.from_ci_id, relation.c.to_ci_id).where(in_force)):
                new = {start for start in frontier[ends] if begins not in reached[start] and begins != start}
                for start in new:
                    reached[start].add(begins)
                if new:
                    following.setdefault(begins, set()).update(new)
        frontier = following
    return reached
