"""From what sources said of a check to one timeline of it: expiry of silent sources, the best word of several. Pure.

Source: design of evidence and states (docs/incidents.md): no data never becomes up; a silent source is unknown, not down; one
independent proof of life is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from muster.model.state import State

Timeline = tuple[tuple[int, State], ...]
REACHABILITY = "reachability"
# What shows that a host answers; TCP checks are named `tcp:PORT`.
PROOFS_OF_LIFE = ("agent_heartbeat", "icmp", "snmp", "ssh")
_RANK: dict[State, int] = {"unknown": -1, "down": 0, "degraded": 1, "up": 2}


class Evidence(Struct, frozen=True):
    """The newest observation of one check by one source."""

    state: State
    last_at: int
    interval_ms: int
    reason: str = ""


class ComponentTimeline(Struct, frozen=True, kw_only=True):
    """One component: its timeline, what is known now, and a mark that changes whenever its past may have changed."""

    timeline: Timeline
    evidence_at: int
    reason: str
    mark: int

    def state_at(self, at: int) -> State:
        """Its state at an instant; unknown before the first entry."""
        return next((state for since, state in reversed(self.timeline) if since <= at), "unknown")

    def since(self, at: int) -> int:
        """Since when it is in that state; the instant itself where nothing is known."""
        return next((since for since, _ in reversed(self.timeline) if since <= at), at)


def proves_life(check: str) -> bool:
    """Whether a check is a proof of life of its host."""
    return check in PROOFS_OF_LIFE or check.startswith("tcp:")


def expire(timeline: Timeline, evidence: Evidence | None, now: int) -> Timeline:
    """The timeline with unknown from when the next observation was due, once the last one is too old.

    An observation holds for max(3 × interval, interval + 60 s); unknown then begins where the next was due: no credit without evidence.
    """
    if evidence is None or not timeline:
        return timeline
    holds_ms = max(3 * evidence.interval_ms, evidence.interval_ms + 60_000)
    due_at = evidence.last_at + evidence.interval_ms
    if now <= evidence.last_at + holds_ms or timeline[-1][1] == "unknown" or due_at < timeline[-1][0]:
        return timeline
    return (*timeline, (due_at, "unknown"))


def join_equal(entries: Iterable[tuple[int, State]]) -> Timeline:
    """In order of time; of several at one instant the last given wins; equal successive states join."""
    latest = dict(entries)
    joined: list[tuple[int, State]] = []
    for at in sorted(latest):
        if not joined or joined[-1][1] != latest[at]:
            joined.append((at, latest[at]))
    return tuple(joined)


def combine_best(timelines: Sequence[Timeline]) -> Timeline:
    """The best known word at each instant: one proof of life outweighs any silence and any failed probe."""
    return _combine(timelines, best=True)


def combine_all(timelines: Sequence[Timeline]) -> Timeline:
    """All must hold: down where one is down, else unknown where one is unknown, else the worst."""
    return _combine(timelines, best=False)


def _combine(timelines: Sequence[Timeline], *, best: bool) -> Timeline:
    if len(timelines) == 1:
        return timelines[0]
    events = sorted((at, index, state) for index, timeline in enumerate(timelines) for at, state in timeline)
    states: list[State] = ["unknown"] * len(timelines)
    entries: list[tuple[int, State]] = []
    for at, index, state in events:
        states[index] = state
        if best:
            entries.append((at, max(states, key=_RANK.__getitem__)))
        else:
            entries.append((at, "down" if "down" in states else min(states, key=_RANK.__getitem__)))
    return join_equal(entries)
