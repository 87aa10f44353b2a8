"""The journal of a live store replayed by the rules in force and by changed ones, and what those change. The live store is only read.

Both replays leave out the same (what people decided on the way is carried over at the end), so that all in which they differ comes from
the rules. Nothing is held in memory but the report in hand; each temporary store needs about as much disk as the live one. Design:
docs/cases.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct

from collector.store.due import find_next_due
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.ingest import Envelope, receive_report
from collector.store.journal import Entry
from collector.store.replay_compare import Comparison, compare_stores
from collector.store.replay_match import Match
from collector.store.replay_paper import carry_paper
from collector.store.replay_source import (
    Window,
    find_window,
    iterate_entries,
    load_contents_in_force,
    load_source_numbers,
    make_standing_report,
)
from collector.store.scratch import open_scratch
from collector.store.sweep import sweep
from muster.errors import InputError, MusterError, UnavailableError
from muster.wire.codec import decode_report
from muster.wire.report import CONTENT_TYPE_MSGPACK

DAY_MS = 86_400_000
MAXIMUM_DAYS = 366
SWEEP_PAUSE_MS = 60_000  # what time changes is looked at at most so often on the way
LAST_SEQUENCE = 9_007_199_254_740_991
Stage = Literal["reports", "standing", "record", "compare"]
Progress = Callable[[Stage, int, int], None]


class Replayed(Struct, frozen=True):
    """What a replay read, and what came out otherwise. `standing`: sources whose word was taken as it stands, since the journal holds it no more."""

    since: int
    reports: int
    refused: int
    standing: int
    comparison: Comparison


def try_rules(live: Database, in_force: Context, changed: Context, *, now: int, days: float, progress: Progress) -> Replayed:
    """What the last days would have come to by changed rules, beside what they come to by those in force.

    Raises InputError for days out of bounds, UnavailableError.
    """
    if not 0 < days <= MAXIMUM_DAYS:
        raise InputError(f"days {days:g} is not between 0 and {MAXIMUM_DAYS}", path="days")
    since = now - round(days * DAY_MS)
    with live.connect() as connection:
        window = find_window(connection, since)
    with open_scratch() as before, open_scratch() as after:
        passes = [
            Pass(live, scratch, context, now=now, progress=_Half(progress, place))
            for place, (scratch, context) in enumerate(((before, in_force), (after, changed)))
        ]
        for each in passes:
            each.run(window, since)
        found = compare_stores(live, Match(before, after), changed.catalogue, lambda done: progress("compare", done, 0))
    return Replayed(since, window.count, passes[1].refused, passes[1].standing, found)


class _Half:
    """How far one of two passes is, as a part of both."""

    def __init__(self, progress: Progress, place: int) -> None:
        self._progress = progress
        self._place = place

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        self._progress(stage, done + self._place * total, 2 * total)


class Pass:
    """One replay of `live` by the rules of `context` into `scratch`, an empty store."""

    def __init__(self, live: Database, scratch: Database, context: Context, *, now: int, progress: Progress) -> None:
        self._live = live
        self._scratch = scratch
        self._context = context
        self._now = now
        self._progress = progress
        self._swept_at = 0
        self.refused = 0
        self.standing = 0

    def run(self, window: Window, since: int) -> None:
        """Replay, then carry over what people said."""
        carry_paper(self._live, self._scratch)
        self._replay(window, since)
        self.standing = self._take_standing()
        match = Match(self._live, self._scratch)
        match.carry_constraints(self._context, self._now)
        match.carry_record(self._context, self._now, lambda done: self._progress("record", done, 0))

    def _replay(self, window: Window, since: int) -> None:
        """The reports as they came, with what time alone changed between them."""
        for done, entry in enumerate(iterate_entries(self._live, window, since), 1):
            self._pass_time(entry.received_at)
            self._take(entry)
            if done % 100 == 0 or done == window.count:
                self._progress("reports", done, window.count)
        self._pass_time(self._now)

    def _take_standing(self) -> int:
        """What sources said before the journal begins and still holds; how many sources."""
        with self._live.connect() as connection:
            numbers = load_source_numbers(connection)
        with self._scratch.connect() as connection:
            theirs = {key.text: number for number, key in load_source_numbers(connection).items()}
        count = 0
        for place, (number, key) in enumerate(numbers.items(), 1):
            with self._live.connect() as connection:
                ours = load_contents_in_force(connection, number)
            known: dict[str, tuple[str | None, int]] = {}
            if key.text in theirs:
                with self._scratch.connect() as connection:
                    known = load_contents_in_force(connection, theirs[key.text])
            missing = [name for name, (digest, at) in ours.items() if name not in known or (known[name][0] != digest and known[name][1] < at)]
            if missing:
                with self._live.connect() as connection:
                    told = make_standing_report(connection, number, key, missing, LAST_SEQUENCE)
                if told is not None:
                    body = msgspec.msgpack.encode(told)
                    self._take(Entry(0, number, LAST_SEQUENCE, body, CONTENT_TYPE_MSGPACK, int(told.observed_at), self._now))
                    count += 1
            self._progress("standing", place, len(numbers))
        return count

    def _take(self, entry: Entry) -> None:
        """One report, observed when the live store took it to be; one that the rules now refuse is counted."""
        try:
            told = msgspec.structs.replace(decode_report(entry.body, entry.content_type), observed_at=entry.observed_at)
            with self._scratch.begin() as connection:
                receive_report(connection, self._context, Envelope(told, entry.body, entry.content_type, entry.received_at))
        except UnavailableError:
            raise
        except MusterError:
            self.refused += 1

    def _pass_time(self, to: int) -> None:
        if to - self._swept_at < SWEEP_PAUSE_MS and to != self._now:
            return
        last: int | None = None
        while True:
            with self._scratch.connect() as connection:
                due = find_next_due(connection)
            if due is None or due > to or due == last:
                break
            last = due
            self._sweep(max(due, self._swept_at))
        self._swept_at = to

    def _sweep(self, at: int) -> None:
        whole = False
        while not whole:
            with self._scratch.begin() as connection:
                whole = sweep(connection, self._context, at).is_whole
