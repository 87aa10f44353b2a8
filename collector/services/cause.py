"""Which components caused an outage: those whose being up alone ends it, else the smallest set, the first in lexical order.

Where each component stands once in the expression (and degraded does not count otherwise than unknown) the smallest set is put together
from the leaves upwards. Else sets are tried by size; after MAXIMUM_TRIES a set of which none can be left out is given instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from collector.services.expression import DEGRADED, DOWN, RANK, UP, Evaluation, Expression
from muster.model.state import State

MAXIMUM_TRIES = 10_000


def find_causes(expression: Expression, evaluation: Evaluation, down_states: frozenset[State]) -> list[str]:
    """The causes while the evaluation counts as down, sorted. The evaluation is given back as it was."""
    broken = sorted(name for name, state in evaluation.states.items() if state != "up")
    alone = [name for name in broken if _ends(evaluation, (name,), down_states)]
    if alone:
        return alone
    threshold = _find_threshold(evaluation, down_states)
    if threshold is not None and all(len(places) == 1 for places in expression.leaves.values()):
        return list(_assemble(expression, evaluation, *threshold))
    return _search(evaluation, broken, down_states, is_monotone=threshold is not None)


def _ends(evaluation: Evaluation, names: Iterable[str], down_states: frozenset[State]) -> bool:
    """Whether the service does not count as down while these components are up."""
    before = [(name, evaluation.states[name]) for name in names]
    for name, _ in before:
        evaluation.set(name, "up")
    ends = evaluation.state not in down_states
    for name, state in before:
        evaluation.set(name, state)
    return ends


def _find_threshold(evaluation: Evaluation, down_states: frozenset[State]) -> tuple[int, int] | None:
    """(how unknown is read, the rank from which on nothing counts as down); None where more up can make it count as down again.

    That is so only where one of degraded and unknown counts as down and something is degraded: degraded may then turn into unknown.
    """
    is_degraded_down, is_unknown_down = "degraded" in down_states, "unknown" in down_states
    if is_degraded_down != is_unknown_down and "degraded" in evaluation.states.values():
        return None
    return DOWN if is_unknown_down else UP, UP if is_degraded_down or is_unknown_down else DEGRADED


def _assemble(expression: Expression, evaluation: Evaluation, unknown: int, wanted: int) -> tuple[str, ...]:
    """The smallest set that lifts the root to a rank, where no component stands twice.

    Sets of different children are disjoint, so that the k smallest (the first in lexical order among equals) are the best k.
    """
    needed: list[tuple[str, ...]] = [()] * len(expression.nodes)
    for place in reversed(range(len(expression.nodes))):
        node = expression.nodes[place]
        if node.children:
            best = sorted((needed[child] for child in node.children), key=lambda names: (len(names), names))[: node.k]
            needed[place] = tuple(sorted(name for names in best for name in names))
        else:
            state = evaluation.states[node.component]
            rank = unknown if state == "unknown" else RANK[state]
            needed[place] = () if rank >= wanted else (node.component,)
    return needed[0]


def _search(evaluation: Evaluation, broken: Sequence[str], down_states: frozenset[State], *, is_monotone: bool) -> list[str]:
    """The smallest set among all of them; whatever every set must hold is taken first where more up never makes it worse."""
    required = [name for name in broken if not _ends(evaluation, [each for each in broken if each != name], down_states)] if is_monotone else []
    others = [name for name in broken if name not in set(required)]
    tries = 0
    for size in range(len(others) + 1):
        for chosen in combinations(others, size):
            tries += 1
            if tries > MAXIMUM_TRIES:
                return _thin_out(evaluation, broken, down_states)
            if _ends(evaluation, (*required, *chosen), down_states):
                return sorted((*required, *chosen))
    return list(broken)


def _thin_out(evaluation: Evaluation, broken: Sequence[str], down_states: frozenset[State]) -> list[str]:
    kept = list(broken)
    for name in reversed(broken):
        fewer = [each for each in kept if each != name]
        if _ends(evaluation, fewer, down_states):
            kept = fewer
    return kept
