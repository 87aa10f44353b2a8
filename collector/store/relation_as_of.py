"""Relations as they were at an instant, by what was known at another: between the CIs that they were believed to join then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import func, or_, select

from collector.store.ci_past import Moment
from collector.store.reading import Reading
from collector.store.schema import relation, relation_past
from collector.store.statement import parts

AT_ONCE = 250  # CIs of one statement, which names each of them four times


class RelationThen(Struct, frozen=True):
    """One source's, or the record's, word on a relation of one CI. `other_id` None: not known then; `claim` says what was claimed."""

    type: str
    direction: str  # out | in
    other_id: str | None
    qualifier: str
    side: str
    source_id: int | None
    valid_from: int
    valid_to: int | None
    claim: bytes

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What makes it the same relation, whoever tells it."""
        return self.type, self.other_id or "", self.qualifier, self.side, self.direction


def load_relations_then(reading: Reading, ci_ids: Collection[str], moment: Moment) -> dict[str, list[RelationThen]]:
    """Of each CI those in force, by type."""
    wanted = set(ci_ids)
    found: defaultdict[str, list[RelationThen]] = defaultdict(list)
    for part in parts(sorted(wanted), AT_ONCE):
        _load_part(reading, part, moment, found)
    return found


def _load_part(reading: Reading, part: list[str], moment: Moment, found: defaultdict[str, list[RelationThen]]) -> None:
    once = select(relation_past.c.relation_id).where(or_(relation_past.c.from_ci_id.in_(part), relation_past.c.to_ci_id.in_(part)))
    touches = or_(relation.c.from_ci_id.in_(part), relation.c.to_ci_id.in_(part), relation.c.id.in_(once))
    known = func.coalesce(relation.c.known_from, relation.c.valid_from) <= moment.known_at
    ended = relation.c.valid_to.is_not(None) & (relation.c.valid_to <= moment.at)
    ended &= func.coalesce(relation.c.end_known_from, relation.c.valid_to) <= moment.known_at
    query = select(relation).where(touches, relation.c.valid_from <= moment.at, known, ~func.coalesce(ended, False))
    rows = reading.connection.execute(query.order_by(relation.c.type, relation.c.id)).all()
    ends = _load_ends(reading, (row.id for row in rows), moment.known_at)
    for row in rows:
        one, other = ends.get(row.id, (row.from_ci_id, row.to_ci_id))
        for own, far, direction in ((one, other, "out"), (other, one, "in")):
            if own in part:
                found[own].append(_then(row, far, direction, moment))


def _load_ends(reading: Reading, relation_ids: Iterable[int], known_at: int) -> dict[int, tuple[str | None, str | None]]:
    """The ends of those whose ends have changed since."""
    found: dict[int, tuple[str | None, str | None]] = {}
    table = relation_past.c
    for part in parts(relation_ids):
        query = select(table.relation_id, table.from_ci_id, table.to_ci_id).where(table.relation_id.in_(part), table.known_to > known_at)
        for relation_id, one, other in reading.connection.execute(query.order_by(table.known_to, table.id)):
            found.setdefault(relation_id, (one, other))
    return found


def _then(row: Any, other: str | None, direction: str, moment: Moment) -> RelationThen:
    end_known = row.end_known_from if row.end_known_from is not None else row.valid_to
    return RelationThen(
        type=row.type,
        direction=direction,
        other_id=other,
        qualifier=row.qualifier,
        side=row.side,
        source_id=row.source_id,
        valid_from=row.valid_from,
        valid_to=row.valid_to if row.valid_to is not None and end_known <= moment.known_at else None,
        claim=bytes(row.claim),
    )
