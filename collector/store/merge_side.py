"""CIs as a merge looks at them: found without following redirects, with their recorded sides, pins and what refers to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, or_, select

from collector.reconcile.union import Refusal, Side, find_refusals
from collector.store.ci import StoredCi, load_cis, resolve
from collector.store.content import decode
from collector.store.edit import Edit
from collector.store.recorded_side import recorded_of
from collector.store.schema import ci, identity_constraint, incident, pin, relation, source_record
from collector.store.statement import parts
from muster.errors import ConflictError, InputError, NotFoundError, quote

AT_ONCE = 50  # CIs in one merge


def load_exact(connection: Connection, key: str) -> StoredCi:
    """The CI of an id or number itself, even where it was merged into another. Raises NotFoundError."""
    is_it = ci.c.number == int(key) if key.isdecimal() and len(key) < 19 else ci.c.id == key
    ci_id = connection.execute(select(ci.c.id).where(is_it)).scalar()
    if ci_id is None:
        raise NotFoundError(f"no CI {quote(key)}; see `muster ci list`")
    return load_cis(connection, [ci_id])[ci_id]


def load_to_merge(edit: Edit, keys: Sequence[str]) -> list[StoredCi]:
    """The CIs of these ids and numbers, in this order. Raises NotFoundError, InputError, ConflictError (`already-merged`)."""
    if not 2 <= len(keys) <= AT_ONCE:
        raise InputError(f"a merge takes 2 to {AT_ONCE} CIs, not {len(keys)}", path="cis")
    found = [load_exact(edit.connection, key) for key in keys]
    for row in found:
        if row.redirect_to is not None:
            into = resolve(edit.connection, row.redirect_to)
            raise ConflictError(
                f"{row.name} (#{row.number}) was merged into {into.name} (#{into.number}) already; name that one, or undo that merge first",
                code="already-merged",
                current=into.id,
            )
    return found


def load_sides(edit: Edit, rows: Sequence[StoredCi]) -> list[Side]:
    """The CIs as `union` judges them, in this order."""
    ids = [row.id for row in rows]
    references = _count_references(edit, ids)
    pins = load_pins(edit.connection, ids)
    forbids = _load_forbids(edit.connection, ids)
    return [
        Side(
            id=row.id,
            number=row.number,
            name=row.name,
            ci_class=row.ci_class,
            family=edit.class_of(row.ci_class).family,
            created_at=row.created_at,
            lifecycle=row.lifecycle,
            is_dependent=row.owner_ci_id is not None,
            is_recorded=row.is_recorded,
            is_provisional=row.is_provisional,
            references=references.get(row.id, 0),
            recorded=recorded_of(edit, row),
            tags=decode(row.tags) or {},
            pins={name: decode(held["value"]) for name, held in pins.get(row.id, {}).items()},
            forbids=forbids.get(row.id, {}),
        )
        for row in rows
    ]


def check_mergeable(survivor: Side, losers: Sequence[Side]) -> None:
    """Raises ConflictError with the code of the first refusal where something forbids the merge."""
    refusals: list[Refusal] = find_refusals(survivor, losers)
    if refusals:
        raise ConflictError("; ".join(each.message for each in refusals), code=refusals[0].code)


def load_pins(connection: Connection, ci_ids: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """By CI and attribute the columns of its pins."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for part in parts(sorted(set(ci_ids))):
        for row in connection.execute(select(pin).where(pin.c.ci_id.in_(part))):
            found.setdefault(row.ci_id, {})[row.attribute] = {
                "value": bytes(row.value),
                "reason": row.reason,
                "owner": row.owner,
                "expires_at": row.expires_at,
                "decision_id": row.decision_id,
            }
    return found


def independent_records(connection: Connection, ci_ids: Sequence[str]) -> dict[str, list[int]]:
    """By CI the ids of the records that are not part of others: those in force first, then by number."""
    found: dict[str, list[int]] = {ci_id: [] for ci_id in ci_ids}
    columns = (source_record.c.ci_id, source_record.c.id)
    for part in parts(sorted(set(ci_ids))):
        is_it = source_record.c.ci_id.in_(part) & source_record.c.owner_record_id.is_(None) & source_record.c.owner_ref.is_(None)
        in_order = (source_record.c.closed_at.is_not(None), source_record.c.id)
        for row in connection.execute(select(*columns).where(is_it).order_by(*in_order)):
            found[row.ci_id].append(row.id)
    return found


def _count_references(edit: Edit, ci_ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {ci_id: len(edit.services_of(ci_id)) for ci_id in ci_ids}
    for ci_id in ci_ids:
        touches = or_(relation.c.from_ci_id == ci_id, relation.c.to_ci_id == ci_id) & relation.c.valid_to.is_(None)
        for query in (
            select(func.count()).select_from(relation).where(touches),
            select(func.count()).select_from(incident).where(incident.c.ci_id == ci_id),
        ):
            found[ci_id] += int(edit.connection.execute(query).scalar_one())
    return found


def _load_forbids(connection: Connection, ci_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Which of these CIs a person's newest word on a pair of their records keeps apart, with the decision."""
    of_record = {record_id: ci_id for ci_id, records in independent_records(connection, ci_ids).items() for record_id in records}
    table = identity_constraint.c
    newest: dict[frozenset[int], Any] = {}
    for part in parts(sorted(of_record)):
        query = select(identity_constraint).where(or_(table.left_record_id.in_(part), table.right_record_id.in_(part)))
        for row in connection.execute(query.order_by(table.created_at, table.id)):
            newest[frozenset((row.left_record_id, row.right_record_id))] = row
    found: dict[str, dict[str, str]] = {}
    for pair, row in newest.items():
        cis = {of_record.get(record_id) for record_id in pair}
        if row.kind == "cannot_link" and len(cis) == 2 and None not in cis:
            one, other = sorted(each for each in cis if each is not None)
            found.setdefault(one, {})[other] = found.setdefault(other, {})[one] = row.decision_id
    return found
