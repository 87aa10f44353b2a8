"""Observations of states that come after newer ones: they fill time of which nothing was known, and touch nothing else. Design: docs/storage.md."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from collector.check_timeline import COLLECTOR_GAP, NO_OBSERVATION
from collector.store.edit import Edit
from collector.store.schema import transition
from collector.store.silence import Silences
from collector.store.stored_check import StoredCheck
from muster.model.state import State

REPORTED_LATE = "reported late"
_WITHOUT_WORD = (NO_OBSERVATION, COLLECTOR_GAP)
Late = tuple[StoredCheck, int, State]
Entry = tuple[StoredCheck, int, State, str]


class _Line:
    """What is known of one check by one source: state and reason by instant, and what is added to it."""

    def __init__(self, check: StoredCheck, known: dict[int, tuple[State, str]]) -> None:
        self.check = check
        self.known = known
        self.added: list[Entry] = []

    def before(self, at: int) -> int | None:
        """The newest instant before this one of which anything is on record."""
        return max((each for each in self.known if each < at), default=None)

    def after(self, at: int) -> int | None:
        """The oldest instant after this one."""
        return min((each for each in self.known if each > at), default=None)

    def add(self, at: int, state: State, reason: str) -> None:
        self.known[at] = (state, reason)
        self.added.append((self.check, at, state, reason))


def fill_unknown(edit: Edit, silences: Silences, late: Sequence[Late]) -> list[Entry]:
    """Of late observations those at instants of which nothing was known, each for as long as it is evidence."""
    added: list[Entry] = []
    for check in {id(each[0]): each[0] for each in late}.values():
        line = _Line(check, _load_known(edit, check))
        told = _confirmed(sorted((at, state) for each, at, state in late if each is check))
        for at, state in told:
            _fill(line, silences, at, state)
        added += line.added
    return added


def _load_known(edit: Edit, check: StoredCheck) -> dict[int, tuple[State, str]]:
    table = transition.c
    is_it = (table.ci_id == check.ci_id) & (table.check_name == check.check_name) & (table.source_id == check.source_id)
    query = select(table.at, table.state, table.reason).where(is_it).order_by(table.at, table.known_from, table.id)
    return {row.at: (row.state, row.reason) for row in edit.connection.execute(query)}


def _fill(line: _Line, silences: Silences, at: int, state: State) -> None:
    before = line.before(at + 1)
    if before is not None:
        known, reason = line.known[before]
        if known != "unknown":
            if known == state:
                _extend(line, silences, at, state)
            return
        if reason in _WITHOUT_WORD:
            _restore(line, silences, before, at)
    if before is None or line.known[before][0] != state:
        line.add(at, state, REPORTED_LATE)
    _end(line, silences, at, line.after(at))


def _end(line: _Line, silences: Silences, at: int, following: int | None) -> None:
    """Unknown again once the observation is no evidence any more; nothing where the next thing known comes before that."""
    interval_seconds = line.check.interval_seconds
    if following is None:
        line.add(at + interval_seconds * 1000, "unknown", NO_OBSERVATION)
    elif (silence := silences.between(at, interval_seconds, following)) is not None:
        line.add(silence.at, "unknown", silence.reason)


def _extend(line: _Line, silences: Silences, at: int, state: State) -> None:
    """A word that came a little before it was due: what holds then holds until its own successor is due."""
    lost_at = line.after(at)
    if lost_at is not None and line.known[lost_at][1] in _WITHOUT_WORD and lost_at < at + line.check.interval_seconds * 1000:
        line.add(lost_at, state, REPORTED_LATE)
        _end(line, silences, at, line.after(lost_at))


def _restore(line: _Line, silences: Silences, unknown_at: int, at: int) -> None:
    """What was known before a silence still held when the late word came, as that came in time: there was none."""
    earlier = line.before(unknown_at)
    if earlier is None or line.known[earlier][0] == "unknown":
        return
    interval_seconds = line.check.interval_seconds
    if silences.between(unknown_at - interval_seconds * 1000, interval_seconds, at) is None:
        line.add(unknown_at, line.known[earlier][0], REPORTED_LATE)


def _confirmed(told: Sequence[tuple[int, State]]) -> list[tuple[int, State]]:
    """Late observations without a down that neither its predecessor nor its successor confirms."""
    downs = [state == "down" for _, state in told]
    return [entry for at, entry in enumerate(told) if not downs[at] or any(downs[max(0, at - 1) : at] + downs[at + 1 : at + 2])]
