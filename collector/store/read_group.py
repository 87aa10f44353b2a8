"""The review queue by cause: groups of differences that one decision is about, riskiest and newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from collector.store.read_difference import Selection, condition_of, joined_of, to_views
from collector.store.read_service import services_by_ci
from collector.store.reading import Reading, after, check_limit, make_cursor, ordered, read_cursor
from collector.store.schema import ci, difference
from collector.store.statement import parts
from muster.ports import DifferenceGroup, Page


def list_groups(reading: Reading, chosen: Selection, *, cursor: str | None, limit: int) -> Page:
    """Riskiest first, then those with the newest difference, then by key."""
    condition = condition_of(reading, chosen)
    groups = _groups(condition, joined_of(chosen)).subquery()
    columns: list[tuple[ColumnElement[Any], bool]] = [(groups.c.risk, True), (groups.c.newest_at, True), (groups.c.group_key, False)]
    behind = after(columns, read_cursor(cursor, "groups", 3))
    numbered = select(groups, func.count().over().label("total")) if behind is None else select(groups).where(behind)
    rows = reading.connection.execute(numbered.order_by(*ordered(columns)).limit(check_limit(limit) + 1)).all()
    counted = select(func.count()).select_from(groups)
    total = (rows[0].total if rows else 0) if behind is None else reading.connection.execute(counted).scalar_one()
    shown = rows[:limit]
    following = make_cursor("groups", shown[-1].risk, shown[-1].newest_at, shown[-1].group_key) if len(rows) > limit else None
    return Page(_group_views(reading, shown, condition, chosen), total, following)


def _groups(condition: ColumnElement[bool], joined: Any) -> Select[Any]:
    return (
        select(
            difference.c.group_key,
            func.count().label("count"),
            func.count(difference.c.ci_id.distinct()).label("ci_count"),
            func.max(difference.c.risk).label("risk"),
            func.min(difference.c.opened_at).label("oldest_at"),
            func.max(difference.c.opened_at).label("newest_at"),
            func.count().filter(difference.c.is_unauthorised.is_(True)).label("unauthorised"),
            func.max(difference.c.flaps).label("flaps"),
        )
        .select_from(joined)
        .where(condition)
        .group_by(difference.c.group_key)
    )


def _group_views(reading: Reading, rows: Sequence[Any], condition: ColumnElement[bool], chosen: Selection) -> list[DifferenceGroup]:
    """Each group is described by its riskiest, newest difference: what is recorded may differ among them, what is observed does not."""
    shown: list[Any] = []
    for row in rows:
        query = select(difference).select_from(joined_of(chosen)).where(condition, difference.c.group_key == row.group_key)
        shown += reading.connection.execute(query.order_by(difference.c.risk.desc(), difference.c.opened_at.desc()).limit(1)).all()
    examples = {view.group_key: view for view in to_views(reading, shown)}
    services = _services_of(reading, [row.group_key for row in rows], chosen)
    found = []
    for row in rows:
        example = examples[row.group_key]
        found.append(
            DifferenceGroup(
                group_key=row.group_key,
                kind=example.kind,
                attribute=example.attribute,
                label=example.label,
                ci_class=example.ci.ci_class,
                recorded=example.recorded,
                observed=example.observed,
                count=row.count,
                ci_count=row.ci_count,
                risk=row.risk,
                oldest_at=row.oldest_at,
                newest_at=row.newest_at,
                example=example.ci,
                change_id=example.change_id,
                unauthorised=row.unauthorised,
                flaps=row.flaps,
                services=sorted({*services.get(row.group_key, ()), *example.services}),
                sources=[example.source.kind] if example.source is not None else [],
                other=example.other,
            )
        )
    return found


def _services_of(reading: Reading, keys: Sequence[str], chosen: Selection) -> dict[str, set[str]]:
    """The services that have a CI of a group, or its host, as a component."""
    carried = services_by_ci(reading)
    if not carried or not keys:
        return {}
    host = func.coalesce(ci.c.owner_ci_id, ci.c.id)
    found: dict[str, set[str]] = {}
    for part in parts(sorted(carried)):
        of_it = difference.c.group_key.in_(keys) & (ci.c.id.in_(part) | ci.c.owner_ci_id.in_(part))
        in_state = difference.c.state.in_(chosen.states) if chosen.states else difference.c.id.is_not(None)
        query = select(difference.c.group_key, ci.c.id, host).select_from(difference.join(ci, ci.c.id == difference.c.ci_id)).where(of_it, in_state)
        for key, ci_id, host_id in reading.connection.execute(query.distinct()):
            found.setdefault(key, set()).update([*carried.get(ci_id, ()), *carried.get(host_id, ())])
    return found
