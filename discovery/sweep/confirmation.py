"""From single observations to states: down only once it is confirmed, and then from the first failure. Pure.

Two of the last three observations must fail (evidence and states: docs/discovery.md). A single failure is a blip: it is told in the
reason of the next state, and is no downtime. Many targets silent at once are a fault of the observer, not of the targets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import NamedTuple

from discovery.sweep.answer import Answer
from muster.model.state import State

CONFIRM_FAILURES = 2
CONFIRM_WINDOW = 3
VANTAGE_MINIMUM = 5
VANTAGE_REASON = "vantage_lost: most targets of this observer fell silent at once"


class Observed(NamedTuple):
    """One state to report, at the instant of its observation (ms)."""

    state: State
    at: int
    reason: str = ""


class Confirmation:
    """The observations of one check of one target. `is_down` is what was last reported."""

    def __init__(self, *, failures: int = CONFIRM_FAILURES, window: int = CONFIRM_WINDOW) -> None:
        self._failures = failures
        self._recent: deque[bool] = deque(maxlen=window)
        self._held: list[Observed] = []
        self.is_down = False
        self.has_answered = False

    def observe(self, answer: Answer, at: int) -> list[Observed]:
        """What is to be reported now: nothing while a failure waits for its confirmation, then every failure that was held.

        An observation that could not be made is reported as unknown and counts neither way.
        """
        if answer.is_up is None:
            return [Observed("unknown", at, answer.reason)]
        self._recent.append(answer.is_up)
        if answer.is_up:
            return [self._succeed(at)]
        if self.is_down:
            return [Observed("down", at, answer.reason)]
        self._held.append(Observed("down", at, answer.reason))
        if self._recent.count(False) < self._failures:
            return []
        held, self._held, self.is_down = self._held, [], True
        return held

    def suspend(self, at: int, reason: str) -> Observed:
        """Unknown, because the observer itself is at fault; what it saw meanwhile counts neither way."""
        self._held = []
        self._recent.clear()
        self.is_down = False
        return Observed("unknown", at, reason)

    def _succeed(self, at: int) -> Observed:
        blip = f"answers again; one probe failed: {self._held[0].reason}" if self._held else ""
        if self.is_down:
            self._recent.clear()
        self._held, self.is_down, self.has_answered = [], False, True
        return Observed("up", at, blip)


def is_vantage_lost(answering: Collection[str], silent: Collection[str]) -> bool:
    """Whether more than half of the targets that answered last time (`answering`) are silent now; of fewer than five none is judged so."""
    return len(answering) >= VANTAGE_MINIMUM and 2 * len(set(answering) & set(silent)) > len(set(answering))


def combine_alive(answers: Mapping[str, Answer]) -> Answer:
    """Reachability of a target from its probes by check name: any sign of life is up; all could not be asked is unknown."""
    for check, answer in answers.items():
        if answer.is_alive:
            return Answer(is_up=True, is_alive=True, reason=check, latency_seconds=answer.latency_seconds)
    if not answers or all(answer.is_up is None for answer in answers.values()):
        return Answer(is_up=None, is_alive=False, reason="; ".join(answer.reason for answer in answers.values()) or "nothing was asked")
    return Answer(is_up=False, is_alive=False, reason="; ".join(answer.reason for answer in answers.values())[:1000])
