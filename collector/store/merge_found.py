"""Which merge a person means: by its decision, a CI that was merged away, a survivor, or a record. Design: docs/merges.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from collector.store.merge_before import MergeBefore, before_of
from collector.store.merge_side import load_exact
from collector.store.recorded_side import SideChange
from collector.store.schema import decision, merged_ci, source_record
from collector.store.verdict import DecisionSubject
from muster.errors import ConflictError

MERGING = ("merge", "adopt")  # kinds of decisions that make CIs one
_subject = msgspec.msgpack.Decoder(DecisionSubject)


class Merge(msgspec.Struct, frozen=True):
    """A merge in force, or the part of it that is to be taken back."""

    decision_id: str
    at: int
    survivor_id: str
    losers: tuple[str, ...]
    before: MergeBefore
    sides: tuple[SideChange, ...]
    choices: dict[str, str]
    kind: str = "merge"


def find_merge(connection: Connection, key: str) -> Merge:
    """The merge in force of a decision, of a CI that was merged away, or the newest of a survivor. Raises NotFoundError, ConflictError."""
    row = connection.execute(select(decision.c.kind, decision.c.undone_by).where(decision.c.id == key)).first()
    query = select(merged_ci).where(merged_ci.c.undone_by.is_(None)).order_by(merged_ci.c.at.desc(), merged_ci.c.decision_id.desc())
    if row is not None:
        if row.kind not in MERGING:
            raise ConflictError(f"decision {key} is no merge; it is taken back with `muster difference undo`", code="not-merged")
        rows = connection.execute(query.where(merged_ci.c.decision_id == key)).all()
        if not rows:
            raise ConflictError(f"decision {key} is taken back already", code="already-undone", current=row.undone_by)
        return _merge_of(connection, rows)
    known = load_exact(connection, key)
    as_loser = connection.execute(query.where(merged_ci.c.loser_id == known.id)).first()
    if as_loser is not None:
        return _merge_of(connection, [as_loser])
    newest = connection.execute(query.where(merged_ci.c.survivor_id == known.id)).first()
    if newest is None:
        raise ConflictError(
            f"no person merged {known.name} (#{known.number}) with another; where the rules linked a record wrongly, split it off", code="not-merged"
        )
    rows = connection.execute(query.where(merged_ci.c.decision_id == newest.decision_id)).all()
    return _merge_of(connection, rows)


def find_merge_of_record(connection: Connection, record_id: int) -> str | None:
    """The CI that was merged away, by a person, with this record; None: the record never changed its CI so."""
    owned = select(source_record.c.ci_id).where(source_record.c.id == record_id).scalar_subquery()
    query = select(merged_ci.c.loser_id).where(merged_ci.c.undone_by.is_(None), merged_ci.c.survivor_id == owned)
    for loser_id in connection.execute(query.order_by(merged_ci.c.at.desc())).scalars().all():
        merge = find_merge(connection, loser_id)
        if record_id not in merge.before.kept_records:
            return str(loser_id)
    return None


def _merge_of(connection: Connection, rows: Sequence[Any]) -> Merge:
    first = rows[0]
    row = connection.execute(select(decision).where(decision.c.id == first.decision_id)).one()
    subject = _subject.decode(row.subject)
    before = before_of(subject)
    losers = tuple(each.loser_id for each in rows)
    return Merge(first.decision_id, first.at, first.survivor_id, losers, before, subject.sides, before.choices, row.kind)
