"""A decision tried and taken back in one transaction: what it would make of hosts and devices, and not a row written.

Needed by people before a merge, an un-merge or a case's answer; the decision itself runs, so nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, func, select

from collector.store.content import load_contents
from collector.store.read_merge import load_record_names
from collector.store.reading import Reading
from collector.store.schema import ci, decision, history
from collector.store.statement import parts
from muster.merge_view import Outcome, ResultingCi
from muster.ports import CiRef

SHOWN = 100  # hosts and devices


def rehearse(connection: Connection, reading: Reading, decide: Callable[[Connection], str]) -> Outcome:
    """Run a decision, tell what came of it, and take all of it back. Raises what the decision raises."""
    attempt = connection.begin_nested()
    try:
        return _tell(reading, decide(connection))
    finally:
        attempt.rollback()


def _tell(reading: Reading, decision_id: str) -> Outcome:
    connection = reading.connection
    kind = connection.execute(select(decision.c.kind).where(decision.c.id == decision_id)).scalar_one()
    touched = select(history.c.ci_id).where(history.c.cause_kind == "decision", history.c.cause_id == decision_id)
    query = select(ci).where(ci.c.id.in_(touched), ci.c.owner_ci_id.is_(None)).order_by(ci.c.number).limit(SHOWN)
    rows = connection.execute(query).all()
    contents = load_contents(connection, (bytes(key) for row in rows for key in (row.effective_hash, row.recorded_hash) if key is not None))
    counted: dict[str, int] = {}
    for part in parts([row.id for row in rows]):
        held = select(ci.c.owner_ci_id, func.count()).where(ci.c.owner_ci_id.in_(part), ci.c.redirect_to.is_(None)).group_by(ci.c.owner_ci_id)
        counted |= {row[0]: row[1] for row in connection.execute(held)}
    leads = {row.id: row.number for row in connection.execute(select(ci.c.id, ci.c.number).where(ci.c.id.in_([row.redirect_to for row in rows])))}
    return Outcome(kind, [_resulting(reading, row, contents, counted, leads) for row in rows])


def _resulting(reading: Reading, row: Any, contents: dict[bytes, Any], counted: dict[str, int], leads: dict[str, int]) -> ResultingCi:
    hidden = {name for name, attribute in reading.class_of(row.ci_class).attributes.items() if attribute.sensitive}
    sides = [contents.get(bytes(key), {}) if key is not None else {} for key in (row.effective_hash, row.recorded_hash)]
    effective, recorded = ({name: value for name, value in side.items() if name not in hidden} for side in sides)
    return ResultingCi(
        ci=CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name),
        records=load_record_names(reading, row.id),
        effective=effective,
        recorded=recorded,
        parts=counted.get(row.id, 0),
        merged_into=leads.get(row.redirect_to),
    )
