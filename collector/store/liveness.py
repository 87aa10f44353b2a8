"""The collector's own running times. What happened while it did not run is unknown to it (`collector_gap`), never up and never down.

A run beats every few seconds. A pause of a running process (a suspended machine) ends a run as a crash does: the next beat begins
another one. Several collectors of one database run side by side; a gap is a time in which none ran.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from collector.store.schema import collector_liveness

BEAT_SECONDS = 10
# Beats that may be late, under load or behind a slow disk, before the time between them counts as a gap.
TOLERANCE_MS = 60_000
_runs = collector_liveness.c


class Gap(Struct, frozen=True):
    """No collector ran from `start_at` to `end_at`. `is_crash`: the run before it did not end by itself."""

    start_at: int
    end_at: int
    is_crash: bool

    def holds(self, at: int) -> bool:
        """Whether an instant is in it."""
        return self.start_at <= at < self.end_at


class Run(Struct, frozen=True):
    """A run in progress."""

    id: int
    started_at: int
    last_at: int


def begin(connection: Connection, now: int) -> Run:
    """Note that the collector runs from now on."""
    statement = insert(collector_liveness).values(started_at=now, last_at=now).returning(_runs.id)
    return Run(connection.execute(statement).scalar_one(), now, now)


def beat(connection: Connection, run: Run, now: int, *, load: float | None = None) -> Run:
    """Note that it still runs; a new run where the last beat is too long ago, or the clock went back behind it."""
    if not run.last_at <= now <= run.last_at + TOLERANCE_MS:
        return begin(connection, now)
    changed = connection.execute(update(collector_liveness).where(_runs.id == run.id).values(last_at=now, load=load)).rowcount
    return Run(run.id, run.started_at, now) if changed else begin(connection, now)


def end(connection: Connection, run: Run, now: int) -> None:
    """Note that it stops by itself."""
    connection.execute(update(collector_liveness).where(_runs.id == run.id).values(last_at=max(now, run.last_at), is_clean_stop=True))


def load_gaps(connection: Connection, since: int, until: int) -> list[Gap]:
    """The gaps that touch `[since, until)`, oldest first. Before the first run nothing was monitored, which is no gap."""
    columns = (_runs.started_at, _runs.last_at, _runs.is_clean_stop)
    rows = connection.execute(select(*columns).where(_runs.started_at < until).order_by(_runs.started_at, _runs.id))
    return [gap for gap in find_gaps((row.started_at, row.last_at, row.is_clean_stop) for row in rows) if gap.end_at > since]


def find_gaps(runs: Iterable[tuple[int, int, bool]]) -> list[Gap]:
    """The gaps between runs `(started_at, last_at, is_clean_stop)` in the order of their starts; runs may overlap.

    A run may have gone on for one beat after its last one, so a restart within `BEAT_SECONDS` leaves no gap.
    """
    gaps: list[Gap] = []
    covered: int | None = None
    is_clean = True
    for started_at, last_at, is_clean_stop in runs:
        if covered is not None and started_at - covered > BEAT_SECONDS * 1000:
            gaps.append(Gap(covered, started_at, not is_clean))
        if covered is None or last_at > covered:
            covered, is_clean = last_at, is_clean_stop
    return gaps
