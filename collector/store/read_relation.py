"""Relations as people see them: equal words of several sources joined, with who still stands behind them. Design: docs/reconciliation.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, false, func, or_, select

from collector.store.content import decode
from collector.store.read_ci import find_row
from collector.store.reading import Reading, load_refs, load_source_refs
from collector.store.schema import ci, relation, section, source
from collector.store.statement import parts
from muster.model.relation_type import shipped_relations
from muster.ports import CiRef, RelationView, SourceRef

RELATION_LIMIT = 1_000
_RETIRED = ("retired", "disposed")
_HOST = ci.alias("host")


def load_relations(reading: Reading, ci_id: str) -> list[RelationView]:
    """Relations of one CI in force, both sides."""
    touches = or_(relation.c.from_ci_id == ci_id, relation.c.to_ci_id == ci_id)
    rows = reading.connection.execute(_in_force().where(touches).order_by(relation.c.type, relation.c.id).limit(RELATION_LIMIT)).all()
    others = load_refs(reading.connection, (each for row in rows for each in (row.from_ci_id, row.to_ci_id)))
    sources = load_source_refs(reading.connection, (row.source_id for row in rows))
    grouped: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in rows:
        is_out = row.from_ci_id == ci_id
        other = row.to_ci_id if is_out else row.from_ci_id
        pending = bytes(row.claim_hash) if other is None else b""
        grouped[row.type, "out" if is_out else "in", other, row.qualifier, row.side, pending].append(row)
    views = [_relation(reading, key, members, others, sources) for key, members in grouped.items()]
    is_part = reading.connection.execute(select(ci.c.owner_ci_id).where(ci.c.id == ci_id)).scalar() is not None
    return _mark_retired(reading, _mark_disputed(views, of=ci_id) if is_part else views)


def load_part_relations(reading: Reading, key: str) -> list[RelationView]:
    """Relations in force of a CI's parts to what is no part of it, such as its ports' links. Raises NotFoundError."""
    row = find_row(reading, key)
    parts_of_it = select(ci.c.id).where(ci.c.owner_ci_id == row.id)
    touches = or_(relation.c.from_ci_id.in_(parts_of_it), relation.c.to_ci_id.in_(parts_of_it))
    rows = reading.connection.execute(_in_force().where(touches).order_by(relation.c.type, relation.c.id).limit(RELATION_LIMIT)).all()
    ends = {each for found in rows for each in (found.from_ci_id, found.to_ci_id) if each is not None}
    owner_query = select(ci.c.id, ci.c.owner_ci_id).where(ci.c.id.in_(sorted(ends)))
    owner_of: dict[str, str | None] = {found.id: found.owner_ci_id for found in reading.connection.execute(owner_query)} if ends else {}
    refs = load_refs(reading.connection, [*ends, *owner_of.values()])
    sources = load_source_refs(reading.connection, (found.source_id for found in rows))
    grouped: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for found in rows:
        is_out = owner_of.get(found.from_ci_id) == row.id
        own, other = (found.from_ci_id, found.to_ci_id) if is_out else (found.to_ci_id, found.from_ci_id)
        if owner_of.get(other or "") == row.id:
            continue
        pending = bytes(found.claim_hash) if other is None else b""
        grouped[own, found.type, "out" if is_out else "in", other, found.qualifier, found.side, pending].append(found)
    views = []
    for (own, *word), members in grouped.items():
        view = _relation(reading, tuple(word), members, refs, sources)
        views.append(msgspec.structs.replace(view, own=refs.get(own), other_owner=refs.get(owner_of.get(view.other.id if view.other else "") or "")))
    return _mark_retired(reading, _mark_disputed(views))


def _in_force() -> Select[Any]:
    of_it = (section.c.source_id == relation.c.source_id) & (section.c.name == relation.c.section)
    joined = relation.outerjoin(section, of_it).outerjoin(source, source.c.id == relation.c.source_id)
    columns = (section.c.confirmed_at, section.c.interval_seconds, source.c.state.label("source_state"), source.c.kind.label("source_kind"))
    # Both ends are one CI only where a person merged two that a relation joined.
    is_own = func.coalesce(relation.c.from_ci_id == relation.c.to_ci_id, false())
    return select(relation, *columns).select_from(joined).where(relation.c.valid_to.is_(None), ~is_own)


def _stands(reading: Reading, row: Any) -> bool:
    """Whether its source still says so: it is heard, and has not left it out."""
    if row.misses or row.confirmed_at is None or row.source_state in ("revoked", "replaced"):
        return False
    return bool(reading.now - row.confirmed_at <= reading.settings.fresh_for_ms(row.interval_seconds or 600))


def _relation(
    reading: Reading, key: tuple[Any, ...], rows: Sequence[Any], others: Mapping[str, CiRef], sources: Mapping[int, SourceRef]
) -> RelationView:
    kind, direction, other, qualifier, side, _ = key
    standing = [row for row in rows if _stands(reading, row)]
    counted = standing or rows  # where nobody is heard, what was last known
    return RelationView(
        type=kind,
        direction=direction,
        other=others.get(other),
        qualifier=qualifier,
        side=side,
        sources=list({row.source_id: sources[row.source_id] for row in counted if row.source_id in sources}.values()),
        valid_from=min(row.valid_from for row in rows),
        valid_to=None,
        claim=decode(rows[0].claim) if other is None else {},
        is_fresh=side == "recorded" or bool(standing),
        is_suggestion=all(_is_suggestion(row) for row in rows),
    )


def _is_suggestion(row: Any) -> bool:
    kind = shipped_relations().get(row.type)
    return kind is not None and row.side == "observed" and row.seen_day is not None and row.seen_days < kind.confirm_after_days


def _mark_disputed(views: list[RelationView], *, of: str = "") -> list[RelationView]:
    """Links of one port to several others, of which the sources say different things. `of`: the port whose own relations these are."""

    def port(view: RelationView) -> str:
        return view.own.id if view.own is not None else of

    links: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for view in views:
        if _is_one_link(view) and port(view) and view.other is not None:
            links[view.type, port(view)].add(view.other.id)
    return [
        msgspec.structs.replace(view, is_disputed=True) if _is_one_link(view) and len(links[view.type, port(view)]) > 1 else view for view in views
    ]


def _mark_retired(reading: Reading, views: list[RelationView]) -> list[RelationView]:
    """Relations to what is retired or disposed of; the CMDB's health counts them too."""
    ids = sorted({view.other.id for view in views if view.other is not None})
    gone: set[str] = set()
    for part in parts(ids):
        is_gone = or_(ci.c.lifecycle.in_(_RETIRED), _HOST.c.lifecycle.in_(_RETIRED))
        query = select(ci.c.id).outerjoin(_HOST, _HOST.c.id == ci.c.owner_ci_id).where(ci.c.id.in_(part), is_gone)
        gone.update(reading.connection.execute(query).scalars())
    return [msgspec.structs.replace(view, is_to_retired=True) if view.other is not None and view.other.id in gone else view for view in views]


def _is_one_link(view: RelationView) -> bool:
    kind = shipped_relations().get(view.type)
    return kind is not None and kind.one_link and view.side == "observed" and view.is_fresh
