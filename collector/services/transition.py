"""The timeline of a component and of a service: transitions in order, and the pieces between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from collector.services.interval import Interval, Intervals
from muster.model.state import State

Transition = tuple[int, State]
Timeline = Sequence[Transition]
BEGINNING = -(2**63)  # before every instant that can be written


def order_transitions(transitions: Iterable[Transition], *, until: int) -> list[Transition]:
    """The timeline before `until`: by time, of several at one instant the last one given, equal successive states joined.

    Before its first transition a component is unknown, so that a first `unknown` says nothing and vanishes.

    >>> order_transitions([(9, "up"), (3, "down"), (9, "down"), (20, "up")], until=20)
    [(3, 'down')]
    """
    latest = {at: state for at, state in transitions if at < until}
    ordered: list[Transition] = []
    before: State = "unknown"
    for at in sorted(latest):
        if latest[at] != before:
            before = latest[at]
            ordered.append((at, before))
    return ordered


def to_pieces(timeline: Timeline, *, until: int) -> Iterator[tuple[int, int, State]]:
    """(from, to, state) of the whole timeline from the beginning of time to `until`; none is empty."""
    since: int = BEGINNING
    state: State = "unknown"
    for at, following in timeline:
        if since < at:
            yield since, at, state
        since, state = at, following
    if since < until:
        yield since, until, state


def measure_states(timeline: Timeline, intervals: Intervals) -> dict[State, int]:
    """How long each state lasted inside the intervals, in milliseconds."""
    total: dict[State, int] = {"up": 0, "degraded": 0, "down": 0, "unknown": 0}
    place = 0
    state: State = "unknown"
    for since, until in intervals:
        while place < len(timeline) and timeline[place][0] <= since:
            state = timeline[place][1]
            place += 1
        at = since
        while place < len(timeline) and timeline[place][0] < until:
            total[state] += timeline[place][0] - at
            at, state = timeline[place]
            place += 1
        total[state] += until - at
    return total


def find_runs(timeline: Timeline, states: frozenset[State], *, until: int) -> list[Interval]:
    """The maximal runs of these states, cut at `until` only; one that reaches back to the beginning starts at BEGINNING."""
    runs: list[Interval] = []
    for since, end, state in to_pieces(timeline, until=until):
        if state not in states:
            continue
        if runs and runs[-1][1] == since:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((since, end))
    return runs
