"""CIs that may be recorded twice: members of open cases, and CIs that claim one strong identifier. Definitions: docs/health.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, distinct, func, select, union_all

from collector.store.content import decode
from collector.store.health_host import Hosts
from collector.store.schema import identity_claim, identity_constraint, recorded_claim, review_case, source_record
from collector.store.statement import parts
from muster.cmdb_health import HealthItem
from muster.model.ci_class import ClassCatalogue

CASE_KINDS = ("duplicate", "clone", "ambiguity")
EQUAL = "equal_identifier"


def load_duplicates(connection: Connection, catalogue: ClassCatalogue, hosts: Hosts) -> list[HealthItem]:
    """One item for each CI in scope and each reason, by number and reason."""
    found = [*_of_cases(connection, hosts), *_of_identifiers(connection, catalogue, hosts)]
    return sorted(found, key=lambda each: (each.ci.number if each.ci else 0, each.kind, each.attribute))


def strong_kinds(catalogue: ClassCatalogue) -> list[str]:
    """The identifiers of which one alone identifies by some class's rules."""
    rules = [rule for ci_class in catalogue for rule in ci_class.identification if rule.strength == "strong"]
    named = {kind for rule in rules for kind in (*rule.all, *rule.shared) if len(rule.all) + len(rule.shared) == 1}
    return sorted(named - {"number"})


def _of_cases(connection: Connection, hosts: Hosts) -> Iterable[HealthItem]:
    query = select(review_case.c.id, review_case.c.kind, review_case.c.members).where(review_case.c.state == "open")
    for row in connection.execute(query.where(review_case.c.kind.in_(CASE_KINDS))):
        for member in decode(row.members):
            host = hosts.by_id.get(member)
            if host is not None and not host.is_gone and hosts.takes(host.ref.ci_class, host.zone, member):
                yield HealthItem(host.ref.name, row.kind, host.ref, detail={"case": row.id})


def _of_identifiers(connection: Connection, catalogue: ClassCatalogue, hosts: Hosts) -> Iterable[HealthItem]:
    shared = _shared_values(connection, strong_kinds(catalogue))
    chosen: dict[tuple[str, str, str], set[str]] = {}
    for key, members in shared.items():
        alive = {each for each in members if each in hosts.by_id and not hosts.by_id[each].is_gone}
        if len(alive) > 1:
            chosen[key] = alive
    apart = _decided_apart(connection, {each for members in chosen.values() for each in members})
    for (kind, scope, value), members in chosen.items():
        for member in members:
            others = [each for each in members if each != member and frozenset({each, member}) not in apart]
            host = hosts.by_id[member]
            if others and hosts.takes(host.ref.ci_class, host.zone, member):
                detail = {"value": value, "scope": scope, "others": sorted(hosts.by_id[each].ref.number for each in others)[:20]}
                yield HealthItem(host.ref.name, EQUAL, host.ref, attribute=kind, detail=detail)


def _shared_values(connection: Connection, kinds: list[str]) -> dict[tuple[str, str, str], set[str]]:
    """(kind, scope, value) that more than one CI claims, with them; quarantined values and junk identify nothing and are left out."""
    claim, record = identity_claim.c, source_record.c
    observed = select(record.ci_id.label("ci_id"), claim.kind, claim.scope, claim.value).join(source_record, record.id == claim.record_id)
    observed = observed.where(claim.state == "active", claim.kind.in_(kinds), record.closed_at.is_(None), record.ci_id.is_not(None))
    said = recorded_claim.c
    recorded = select(said.ci_id.label("ci_id"), said.kind, said.scope, said.value).where(said.kind.in_(kinds))
    every = union_all(observed, recorded).subquery()
    key = (every.c.kind, every.c.scope, every.c.value)
    several = select(*key).group_by(*key).having(func.count(distinct(every.c.ci_id)) > 1).subquery()
    on = (every.c.kind == several.c.kind) & (every.c.scope == several.c.scope) & (every.c.value == several.c.value)
    found: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in connection.execute(select(every).select_from(every.join(several, on))):
        found[row.kind, row.scope, row.value].add(row.ci_id)
    return found


def _decided_apart(connection: Connection, ci_ids: set[str]) -> set[frozenset[str]]:
    """Pairs of CIs of which a person said that they are not one."""
    if not ci_ids:
        return set()
    left, right = source_record.alias("left_record"), source_record.alias("right_record")
    joined = identity_constraint.join(left, left.c.id == identity_constraint.c.left_record_id)
    joined = joined.join(right, right.c.id == identity_constraint.c.right_record_id)
    query = select(left.c.ci_id, right.c.ci_id).select_from(joined).where(identity_constraint.c.kind == "cannot_link")
    found: set[frozenset[str]] = set()
    for part in parts(sorted(ci_ids)):
        rows = connection.execute(query.where(left.c.ci_id.in_(part)))
        found.update(frozenset({row[0], row[1]}) for row in rows if row[1] in ci_ids)
    return found
