"""Timelines of components, read from `transition` and `check_state`: the raw record from which availability is computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from collector.check_timeline import (
    PROOFS_OF_LIFE,
    REACHABILITY,
    ComponentTimeline,
    Evidence,
    Timeline,
    combine_all,
    combine_best,
    expire,
    join_equal,
    proves_life,
)
from collector.service_tree import LeafKey
from collector.store.schema import check_state, transition
from muster.model.state import State

_CIS_PER_QUERY = 500


@dataclass
class _Told:
    """What is on record of one CI: entries and reasons by check and source (None: combined by the collector), newest evidence."""

    entries: dict[str, dict[int | None, list[tuple[int, State]]]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, dict[int, Evidence]] = field(default_factory=dict)
    mark: int = 0


def load_timelines(connection: Connection, keys: Collection[LeafKey], *, since: int, now: int) -> dict[LeafKey, ComponentTimeline]:
    """The timeline of each component from `since` on, with the state carried into it. A component without a record is missing."""
    wanted = [key for key in keys if key[0] and key[1]]
    cis = sorted({ci_id for ci_id, _ in wanted})
    checks = sorted({check for _, names in wanted for check in names})
    told = {ci_id: _Told() for ci_id in cis}
    for row in _transitions(connection, cis, checks, since):
        of_ci = told[row.ci_id]
        of_ci.entries.setdefault(row.check_name, {}).setdefault(row.source_id, []).append((row.at, row.state))
        of_ci.reasons[row.check_name] = row.reason
        of_ci.mark = max(of_ci.mark, row.id)
    for part in _parts(cis):
        for row in connection.execute(select(check_state).where(check_state.c.ci_id.in_(part), _names(check_state.c.check_name, checks))):
            evidence = Evidence(row.state, row.last_at, row.interval_seconds * 1000, row.reason)
            told[row.ci_id].evidence.setdefault(row.check_name, {})[row.source_id] = evidence
    found = {(ci_id, names): _of_component(told[ci_id], names, now) for ci_id, names in wanted}
    return {key: component for key, component in found.items() if component is not None}


def newest_transition(connection: Connection) -> int:
    """A number that rises whenever any state changes; 0 where there is none."""
    return int(connection.execute(select(func.coalesce(func.max(transition.c.id), 0))).scalar_one())


def _of_component(told: _Told, names: Sequence[str], now: int) -> ComponentTimeline | None:
    parts = [_of_check(told, check, now) for check in names]
    timeline = combine_all(parts)
    if not timeline:
        return None
    state = next((state for at, state in reversed(timeline) if at <= now), "unknown")
    evidence = [each for check in names for name in _constituents(told.evidence, check) for each in told.evidence[name].values()]
    agreeing = [each for each in evidence if each.state != "unknown" and (each.state == "down") == (state == "down")]
    return ComponentTimeline(
        timeline=timeline,
        evidence_at=max((each.last_at for each in agreeing), default=timeline[-1][0]),
        reason=next((text for text in (*(each.reason for each in agreeing), *(told.reasons.get(check, "") for check in names)) if text), ""),
        mark=told.mark,
    )


def _of_check(told: _Told, check: str, now: int) -> Timeline:
    """What the collector combined, else the best word of the sources; of reachability, of every proof of life."""
    combined = told.entries.get(check, {}).get(None)
    if combined is not None:
        return join_equal(combined)
    parts = [
        expire(join_equal(entries), None if source_id is None else told.evidence.get(name, {}).get(source_id), now)
        for name in _constituents(told.entries, check)
        for source_id, entries in told.entries[name].items()
    ]
    return combine_best(parts) if parts else ()


def _constituents(recorded: Collection[str], check: str) -> list[str]:
    return sorted(name for name in recorded if name == check or (check == REACHABILITY and proves_life(name)))


def _transitions(connection: Connection, cis: Sequence[str], checks: Sequence[str], since: int) -> Iterator[Any]:
    """Rows since `since` and, of each check and source, the last one before it; in the order in which they count."""
    columns = (transition.c.id, transition.c.ci_id, transition.c.check_name, transition.c.source_id, transition.c.at, transition.c.state)
    for part in _parts(cis):
        is_wanted = and_(transition.c.ci_id.in_(part), _names(transition.c.check_name, checks))
        carried = (
            select(transition.c.ci_id, transition.c.check_name, transition.c.source_id, func.max(transition.c.at).label("at"))
            .where(is_wanted, transition.c.at < since)
            .group_by(transition.c.ci_id, transition.c.check_name, transition.c.source_id)
            .subquery()
        )
        before = select(*columns, transition.c.reason).join(
            carried,
            and_(
                transition.c.ci_id == carried.c.ci_id,
                transition.c.check_name == carried.c.check_name,
                func.coalesce(transition.c.source_id, -1) == func.coalesce(carried.c.source_id, -1),
                transition.c.at == carried.c.at,
            ),
        )
        after = select(*columns, transition.c.reason).where(is_wanted, transition.c.at >= since)
        for query in (before, after):
            yield from connection.execute(query.order_by(transition.c.at, transition.c.known_from, transition.c.id))


def _names(column: ColumnElement[str], checks: Sequence[str]) -> ColumnElement[bool]:
    if REACHABILITY not in checks:
        return column.in_(checks)
    return or_(column.in_([*checks, *PROOFS_OF_LIFE]), column.startswith("tcp:"))


def _parts(cis: Sequence[str]) -> Iterable[Sequence[str]]:
    return (cis[start : start + _CIS_PER_QUERY] for start in range(0, len(cis), _CIS_PER_QUERY))
