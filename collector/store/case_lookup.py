"""What the steps of a case mean: CIs by the refs of their records, differences by their CI, cases by their kind. Design: docs/cases.md."""

from __future__ import annotations

from sqlalchemy import Connection, select

from collector.store.schema import ci, difference, review_case, source, source_record
from collector.store.whole_state import CaseRow, DifferenceRow, to_case, to_difference


def find_record_cis(connection: Connection, ref: str, source_name: str | None = None) -> list[str]:
    """The CIs, survivors where merged, that have an open record of this ref, in the order of their numbers."""
    query = (
        select(ci.c.id, ci.c.redirect_to).join(source_record, source_record.c.ci_id == ci.c.id).join(source, source.c.id == source_record.c.source_id)
    )
    query = query.where(source_record.c.ref == ref, source_record.c.closed_at.is_(None)).order_by(ci.c.number)
    if source_name is not None:
        kind, name, instance = [*source_name.split("/", 2), "", ""][:3]
        query = query.where(source.c.kind == kind, source.c.name == name, source.c.instance == instance)
    found: dict[str, None] = {}
    for row in connection.execute(query):
        at, following, seen = row.id, row.redirect_to, {row.id}
        while following is not None and following not in seen:
            seen.add(following)
            at, following = following, connection.execute(select(ci.c.redirect_to).where(ci.c.id == following)).scalar_one()
        found[at] = None
    return list(found)


def find_differences(connection: Connection, ci_id: str) -> list[DifferenceRow]:
    """The differences of a CI of any state, the newest first."""
    query = select(difference).where(difference.c.ci_id == ci_id).order_by(difference.c.opened_at.desc(), difference.c.id.desc())
    return [to_difference(row) for row in connection.execute(query)]


def find_cases(connection: Connection, kind: str) -> list[CaseRow]:
    """The cases of a kind of any state, the newest first."""
    query = select(review_case).where(review_case.c.kind == kind).order_by(review_case.c.opened_at.desc(), review_case.c.id.desc())
    return [to_case(row) for row in connection.execute(query)]


def find_records(connection: Connection, ci_id: str) -> frozenset[tuple[str, str]]:
    """The (source, ref) of a CI's open records."""
    query = select(source.c.kind, source.c.name, source.c.instance, source_record.c.ref).join(source, source.c.id == source_record.c.source_id)
    rows = connection.execute(query.where(source_record.c.ci_id == ci_id, source_record.c.closed_at.is_(None)))
    return frozenset((f"{row.kind}/{row.name}/{row.instance}", row.ref) for row in rows)
