"""Both sides of the relations that begin at recorded CIs, as they are compared. A fixed number of statements for many CIs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from collector.reconcile.record import SourceKey
from collector.reconcile.relation import Edge, RelationSides
from collector.store.ci import StoredCi
from collector.store.edit import Edit
from collector.store.schema import ci, relation, source, source_record
from collector.store.statement import parts

_ENDED = ("retired", "disposed")
_MANAGERS = ("hypervisor", "cloud")


def load_relation_sides(edit: Edit, cis: Sequence[StoredCi]) -> dict[str, RelationSides]:
    """By CI, those that have relations under control on either side."""
    types = sorted(edit.context.relations.named("governed"))
    rows = _load(edit, [each.id for each in cis], types)
    if not rows:
        return {}
    ends = {row.to_ci_id for row in rows}
    comparable = find_comparable(edit, ends)
    parents = {row.to_ci_id for row in rows if (kind := edit.context.relations.get(row.type)) is not None and kind.within}
    groups = _find_groups(edit, parents)
    classes = {each.id: each.ci_class for each in cis}
    found: dict[str, RelationSides] = {}
    for ci_id in sorted({row.from_ci_id for row in rows}):
        own = [row for row in rows if row.from_ci_id == ci_id]
        found[ci_id] = RelationSides(
            ci_id=ci_id,
            ci_class=classes[ci_id],
            observed=[_edge(edit, row) for row in own if row.side == "observed" and row.valid_to is None],
            recorded=[_edge(edit, row) for row in own if row.side == "recorded" and row.valid_to is None],
            ended={(row.type, row.qualifier, row.to_ci_id) for row in own if row.side == "observed" and row.valid_to is not None},
            comparable=comparable,
            groups=groups,
        )
    return found


def _load(edit: Edit, ci_ids: Collection[str], types: Sequence[str]) -> list[Any]:
    """Relations in force, and, of CIs with recorded ones, those that ended."""
    rows: list[Any] = []
    for part in parts(sorted(ci_ids)):
        rows += edit.connection.execute(_IN_FORCE, {"types": types, "cis": part}).all()
    recorded = {row.from_ci_id for row in rows if row.side == "recorded"}
    for part in parts(sorted(recorded)):
        rows += edit.connection.execute(_ENDED_ONES, {"types": types, "cis": part}).all()
    return rows


_FROM_CIS = (
    select(
        *(relation.c[name] for name in ("id", "type", "from_ci_id", "to_ci_id", "qualifier", "side", "valid_to", "source_id")),
        *(source.c[name] for name in ("kind", "name", "instance", "zone")),
    )
    .select_from(relation.outerjoin(source, source.c.id == relation.c.source_id))
    .where(relation.c.type.in_(bindparam("types", expanding=True)), relation.c.from_ci_id.in_(bindparam("cis", expanding=True)))
    .where(relation.c.to_ci_id.is_not(None))
    .order_by(relation.c.id)
)
# Built once: building them costs more than running them.
_IN_FORCE, _ENDED_ONES = _FROM_CIS.where(relation.c.valid_to.is_(None)), _FROM_CIS.where(relation.c.valid_to.is_not(None))


def _edge(edit: Edit, row: Any) -> Edge:
    key = None
    if row.source_id is not None:
        key = SourceKey(row.kind, row.name, row.instance, row.zone)
        edit.know_source(key, row.source_id)
    return Edge(type=row.type, to_ci_id=row.to_ci_id, qualifier=row.qualifier, source=key)


def find_comparable(edit: Edit, ci_ids: Iterable[str]) -> set[str]:
    """Of these CIs, those on record and in use, their hosts too."""
    owner = ci.alias()
    joined = ci.outerjoin(owner, owner.c.id == ci.c.owner_ci_id)
    found: set[str] = set()
    for part in parts(sorted(set(ci_ids))):
        query = select(ci.c.id, ci.c.lifecycle, ci.c.is_recorded, ci.c.presence, owner.c.lifecycle.label("above")).select_from(joined)
        for row in edit.connection.execute(query.where(ci.c.id.in_(part))):
            if row.is_recorded and row.lifecycle not in _ENDED and row.above not in _ENDED and row.presence != "absent":
                found.add(row.id)
    return found


def _find_groups(edit: Edit, ci_ids: Collection[str]) -> dict[str, set[str]]:
    """What parents belong to: by relation; where none is known, the managers that list them."""
    found: dict[str, set[str]] = {}
    for part in parts(sorted(ci_ids)):
        of_it = relation.c.from_ci_id.in_(part) & relation.c.type.in_(("member_of", "part_of"))
        query = select(relation.c.from_ci_id, relation.c.to_ci_id).where(of_it, relation.c.valid_to.is_(None), relation.c.to_ci_id.is_not(None))
        for child, group in edit.connection.execute(query):
            found.setdefault(child, set()).add(group)
    alone = [each for each in ci_ids if each not in found]
    for part in parts(sorted(alone)):
        joined = source_record.join(source, source.c.id == source_record.c.source_id)
        listed = source_record.c.ci_id.in_(part) & source_record.c.closed_at.is_(None) & source.c.kind.in_(_MANAGERS)
        for ci_id, kind, name in edit.connection.execute(
            select(source_record.c.ci_id, source.c.kind, source.c.name).select_from(joined).where(listed)
        ):
            found.setdefault(ci_id, set()).add(f"{kind}/{name}")
    return found
