"""From what sources said of a check to one timeline of it: expiry of silent sources, the best word of several. Pure.

Source: design of evidence and states (docs/incidents.md): no data never becomes up; a silent source is unknown, not down; one
independent proof of life is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, TypeVar

from msgspec import Struct

from muster.model.state import State

Timeline = tuple[tuple[int, State], ...]
# `silent`: of an agent whose next word did not come. What that means others say: an independent check, else a policy.
Word = Literal["up", "degraded", "down", "unknown", "silent"]
Words = tuple[tuple[int, Word], ...]
W = TypeVar("W", bound=Word)
# Why a state became unknown without anybody saying so.
NO_OBSERVATION = "no observation"
COLLECTOR_GAP = "collector_gap"
REACHABILITY = "reachability"
# What shows that a host answers; TCP checks are named `tcp:PORT`.
HEARTBEAT = "agent_heartbeat"
PROOFS_OF_LIFE = (HEARTBEAT, "icmp", "snmp", "ssh")
_RANK: dict[Word, int] = {"unknown": -2, "silent": -1, "down": 0, "degraded": 1, "up": 2}


class Evidence(Struct, frozen=True):
    """The newest observation of one check by one source."""

    state: State
    last_at: int
    interval_ms: int
    reason: str = ""
    expires_at: int | None = None

    @property
    def holds_ms(self) -> int:
        """How long it is evidence: as noted when it was taken, else max(3 × interval, interval + 60 s)."""
        if self.expires_at is not None:
            return self.expires_at - self.last_at - 1
        return max(3 * self.interval_ms, self.interval_ms + 60_000)


class ComponentTimeline(Struct, frozen=True, kw_only=True):
    """One component: its timeline, what is known now, and a mark that changes whenever its past may have changed.

    `if_silent_down`: what it is where the agreement takes silence that cannot be probed as down; None: the same.
    """

    timeline: Timeline
    evidence_at: int
    reason: str
    mark: int
    if_silent_down: ComponentTimeline | None = None

    def under(self, silent: str) -> ComponentTimeline:
        """The component under the policy `silent`: unknown or down."""
        return self.if_silent_down if silent == "down" and self.if_silent_down is not None else self

    def state_at(self, at: int) -> State:
        """Its state at an instant; unknown before the first entry."""
        return next((state for since, state in reversed(self.timeline) if since <= at), "unknown")

    def since(self, at: int) -> int:
        """Since when it is in that state; the instant itself where nothing is known."""
        return next((since for since, _ in reversed(self.timeline) if since <= at), at)


def proves_life(check: str) -> bool:
    """Whether a check is a proof of life of its host."""
    return check in PROOFS_OF_LIFE or check.startswith("tcp:")


def tells_of_life(check: str) -> bool:
    """Whether a check says if its host is there: a proof of life, or what a source combined of those it tried."""
    return check == REACHABILITY or proves_life(check)


def expire(timeline: Sequence[tuple[int, Word]], evidence: Evidence | None, now: int, *, word: Word = "unknown") -> Words:
    """The timeline with unknown (or `word`) from when the next observation was due, once the last one is too old.

    Unknown begins where the next was due, not where the last ceased to hold: no credit without evidence.
    """
    known = tuple(timeline)
    if evidence is None or not known:
        return known
    due_at = evidence.last_at + evidence.interval_ms
    if now <= evidence.last_at + evidence.holds_ms or known[-1][1] in {"unknown", "silent"} or due_at < known[-1][0]:
        return known
    return (*known, (due_at, word))


def spare_gaps(words: Words, gaps: Iterable[tuple[int, int]], evidence: Evidence, now: int) -> Words:
    """Silence in a time `[from, to)` in which no collector ran is no silence: nobody listened. It is unknown there.

    After such a gap a source is silent again from when its first word was due, once that is as late as any other may be.
    """
    spared = list(words)
    for start, end in gaps:
        cut: list[tuple[int, Word]] = []
        for (since, word), (until, _) in pairwise([*spared, (now + 1, "unknown")]):
            if word != "silent" or not (since < end and start < until):
                cut.append((since, word))
                continue
            if since < start:
                cut.append((since, "silent"))
            cut.append((max(since, start), "unknown"))
            if until > end + evidence.holds_ms:
                cut.append((end + evidence.interval_ms, "silent"))
        spared = cut
    return join_equal(spared)


def resolve_silence(words: Words, probes: Timeline, *, unprobed: State) -> Timeline:
    """What a silent source means, by what independent checks say of its host (`probes`).

    The host does not answer: down. It answers: unknown, the source alone is silent. Nothing can tell: `unprobed`.
    """

    def meaning(word: Word, probe: State) -> State:
        if word != "silent":
            return word
        return {"down": "down", "unknown": unprobed}.get(probe, "unknown")

    return join_equal((at, meaning(word, probe)) for at, word, probe in _beside(words, probes))


def hush(words: Words, heartbeat: Words) -> Words:
    """What an agent says of a part holds no longer than the agent is heard; before its first heartbeat, as it was said."""
    beats: tuple[tuple[int, Word], ...] = ((-1, "up"), *heartbeat)
    return join_equal((at, word if beat not in _UNHEARD or word in _UNHEARD else beat) for at, word, beat in _beside(words, beats))


_UNHEARD = frozenset({"unknown", "silent"})


def _beside(words: Words, others: Sequence[tuple[int, W]]) -> Iterator[tuple[int, Word, W]]:
    """Both at each instant at which one of them changes, from the first word on."""
    instants = sorted({at for at, _ in words} | {at for at, _ in others if words and at > words[0][0]})
    by_word, by_other = dict(words), dict(others)
    word: Word = "unknown"
    other: W = next((each for at, each in reversed(others) if words and at <= words[0][0]), "unknown")  # type: ignore[arg-type]  # of every timeline
    for at in instants:
        word, other = by_word.get(at, word), by_other.get(at, other)
        yield at, word, other


def join_equal(entries: Iterable[tuple[int, W]]) -> tuple[tuple[int, W], ...]:
    """In order of time; of several at one instant the last given wins; equal successive states join."""
    latest = dict(entries)
    joined: list[tuple[int, W]] = []
    for at in sorted(latest):
        if not joined or joined[-1][1] != latest[at]:
            joined.append((at, latest[at]))
    return tuple(joined)


def combine_best(timelines: Sequence[Words]) -> Words:
    """The best known word at each instant: one proof of life outweighs any silence and any failed probe."""
    return join_equal((at, max(words, key=_RANK.__getitem__)) for at, words in _abreast(timelines))


def combine_all(timelines: Sequence[Timeline]) -> Timeline:
    """All must hold: down where one is down, else unknown where one is unknown, else the worst."""
    return join_equal((at, "down" if "down" in states else min(states, key=_RANK.__getitem__)) for at, states in _abreast(timelines))


def _abreast(timelines: Sequence[tuple[tuple[int, W], ...]]) -> Iterator[tuple[int, list[W]]]:
    """What each says after each change; of several changes at one instant the last shows them all."""
    changes = sorted(((at, index, word) for index, timeline in enumerate(timelines) for at, word in timeline), key=lambda each: each[:2])
    now: list[W] = ["unknown"] * len(timelines)  # type: ignore[list-item]  # unknown is a word of every timeline
    for at, index, word in changes:
        now[index] = word
        yield at, list(now)
