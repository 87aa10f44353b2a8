"""Outages: maximal runs of states that count as down, the time of them that counts, and the components that caused each.

Definitions: docs/services.md. A run is never split by closed hours or planned downtime; only the part that counts is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.services.cause import find_causes
from collector.services.expression import Evaluation, Expression
from collector.services.interval import Intervals, intersect
from collector.services.transition import BEGINNING, Timeline, Transition, find_runs
from muster.instant import render_instant
from muster.model.state import State


def find_outages(
    timeline: Timeline,
    counted: Intervals,
    *,
    until: int,
    down_states: frozenset[State],
    expression: Expression,
    timelines: Mapping[str, list[Transition]],
) -> list[dict[str, Any]]:
    """The outages that overlap what counts, oldest first: {from, to, counted_ms, causes}.

    `from` None: it reaches back to when nothing was known; `to` None: it lasts at the window's end.
    """
    runs = find_runs(timeline, down_states, until=until)
    lengths = _overlap(runs, counted)
    evaluation = Evaluation(expression)
    events = sorted(
        ((at, name, state) for name in expression.leaves for at, state in timelines[name]),
        key=lambda event: event[0],
    )
    place = 0
    known: dict[tuple[State, ...], list[str]] = {}
    outages: list[dict[str, Any]] = []
    for (since, end), length in zip(runs, lengths, strict=True):
        if length == 0:
            continue
        while place < len(events) and events[place][0] <= since:
            evaluation.set(events[place][1], events[place][2])
            place += 1
        pattern = tuple(evaluation.states.values())
        if pattern not in known:
            known[pattern] = find_causes(expression, evaluation, down_states)
        outages.append(
            {
                "from": None if since == BEGINNING else render_instant(since),
                "to": None if end >= until else render_instant(end),
                "counted_ms": length,
                "causes": list(known[pattern]),
            }
        )
    return outages


def _overlap(runs: Intervals, counted: Intervals) -> list[int]:
    """The length of each run's part inside what counts."""
    lengths = [0] * len(runs)
    place = 0
    for since, until in intersect(runs, counted):
        while runs[place][1] <= since:
            place += 1
        lengths[place] += until - since
    return lengths
