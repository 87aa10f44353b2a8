"""What a collector does for its own store, beside its work: notes that it runs, ends retention, packs samples. Design: docs/metrics.md.

Of several collectors on one database each notes its own running; one, which holds the lease, removes and packs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import structlog
from msgspec import Struct
from sqlalchemy import Connection

from collector.store import compaction, lease, liveness, retention
from collector.store.engine import Database
from collector.store.lease import Lease
from collector.store.retention import Removed, RetentionSettings
from collector.store.writer import Writer
from muster.clock import Clock
from muster.errors import ConflictError, UnavailableError

log = structlog.get_logger(__name__)
JOB = "housekeeping"


class HousekeepingSettings(Struct, frozen=True, kw_only=True):
    """Paces and bounds. One round packs at most `hours_per_round` hours of a table, so that it never takes long."""

    beat_seconds: float = liveness.BEAT_SECONDS
    round_seconds: float = 30
    lease_seconds: float = 120
    rows_per_round: int = retention.ROWS_PER_RUN
    hours_per_round: int = 100
    retention: RetentionSettings = RetentionSettings()


@dataclass
class HousekeepingFigures:
    """What /metrics shows: rows removed by kind, blocks packed, rounds that the database did not let through."""

    removed_total: Counter[str] = field(default_factory=Counter)
    packed_total: int = 0
    failures_total: int = 0
    is_leader: bool = False
    is_failing: bool = False


class Housekeeping:
    """`await run()` until it is cancelled; then it notes a clean stop. `holder` names this process among several, uniquely."""

    def __init__(self, database: Database, writer: Writer, *, clock: Clock, holder: str, settings: HousekeepingSettings | None = None) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._holder = holder
        self._settings = settings or HousekeepingSettings()
        self._run: liveness.Run | None = None
        self._round_at = float("-inf")
        self._lease: Lease | None = None
        self.figures = HousekeepingFigures()

    async def run(self) -> None:
        """Beat and keep house at their paces; a database that is away is tried again."""
        try:
            while True:
                await self.step()
                await asyncio.sleep(self._settings.beat_seconds)
        finally:
            await self.stop()

    async def step(self) -> None:
        """One beat, and a round where one is due."""
        try:
            await self._beat()
            if self._clock.monotonic_seconds() - self._round_at >= self._settings.round_seconds:
                is_rest = await self._round()
                self._round_at = float("-inf") if is_rest else self._clock.monotonic_seconds()
        except UnavailableError as error:
            self.figures.failures_total += 1
            if not self.figures.is_failing:
                log.warning("housekeeping_failed", error=str(error))
            self.figures.is_failing = True
        else:
            if self.figures.is_failing:
                log.info("housekeeping_recovered")
            self.figures.is_failing = False

    async def stop(self) -> None:
        """Note a clean stop and give the lease up, where the database is there to take it."""
        run, held, now = self._run, self._lease, self._clock.now_ms()
        self._run = self._lease = None

        def write(connection: Connection) -> None:
            if run is not None:
                liveness.end(connection, run, now)
            if held is not None:
                lease.release(connection, held)

        try:
            await self._writer.run(write)
        except UnavailableError as error:
            log.warning("housekeeping_stop_not_noted", error=str(error))

    async def _beat(self) -> None:
        run, now = self._run, self._clock.now_ms()
        if run is None:
            self._run = await self._writer.run(lambda connection: liveness.begin(connection, now))
            return
        self._run = await self._writer.run(lambda connection: liveness.beat(connection, run, now))
        if self._run.id != run.id:
            log.warning("collector_paused", seconds=(now - run.last_at) / 1000)

    async def _round(self) -> bool:
        """Whether another one should follow soon."""
        now, lifetime_ms = self._clock.now_ms(), round(self._settings.lease_seconds * 1000)
        held = await self._writer.run(lambda connection: lease.acquire(connection, JOB, self._holder, now, lifetime_ms=lifetime_ms))
        self._lease = held
        self.figures.is_leader = held is not None
        if held is None:
            return False
        try:
            removed = await self._writer.run(lambda connection: self._remove(connection, held, now))
            packed = await self._pack(held, now)
        except ConflictError as error:
            log.warning("housekeeping_lease_lost", error=str(error))
            self._lease = None
            return False
        self._note(removed, packed)
        return removed.is_rest or packed == self._settings.hours_per_round

    def _remove(self, connection: Connection, held: Lease, now: int) -> Removed:
        lease.check(connection, held)
        return retention.delete_expired(connection, now, self._settings.retention, limit=self._settings.rows_per_round)

    async def _pack(self, held: Lease, now: int) -> int:
        """Pack hour by hour; reading and packing on a thread, so that neither the event loop nor the writer waits."""
        packed = 0
        for work in await asyncio.to_thread(self._load_work, now):
            joined = await asyncio.to_thread(self._join, work)

            def write(connection: Connection, joined: compaction.Joined = joined) -> bool:
                lease.check(connection, held)
                return compaction.save_block(connection, joined)

            packed += await self._writer.run(write)
        return packed

    def _load_work(self, now: int) -> list[compaction.Work]:
        with self._database.connect() as connection:
            return compaction.load_work(connection, now, limit=self._settings.hours_per_round)

    def _join(self, work: compaction.Work) -> compaction.Joined:
        with self._database.connect() as connection:
            blocks = compaction.load_blocks(connection, work)
        return compaction.join_blocks(work, blocks)

    def _note(self, removed: Removed, packed: int) -> None:
        counts = {"report": removed.reports, "chunk": removed.chunks, "series": removed.series, "session": removed.sessions}
        self.figures.removed_total.update(counts)
        self.figures.packed_total += packed
        if packed or any(counts.values()):
            log.info("housekeeping_done", packed=packed, **counts)
