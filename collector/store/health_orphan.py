"""CIs that nothing and nobody holds on to, and relations that lead to what is gone. Definitions: docs/health.md.

Parts are never orphans for want of an owner or a relation of their own: they belong to their host, and are orphans only without one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from collector.store.health_block import GONE
from collector.store.health_host import Hosts
from collector.store.reading import load_refs
from collector.store.schema import ci, relation
from collector.store.service import load_components
from muster.cmdb_health import HealthItem
from muster.model.ci_class import ClassCatalogue

ORPHAN, NO_RELATION, NO_OWNER, NO_HOST = "orphan", "no_relation", "no_owner", "part_without_host"
TO_GONE = "relation_to_gone"
FINDINGS_LIMIT = 100_000


def load_orphans(connection: Connection, catalogue: ClassCatalogue, hosts: Hosts, related: Collection[int]) -> list[HealthItem]:
    """One item for each independent CI in scope that lacks something, and for each part without a host; by number.

    `related`: numbers of hosts, as `load_related` gives them.
    """
    components = load_components(connection)
    found = []
    for host in hosts.in_scope():
        if catalogue.get(host.ref.ci_class) is not None and catalogue[host.ref.ci_class].is_dependent:
            found.append(HealthItem(host.ref.name, NO_HOST, host.ref))
            continue
        lacks = (host.ref.number not in related and host.ref.id not in components, not host.owner)
        if any(lacks):
            kind = ORPHAN if all(lacks) else NO_RELATION if lacks[0] else NO_OWNER
            found.append(HealthItem(host.ref.name, kind, host.ref))
    return sorted([*found, *_parts_of_merged(connection, hosts)], key=lambda each: each.ci.number if each.ci else 0)


def load_findings(connection: Connection, hosts: Hosts) -> list[HealthItem]:
    """Relations in force of which one end is retired or disposed of and the other is in scope; of each the end that is still there."""
    found = []
    rows = list(_half_gone(connection))
    refs = load_refs(connection, (each for row in rows for each in row[1:]))
    for kind, end, end_host, other in rows:
        host = hosts.by_id.get(end_host)
        if end not in refs or other not in refs or host is None or not hosts.takes(refs[end].ci_class, host.zone, end_host):
            continue
        gone = refs[other]
        detail = {"relation": kind, "to": {"id": gone.id, "number": gone.number, "class": gone.ci_class, "name": gone.name}}
        owner = None if end == end_host else host.ref
        found.append(HealthItem(refs[end].name, TO_GONE, refs[end], owner, detail=detail))
    return sorted(found, key=lambda each: (each.ci.number if each.ci else 0, each.detail["to"]["number"], each.detail["relation"]))


def _is_gone(each: Any, host: Any) -> ColumnElement[bool]:
    return or_(each.c.lifecycle.in_(GONE), host.c.lifecycle.in_(GONE))


def load_related(connection: Connection) -> set[int]:
    """Numbers of hosts that are at an end of a relation to another one, themselves or by a part of theirs."""
    start, end, start_owner, end_owner = (ci.alias(name) for name in ("start", "finish", "start_owner", "finish_owner"))
    start_host, end_host = func.coalesce(start_owner.c.number, start.c.number), func.coalesce(end_owner.c.number, end.c.number)
    joined = relation.join(start, start.c.id == relation.c.from_ci_id).join(end, end.c.id == relation.c.to_ci_id)
    joined = joined.outerjoin(start_owner, start_owner.c.id == start.c.owner_ci_id).outerjoin(end_owner, end_owner.c.id == end.c.owner_ci_id)
    pairs = select(start_host, end_host).select_from(joined).where(relation.c.valid_to.is_(None), start_host != end_host)
    return {number for row in connection.execute(pairs) for number in row}


def _half_gone(connection: Connection) -> Iterable[tuple[str, str, str, str]]:
    """(type, the end that is there, its host, the other end): by the lifecycle of each end's host."""
    start, end = ci.alias("start"), ci.alias("finish")
    start_host, end_host = ci.alias("start_host"), ci.alias("finish_host")
    joined = relation.join(start, start.c.id == relation.c.from_ci_id).join(end, end.c.id == relation.c.to_ci_id)
    joined = joined.join(start_host, start_host.c.id == func.coalesce(start.c.owner_ci_id, start.c.id))
    joined = joined.join(end_host, end_host.c.id == func.coalesce(end.c.owner_ci_id, end.c.id))
    starts_gone, ends_gone = _is_gone(start, start_host), _is_gone(end, end_host)
    columns = (relation.c.type, start.c.id, start_host.c.id, end.c.id, end_host.c.id, starts_gone, ends_gone)
    query = select(*columns).select_from(joined).where(relation.c.valid_to.is_(None), or_(starts_gone, ends_gone)).distinct()
    for kind, from_id, from_host, to_id, to_host, from_gone, to_gone in connection.execute(query.limit(FINDINGS_LIMIT)):
        if not from_gone:
            yield kind, from_id, from_host, to_id
        elif not to_gone:
            yield kind, to_id, to_host, from_id


def _parts_of_merged(connection: Connection, hosts: Hosts) -> Collection[HealthItem]:
    """Parts whose host was merged into another one and did not take them along."""
    merged = ci.alias("merged")
    query = select(ci.c.id, ci.c.zone, merged.c.redirect_to).join(merged, merged.c.id == ci.c.owner_ci_id)
    query = query.where(merged.c.owner_ci_id.is_(None), merged.c.redirect_to.is_not(None), ci.c.redirect_to.is_(None), ci.c.lifecycle.not_in(GONE))
    rows = [row for row in connection.execute(query.limit(FINDINGS_LIMIT)) if row.redirect_to in hosts.by_id]
    refs = load_refs(connection, (row.id for row in rows))
    chosen = [row for row in rows if hosts.takes(refs[row.id].ci_class, row.zone, row.redirect_to)]
    return [HealthItem(refs[row.id].name, NO_HOST, refs[row.id], hosts.by_id[row.redirect_to].ref) for row in chosen]
