"""The CIs that a case is about as they are now: where its records are linked, and what its CIs have become."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from collector.store.ci import load_cis, resolve
from collector.store.content import decode
from collector.store.schema import case_member, source_record


def load_member_cis(connection: Connection, row: Any) -> list[str]:
    """Ids of hosts and devices by number, of a row of `review_case`; each once. A CI that another took the place of counts as that one."""
    linked = select(source_record.c.ci_id).join(case_member, case_member.c.record_id == source_record.c.id)
    is_it = (case_member.c.case_id == row.id) & source_record.c.ci_id.is_not(None)
    found = set(connection.execute(linked.where(is_it).distinct()).scalars())
    found |= {resolve(connection, each).id for each in decode(row.members) or []}
    rows = sorted(load_cis(connection, found).values(), key=lambda each: each.number)
    return [each.id for each in rows if each.owner_ci_id is None]
