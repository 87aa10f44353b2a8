"""Relations on record: what an accepted CI brings with it, what people decide and write by hand, and what takes it back.

Design: docs/reconciliation.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, insert, or_, select, update

from collector.reconcile.relation import Edge, to_edge
from collector.store.ci import load_ci
from collector.store.content import hash_body
from collector.store.edit import NO_VALUE, Context, Edit
from collector.store.relation_side import find_comparable
from collector.store.schema import ci, relation
from collector.store.statement import parts
from muster.document import suggest
from muster.errors import ConflictError, InputError, NotFoundError
from muster.model.relation_type import RelationType, find_fault


class RelationChange(msgspec.Struct, frozen=True, array_like=True):
    """One relation that went on record, or came off it."""

    action: Literal["add", "remove"]
    from_ci_id: str
    type: str
    to_ci_id: str
    qualifier: str = ""

    def inverse(self) -> RelationChange:
        return msgspec.structs.replace(self, action="remove" if self.action == "add" else "add")

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.from_ci_id, self.type, self.qualifier, self.to_ci_id)


def decide_relation(ci_id: str, recorded: Mapping[str, Any] | None, observed: Mapping[str, Any] | None) -> list[RelationChange]:
    """What an acceptance of a relation's difference writes."""
    changes = []
    if recorded is not None:
        changes.append(_change("remove", ci_id, to_edge(recorded)))
    if observed is not None:
        changes.append(_change("add", ci_id, to_edge(observed)))
    return changes


def _change(action: Literal["add", "remove"], ci_id: str, edge: Edge) -> RelationChange:
    return RelationChange(action, ci_id, edge.type, edge.to_ci_id, edge.qualifier)


def baseline_relations(edit: Edit, ci_ids: Collection[str]) -> list[RelationChange]:
    """The relations that CIs bring with them when they go on record: those under control, to what is on record too. Call it after they are."""
    types = sorted(edit.context.relations.named("governed"))
    rows: dict[int, Any] = {}
    columns = (relation.c.id, relation.c.type, relation.c.from_ci_id, relation.c.to_ci_id, relation.c.qualifier, relation.c.side)
    for part in parts(sorted(ci_ids)):
        touches = or_(relation.c.from_ci_id.in_(part), relation.c.to_ci_id.in_(part))
        joined = relation.c.from_ci_id.is_not(None) & relation.c.to_ci_id.is_not(None) & relation.c.valid_to.is_(None)
        query = select(*columns).where(touches, joined, relation.c.type.in_(types))
        rows |= {row.id: row for row in edit.connection.execute(query.order_by(relation.c.id))}
    if not rows:
        return []
    comparable = find_comparable(edit, {each for row in rows.values() for each in (row.from_ci_id, row.to_ci_id)})
    recorded = {_key(row) for row in rows.values() if row.side == "recorded"}
    parented = {key[:2] for key in recorded}
    found: dict[tuple[str, str, str, str], RelationChange] = {}
    for row in rows.values():
        kind = edit.context.relations.get(row.type)
        has_parent = kind is not None and kind.one_parent and (row.from_ci_id, row.type) in parented
        if row.side == "observed" and _key(row) not in recorded and not has_parent and {row.from_ci_id, row.to_ci_id} <= comparable:
            found[_key(row)] = RelationChange("add", row.from_ci_id, row.type, row.to_ci_id, row.qualifier)
    return [found[key] for key in sorted(found)]


def _key(row: Any) -> tuple[str, str, str, str]:
    return (row.from_ci_id, row.type, row.qualifier, row.to_ci_id)


def write_relations(edit: Edit, decision_id: str, changes: Iterable[RelationChange], *, is_told: bool = True) -> list[RelationChange]:
    """Put relations on record and take them off; those that changed something. `is_told`: with a line of history on each end."""
    wanted = list(changes)
    there = _load_recorded(edit, {each.from_ci_id for each in wanted})
    done: list[RelationChange] = []
    added: list[dict[str, Any]] = []
    for each in wanted:
        if (each.key in there) is (each.action == "add"):
            continue
        if each.action == "add":
            added.append(_row(edit, decision_id, each))
            there[each.key] = 0
        else:
            ended = update(relation).where(relation.c.id == there.pop(each.key))
            edit.connection.execute(ended.values(valid_to=edit.now, end_known_from=edit.now))
        done.append(each)
        if is_told:
            _note(edit, each)
    if added:
        edit.connection.execute(insert(relation), added)
    return done


def _load_recorded(edit: Edit, ci_ids: Collection[str]) -> dict[tuple[str, str, str, str], int]:
    found: dict[tuple[str, str, str, str], int] = {}
    for part in parts(sorted(ci_ids)):
        columns = (relation.c.id, relation.c.type, relation.c.from_ci_id, relation.c.to_ci_id, relation.c.qualifier)
        in_force = relation.c.from_ci_id.in_(part) & (relation.c.side == "recorded") & relation.c.valid_to.is_(None)
        found |= {_key(row): row.id for row in edit.connection.execute(select(*columns).where(in_force))}
    return found


def _row(edit: Edit, decision_id: str, each: RelationChange) -> dict[str, Any]:
    claim = msgspec.msgpack.encode({"type": each.type, "from": each.from_ci_id, "to": each.to_ci_id, "qualifier": each.qualifier})
    return {
        "type": each.type,
        "from_ci_id": each.from_ci_id,
        "to_ci_id": each.to_ci_id,
        "qualifier": each.qualifier,
        "side": "recorded",
        "claim_hash": hash_body(claim),
        "claim": claim,
        "valid_from": edit.now,
        "known_from": edit.now,
        "decision_id": decision_id,
    }


def _note(edit: Edit, each: RelationChange) -> None:
    for own, other in ((each.from_ci_id, each.to_ci_id), (each.to_ci_id, each.from_ci_id)):
        told = {"ci": other, **({"qualifier": each.qualifier} if each.qualifier else {})}
        old, new = (NO_VALUE, told) if each.action == "add" else (told, NO_VALUE)
        edit.note(own, "recorded", f"relation.{each.type}", old, new)


def take_back_relations(edit: Edit, decision_id: str, changes: Sequence[RelationChange]) -> set[str]:
    """What undoes them; the CIs at which they begin."""
    done = write_relations(edit, decision_id, [each.inverse() for each in reversed(changes)])
    return {each.from_ci_id for each in done}


class RelationWish(msgspec.Struct, frozen=True, kw_only=True):
    """A relation that a person writes: `from_key`, `to_key` are ids or numbers of CIs."""

    type: str
    from_key: str
    to_key: str
    qualifier: str = ""


def check_wish(connection: Connection, context: Context, wish: RelationWish) -> RelationChange:
    """The relation that a person means. Raises InputError for a type or ends that do not fit, NotFoundError."""
    kind = context.relations.get(wish.type)
    if kind is None:
        raise InputError(f"unknown relation {wish.type!r}{suggest(wish.type, context.relations.names())}", path="type")
    begins, ends = load_ci(connection, wish.from_key), load_ci(connection, wish.to_key)
    if begins.id == ends.id:
        is_merged = not {wish.from_key, wish.to_key} <= {ends.id, str(ends.number)}
        why = f"{wish.from_key} and {wish.to_key} are one CI since they were merged: number {ends.number}" if is_merged else "both ends are one CI"
        raise InputError(f"{why}; a relation joins two", path="to")
    fault = find_fault(kind, begins.ci_class, ends.ci_class, context.catalogue)
    if fault is not None:
        raise InputError(fault, path="type")
    one, other = sorted((begins.id, ends.id)) if kind.undirected else (begins.id, ends.id)
    return RelationChange("add", one, wish.type, other, wish.qualifier)


def plan_wish(edit: Edit, change: RelationChange, *, is_removed: bool) -> list[RelationChange]:
    """What writing it comes to: a thing has one parent, so a new one takes the place of the one before.

    Raises NotFoundError where a relation to take off is none, ConflictError (`already-recorded`), InputError for a circle.
    """
    there = _load_recorded(edit, [change.from_ci_id])
    kind = edit.context.relations.get(change.type)
    assert kind is not None, "the type was checked"
    if is_removed:
        if change.key not in there:
            raise NotFoundError(f"no such {change.type} is on record")
        return [change.inverse()]
    if change.key in there:
        raise ConflictError(f"this {change.type} is on record already", code="already-recorded")
    if kind.acyclic and _leads_back(edit, kind, change):
        raise InputError(f"{change.type} would lead back to where it begins; a thing cannot be inside itself", path="to")
    former = [RelationChange("remove", key[0], key[1], key[3], key[2]) for key in there if key[1] == change.type and kind.one_parent]
    return [*former, change]


def _leads_back(edit: Edit, kind: RelationType, change: RelationChange) -> bool:
    at, seen = {change.to_ci_id}, set[str]()
    while at and len(seen) < 10_000:
        if change.from_ci_id in at:
            return True
        seen |= at
        following: set[str] = set()
        for part in parts(sorted(at)):
            in_force = relation.c.from_ci_id.in_(part) & (relation.c.type == kind.name) & relation.c.valid_to.is_(None)
            following.update(edit.connection.execute(select(relation.c.to_ci_id).where(in_force, relation.c.to_ci_id.is_not(None))).scalars())
        at = following - seen
    return False


def recorded_ends(edit: Edit, ci_ids: Collection[str]) -> set[str]:
    """The CIs of these that are on record."""
    found: set[str] = set()
    for part in parts(sorted(ci_ids)):
        found.update(edit.connection.execute(select(ci.c.id).where(ci.c.id.in_(part), ci.c.is_recorded.is_(True))).scalars())
    return found
