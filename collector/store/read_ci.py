"""Lists of configuration items: one row each, filled for a whole page at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, true

from collector.store.content import load_contents
from collector.store.filter import compile_text
from collector.store.reading import MAXIMUM_LIMIT, Reading, after, check_limit, choose_sort, load_refs, make_cursor, ordered, read_cursor
from collector.store.schema import ci, difference, section, source, source_record
from collector.store.statement import parts
from muster.errors import NotFoundError, quote
from muster.ports import CiRef, CiSummary, Page

__all__ = ["MAXIMUM_LIMIT", "find_cis", "find_row", "list_cis", "list_contents", "to_summaries"]

SORTS: dict[str, ColumnElement[Any]] = {
    "name": ci.c.name,
    "number": ci.c.number,
    "class": ci.c.ci_class,
    "zone": ci.c.zone,
    "presence": ci.c.presence,
    "operation": ci.c.operation,
    "seen": func.coalesce(ci.c.seen_at, 0),
    "changed": ci.c.changed_at,
    "created": ci.c.created_at,
}


def list_cis(reading: Reading, query: str, *, cursor: str | None, limit: int, sort: str) -> Page:
    """One page of the CIs that match; those merged into another are left out."""
    condition = compile_text(query, reading.catalogue, reading.now) & ci.c.redirect_to.is_(None)
    return _page(reading, condition, cursor=cursor, limit=limit, sort=sort, with_all=False)


def list_contents(reading: Reading, key: str, ci_class: str, *, query: str, cursor: str | None, limit: int, sort: str) -> Page:
    """One page of a CI's dependent CIs of one class, with all their attributes."""
    owner = find_row(reading, key)
    condition = compile_text(f"class:{ci_class} {query}", reading.catalogue, reading.now) if ci_class else true()
    condition &= (ci.c.owner_ci_id == owner.id) & ci.c.redirect_to.is_(None)
    return _page(reading, condition, cursor=cursor, limit=limit, sort=sort, with_all=True)


def find_cis(reading: Reading, query: str) -> list[CiRef]:
    """All that match and still exist, by number."""
    condition = compile_text(query, reading.catalogue, reading.now)
    chosen = select(ci.c.id, ci.c.number, ci.c.ci_class, ci.c.name).where(condition, ci.c.redirect_to.is_(None))
    alive = chosen.where(ci.c.lifecycle.not_in(("retired", "disposed"))).order_by(ci.c.number)
    return [CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name) for row in reading.connection.execute(alive)]


def find_row(reading: Reading, key: str) -> Any:
    """The row of a CI by id or number; of the survivor where it was merged. Raises NotFoundError."""
    is_it = ci.c.number == int(key) if key.isdecimal() and len(key) < 19 else ci.c.id == key
    seen: set[str] = set()
    while True:
        row = reading.connection.execute(select(ci).where(is_it)).first()
        if row is None:
            raise NotFoundError(f"no CI {quote(key)}; see `muster ci list`")
        if row.redirect_to is None or row.id in seen:
            return row
        seen.add(row.id)
        is_it = ci.c.id == row.redirect_to


def to_summaries(reading: Reading, rows: Sequence[Any], *, with_all: bool = False) -> list[CiSummary]:
    """Rows of `ci` as lists show them; `with_all`: every effective attribute in `columns`, not the indexed ones alone."""
    ids = [row.id for row in rows]
    owners = load_refs(reading.connection, (row.owner_ci_id for row in rows))
    kinds = _source_kinds(reading, ids)
    differences = _count_differences(reading, ids)
    seen = _seen_at(reading, ids)
    hashes = [each for row in rows for each in (row.effective_hash, row.recorded_hash)]
    contents = load_contents(reading.connection, (bytes(each) for each in hashes if each is not None))
    return [
        CiSummary(
            id=row.id,
            number=row.number,
            ci_class=row.ci_class,
            name=row.name,
            zone=row.zone,
            lifecycle=row.lifecycle,
            presence=row.presence,
            operation=row.operation,
            is_recorded=row.is_recorded,
            is_provisional=row.is_provisional,
            owner=owners.get(row.owner_ci_id),
            source_kinds=kinds.get(row.id, []),
            open_differences=differences.get(row.id, 0),
            created_at=row.created_at,
            changed_at=row.changed_at,
            seen_at=max((each for each in (row.seen_at, seen.get(row.id)) if each is not None), default=None),
            columns=_columns(reading, row, contents, with_all=with_all),
        )
        for row in rows
    ]


def _page(reading: Reading, condition: ColumnElement[bool], *, cursor: str | None, limit: int, sort: str, with_all: bool) -> Page:
    column, descends = choose_sort(sort, SORTS)
    columns: list[tuple[ColumnElement[Any], bool]] = [(column, descends), (ci.c.number, descends)]
    behind = after(columns, read_cursor(cursor, sort, 2))
    total = reading.connection.execute(select(func.count()).select_from(ci).where(condition)).scalar_one()
    query = select(ci, column.label("sort_value")).where(condition).order_by(*ordered(columns)).limit(check_limit(limit) + 1)
    rows = reading.connection.execute(query if behind is None else query.where(behind)).all()
    shown = rows[:limit]
    following = make_cursor(sort, shown[-1].sort_value, shown[-1].number) if len(rows) > limit else None
    return Page(to_summaries(reading, shown, with_all=with_all), total, following)


def _source_kinds(reading: Reading, ids: Iterable[str]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts(ids):
        query = select(source_record.c.ci_id, source.c.kind).join(source, source.c.id == source_record.c.source_id).distinct()
        query = query.where(source_record.c.ci_id.in_(part), source_record.c.closed_at.is_(None)).order_by(source.c.kind)
        for ci_id, kind in reading.connection.execute(query):
            found[ci_id].append(kind)
    return found


def _seen_at(reading: Reading, ids: Iterable[str]) -> dict[str, int]:
    """When a source last confirmed each CI: freshness lives in sections, the column is written at changes and once an hour."""
    found: dict[str, int] = {}
    joined = source_record.join(section, (section.c.source_id == source_record.c.source_id) & (section.c.name == source_record.c.section))
    there = source_record.c.closed_at.is_(None) & source_record.c.is_absent.is_(False) & (source_record.c.misses == 0)
    for part in parts(ids):
        query = select(source_record.c.ci_id, func.max(section.c.confirmed_at)).select_from(joined).where(source_record.c.ci_id.in_(part), there)
        found |= {row[0]: row[1] for row in reading.connection.execute(query.group_by(source_record.c.ci_id))}
    return found


def _count_differences(reading: Reading, ids: Iterable[str]) -> dict[str, int]:
    """Open differences of each CI, those of its contents included."""
    found: defaultdict[str, int] = defaultdict(int)
    for part in parts(ids):
        query = select(ci.c.id, ci.c.owner_ci_id, func.count()).join(difference, difference.c.ci_id == ci.c.id)
        query = query.where(difference.c.state == "open", or_(ci.c.id.in_(part), ci.c.owner_ci_id.in_(part)))
        for ci_id, owner_id, count in reading.connection.execute(query.group_by(ci.c.id, ci.c.owner_ci_id)):
            found[ci_id] += count
            found[owner_id] += count
    return found


def _columns(reading: Reading, row: Any, contents: dict[bytes, Any], *, with_all: bool) -> dict[str, Any]:
    recorded = contents.get(bytes(row.recorded_hash), {}) if row.recorded_hash is not None else {}
    effective = contents.get(bytes(row.effective_hash), {}) if row.effective_hash is not None else {}
    attributes = reading.class_of(row.ci_class).attributes
    values = {**recorded, **effective}
    if with_all:
        return {name: value for name, value in values.items() if name not in attributes or not attributes[name].sensitive}
    return {name: value for name, value in values.items() if name in attributes and attributes[name].indexed and not attributes[name].sensitive}
