"""Relations between two CIs that a person made one: kept as told, with an end that waits, so that an un-merge finds them again.

Elsewhere a relation of a CI with itself is refused (`relation_order.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from collector.store.edit import Edit
from collector.store.relation_row import RelationRow
from collector.store.schema import merged_ci
from collector.store.statement import parts


def hold_own_edges(edit: Edit, rows: Sequence[RelationRow]) -> None:
    """The second end of a relation waits where both are one CI by a merge."""
    own = [row for row in rows if row.is_joined and row.from_ci_id == row.to_ci_id]
    survivors: set[str] = set()
    for part in parts(sorted({row.from_ci_id for row in own if row.from_ci_id is not None})):
        is_it = merged_ci.c.survivor_id.in_(part) & merged_ci.c.undone_by.is_(None)
        survivors.update(edit.connection.execute(select(merged_ci.c.survivor_id).where(is_it)).scalars())
    for row in own:
        if row.from_ci_id in survivors:
            row.to_ci_id = None
