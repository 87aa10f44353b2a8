"""Timelines of components, read from `transition` and `check_state`: the raw record from which availability is computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from collector.check_timeline import (
    COLLECTOR_GAP,
    HEARTBEAT,
    NO_OBSERVATION,
    PROOFS_OF_LIFE,
    REACHABILITY,
    ComponentTimeline,
    Evidence,
    Timeline,
    Word,
    Words,
    combine_all,
    combine_best,
    expire,
    hush,
    join_equal,
    proves_life,
    resolve_silence,
    spare_gaps,
    tells_of_life,
)
from collector.service_tree import LeafKey
from collector.store.liveness import load_gaps
from collector.store.schema import check_state, ci, transition
from muster.model.state import State

_CIS_PER_QUERY = 500
_WITHOUT_WORD = (NO_OBSERVATION, COLLECTOR_GAP)


@dataclass
class _Told:
    """What is on record of one CI: entries and reasons by check and source (None: combined by the collector), newest evidence."""

    entries: dict[str, dict[int | None, list[tuple[int, State, bool]]]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, dict[int, Evidence]] = field(default_factory=dict)
    mark: int = 0


@dataclass(frozen=True)
class _Hearing:
    """What the record of one component is heard with: that of its host, which tells who its agent is and what others say of it."""

    told: _Told
    host: _Told
    gaps: list[tuple[int, int]]
    now: int

    def agents(self) -> Collection[int]:
        """The sources that are agents on the host."""
        return self.host.evidence.get(HEARTBEAT, {}).keys()


def load_timelines(connection: Connection, keys: Collection[LeafKey], *, since: int, now: int) -> dict[LeafKey, ComponentTimeline]:
    """The timeline of each component from `since` on, with the state carried into it. A component without a record is missing."""
    wanted = [key for key in keys if key[0] and key[1]]
    if not wanted:
        return {}
    hosts = _load_hosts(connection, sorted({ci_id for ci_id, _ in wanted}))
    cis = sorted({*hosts, *hosts.values()})
    checks = sorted({REACHABILITY, *(check for _, names in wanted for check in names)})
    told = {ci_id: _Told() for ci_id in cis}
    for row in _transitions(connection, cis, checks, since):
        of_ci = told[row.ci_id]
        entry = (row.at, row.state, row.state == "unknown" and row.reason in _WITHOUT_WORD)
        of_ci.entries.setdefault(row.check_name, {}).setdefault(row.source_id, []).append(entry)
        of_ci.reasons[row.check_name] = row.reason
        of_ci.mark = max(of_ci.mark, row.id)
    for part in _parts(cis):
        for row in connection.execute(select(check_state).where(check_state.c.ci_id.in_(part), _names(check_state.c.check_name, checks))):
            evidence = Evidence(row.state, row.last_at, row.interval_seconds * 1000, row.reason, row.expires_at)
            told[row.ci_id].evidence.setdefault(row.check_name, {})[row.source_id] = evidence
    gaps = [(each.start_at, each.end_at) for each in load_gaps(connection, since, now + 1)]
    found = {(ci_id, names): _of_component(_Hearing(told[ci_id], told[hosts.get(ci_id, ci_id)], gaps, now), names) for ci_id, names in wanted}
    return {key: component for key, component in found.items() if component is not None}


def _load_hosts(connection: Connection, cis: Sequence[str]) -> dict[str, str]:
    """The host of each CI: its owner, or itself."""
    hosts = {ci_id: ci_id for ci_id in cis}
    for part in _parts(cis):
        query = select(ci.c.id, ci.c.owner_ci_id).where(ci.c.id.in_(part), ci.c.owner_ci_id.is_not(None))
        hosts.update((row.id, row.owner_ci_id) for row in connection.execute(query))
    return hosts


def _of_component(hearing: _Hearing, names: Sequence[str]) -> ComponentTimeline | None:
    heard = [_hear(hearing, check) for check in names]
    if not any(heard):
        return None
    if not any(word == "silent" for words in heard for _, word in words):
        return _describe(hearing, names, combine_all([resolve_silence(words, (), unprobed="unknown") for words in heard]))
    probes = _probe(hearing)
    plain, strict = (combine_all([resolve_silence(words, probes, unprobed=each) for words in heard]) for each in _POLICIES)
    component = _describe(hearing, names, plain)
    return component if plain == strict else replace(component, if_silent_down=_describe(hearing, names, strict))


_POLICIES: tuple[State, State] = ("unknown", "down")


def _describe(hearing: _Hearing, names: Sequence[str], timeline: Timeline) -> ComponentTimeline:
    state = next((state for at, state in reversed(timeline) if at <= hearing.now), "unknown")
    told = hearing.told
    evidence = [each for check in names for name in _constituents(told.evidence, check) for each in told.evidence[name].values()]
    agreeing = [each for each in evidence if each.state != "unknown" and (each.state == "down") == (state == "down")]
    on_record = [text for check in names if (text := told.reasons.get(check, "")) and not (state != "unknown" and text in _WITHOUT_WORD)]
    reasons = (*(each.reason for each in agreeing), *on_record)
    return ComponentTimeline(
        timeline=timeline,
        evidence_at=max((each.last_at for each in agreeing), default=timeline[-1][0]),
        reason=next((text for text in reasons if text), ""),
        mark=max(told.mark, hearing.host.mark),
    )


def _hear(hearing: _Hearing, check: str) -> Words:
    """What the collector combined, else the best word of the sources; of reachability, of every proof of life."""
    combined = hearing.told.entries.get(check, {}).get(None)
    if combined is not None:
        return join_equal((at, state) for at, state, _ in combined)
    agents = hearing.agents()
    parts = [
        _follow_agent(hearing, name, source_id) if source_id in agents else _follow(hearing, hearing.told, name, source_id)
        for name in _constituents(hearing.told.entries, check)
        for source_id in hearing.told.entries[name]
    ]
    return combine_best(parts) if parts else ()


def _probe(hearing: _Hearing) -> Timeline:
    """What others than its agent say of whether the host answers."""
    agents, host = hearing.agents(), hearing.host
    parts = [
        _follow(hearing, host, name, source_id)
        for name in _constituents(host.entries, REACHABILITY)
        for source_id in host.entries[name]
        if source_id not in agents
    ]
    return resolve_silence(combine_best(parts), (), unprobed="unknown")


def _follow_agent(hearing: _Hearing, name: str, source_id: int | None) -> Words:
    """The word of an agent, which of a part holds no longer than its heartbeat."""
    words = _spare(hearing, hearing.told, name, source_id)
    return words if proves_life(name) else hush(words, _spare(hearing, hearing.host, HEARTBEAT, source_id))


def _spare(hearing: _Hearing, told: _Told, name: str, source_id: int | None) -> Words:
    words = _follow(hearing, told, name, source_id, lost="silent")
    evidence = told.evidence.get(name, {}).get(source_id or 0)
    return words if evidence is None else spare_gaps(words, hearing.gaps, evidence, hearing.now)


def _follow(hearing: _Hearing, told: _Told, name: str, source_id: int | None, *, lost: Word = "unknown") -> Words:
    """The word of one source. One that watches from elsewhere and falls silent says nothing of what it watched."""
    entries = told.entries.get(name, {}).get(source_id, [])
    evidence = told.evidence.get(name, {}).get(source_id or 0)
    return expire(join_equal((at, lost if is_lost else state) for at, state, is_lost in entries), evidence, hearing.now, word=lost)


def _constituents(recorded: Collection[str], check: str) -> list[str]:
    return sorted(name for name in recorded if name == check or (check == REACHABILITY and tells_of_life(name)))


def _transitions(connection: Connection, cis: Sequence[str], checks: Sequence[str], since: int) -> Iterator[Any]:
    """Rows since `since` and, of each check and source, the last one before it; in the order in which they count."""
    names = ("id", "ci_id", "check_name", "source_id", "at", "state", "reason")
    columns = [transition.c[name] for name in names]
    for part in _parts(cis):
        is_wanted = and_(transition.c.ci_id.in_(part), _names(transition.c.check_name, checks))
        carried = (
            select(transition.c.ci_id, transition.c.check_name, transition.c.source_id, func.max(transition.c.at).label("at"))
            .where(is_wanted, transition.c.at < since)
            .group_by(transition.c.ci_id, transition.c.check_name, transition.c.source_id)
            .subquery()
        )
        before = select(*columns).join(
            carried,
            and_(
                transition.c.ci_id == carried.c.ci_id,
                transition.c.check_name == carried.c.check_name,
                func.coalesce(transition.c.source_id, -1) == func.coalesce(carried.c.source_id, -1),
                transition.c.at == carried.c.at,
            ),
        )
        after = select(*columns).where(is_wanted, transition.c.at >= since)
        for query in (before, after):
            yield from connection.execute(query.order_by(transition.c.at, transition.c.known_from, transition.c.id))


def _names(column: ColumnElement[str], checks: Sequence[str]) -> ColumnElement[bool]:
    if REACHABILITY not in checks:
        return column.in_(checks)
    return or_(column.in_([*checks, *PROOFS_OF_LIFE]), column.startswith("tcp:"))


def _parts(cis: Sequence[str]) -> Iterable[Sequence[str]]:
    return (cis[start : start + _CIS_PER_QUERY] for start in range(0, len(cis), _CIS_PER_QUERY))
