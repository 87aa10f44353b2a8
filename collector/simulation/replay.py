"""The journal of a live store replayed under a rule set into a store of its own, and what would be otherwise. The live store is only read.

Nothing is held in memory but the report in hand; the temporary store needs about as much disk as the live one. Design: docs/cases.md.
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
from collector.store.replay_source import (
    Window,
    find_window,
    iterate_entries,
    load_contents_in_force,
    load_source_numbers,
    make_standing_report,
)
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


class Replay:
    """One replay of the last days of `live` under the rules of `context` into `scratch`, an empty store."""

    def __init__(self, live: Database, scratch: Database, context: Context, *, now: int, days: float, progress: Progress) -> None:
        if not 0 < days <= MAXIMUM_DAYS:
            raise InputError(f"days {days:g} is not between 0 and {MAXIMUM_DAYS}", path="days")
        self._live = live
        self._scratch = scratch
        self._context = context
        self._now = now
        self._since = now - round(days * DAY_MS)
        self._progress = progress
        self._swept_at = 0
        self.refused = 0

    def run(self) -> Replayed:
        """Replay, carry over what people said, compare. Raises UnavailableError."""
        with self._live.connect() as connection:
            window = find_window(connection, self._since)
        self.replay(window)
        standing = self.take_standing()
        match = Match(self._live, self._scratch)
        match.carry_constraints(self._context, self._now)
        match.carry_record(self._context, self._now, lambda done: self._progress("record", done, 0))
        found = compare_stores(match, self._context.catalogue, lambda done: self._progress("compare", done, 0))
        return Replayed(self._since, window.count, self.refused, standing, found)

    def replay(self, window: Window) -> None:
        """The reports as they came, with what time alone changed between them."""
        for done, entry in enumerate(iterate_entries(self._live, window, self._since), 1):
            self._pass_time(entry.received_at)
            self._take(entry)
            if done % 100 == 0 or done == window.count:
                self._progress("reports", done, window.count)
        self._pass_time(self._now)

    def take_standing(self) -> int:
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
