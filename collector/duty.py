"""What the collector does by itself: the sweep, retention, compaction, its own liveness; and which collector of a database does it.

One lease covers evaluation and the periodic work; whoever holds it does both, the others take reports and serve reads.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy import Connection

from collector.store import compaction, content_sweep, lease, liveness, retention
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.health_day import save_day
from collector.store.sweep import Swept, sweep
from collector.store.writer import Writer
from muster.clock import Clock
from muster.cmdb_health import CmdbHealth
from muster.errors import ConflictError, UnavailableError

log = structlog.get_logger(__name__)
T = TypeVar("T")
LEASE_NAME = "collector"
LEASE_MS = 15_000
LEASE_RENEW_SECONDS = 4.0
RETENTION_SECONDS = 3_600.0
RETENTION_AGAIN_SECONDS = 1.0
COMPACTION_SECONDS = 300.0
COMPACTION_AT_ONCE = 50
HEALTH_SECONDS = 900.0


async def repeat(name: str, seconds: float, run: Callable[[], Awaitable[float | None]]) -> None:
    """Run again and again until cancelled; a failure is logged when it begins and when it ends. `run` may say after how long."""
    is_failing = False
    while True:
        wait: float | None = None
        try:
            wait = await run()
            if is_failing:
                log.info("duty_recovered", duty=name)
            is_failing = False
        except Exception as error:
            if not is_failing:
                if isinstance(error, UnavailableError | ConflictError):
                    log.warning("duty_failed", duty=name, reason=str(error))
                else:
                    log.exception("duty_failed", duty=name)
            is_failing = True
        await asyncio.sleep(seconds if wait is None else wait)


class Liveness:
    """Notes that this collector runs, so that what happened while it did not is known to be unknown."""

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._run: liveness.Run | None = None

    async def beat(self) -> None:
        """Begin, or go on."""
        now, run = self._clock.now_ms(), self._run
        if run is None:
            self._run = await self._writer.run(lambda connection: liveness.begin(connection, now))
        else:
            self._run = await self._writer.run(lambda connection: liveness.beat(connection, run, now))

    async def end(self) -> None:
        """It stops by itself."""
        now, run = self._clock.now_ms(), self._run
        if run is not None:
            await self._writer.run(lambda connection: liveness.end(connection, run, now))
            self._run = None


@dataclass(frozen=True)
class Trend:
    """The figures of CMDB health from day to day. `measure` blocks."""

    measure: Callable[[], CmdbHealth]
    keep_days: float


@dataclass(frozen=True)
class Pace:
    """How often the sweep runs, and what is kept how long."""

    sweep_seconds: float
    retention: retention.RetentionSettings
    trend: Trend


class Duties:
    """Runs the periodic work while this collector holds the lease. `beside`: what runs only then, too (the evaluation)."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        context: Context,
        *,
        clock: Clock,
        holder: str,
        pace: Pace,
        beside: Callable[[], Awaitable[None]],
        on_changes: Callable[[], None],
    ) -> None:
        self._database = database
        self._writer = writer
        self._context = context
        self._clock = clock
        self._holder = holder
        self._sweep_seconds = pace.sweep_seconds
        self._retention = pace.retention
        self._beside = beside
        self._on_changes = on_changes
        self._trend = pace.trend
        self._held: lease.Lease | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.removed_total: Counter[str] = Counter()  # rows that retention removed since the start, by what they were

    async def run(self) -> None:
        """Take or keep the lease until cancelled; give it up at the end."""
        try:
            await repeat("lease", LEASE_RENEW_SECONDS, self._renew)
        finally:
            await self._stop()
            held, self._held = self._held, None
            if held is not None:
                with contextlib.suppress(UnavailableError):
                    await self._writer.run(lambda connection: lease.release(connection, held))

    async def _renew(self) -> None:
        now = self._clock.now_ms()
        try:
            taken = await self._writer.run(lambda connection: lease.acquire(connection, LEASE_NAME, self._holder, now, lifetime_ms=LEASE_MS))
        except UnavailableError:
            if self._held is not None and self._held.expires_at <= now:
                self._held = None
                await self._stop()
            raise
        if taken is not None and self._held is None:
            log.info("lease_taken", holder=self._holder)
            self._held = taken
            self._start()
        elif taken is None and self._held is not None:
            log.warning("lease_lost", holder=self._holder)
            self._held = None
            await self._stop()
        elif taken is not None:
            self._held = taken

    def _start(self) -> None:
        loops: list[Callable[[], Awaitable[None]]] = [
            self._beside,
            lambda: repeat("sweep", self._sweep_seconds, self._sweep),
            lambda: repeat("retention", RETENTION_SECONDS, self._expire),
            lambda: repeat("contents", RETENTION_SECONDS, self._sweep_contents),
            lambda: repeat("compaction", COMPACTION_SECONDS, self._compact),
            lambda: repeat("health", HEALTH_SECONDS, self._note_health),
        ]
        self._tasks = [asyncio.ensure_future(run()) for run in loops]

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _guarded(self, work: Callable[[Connection], T]) -> T:
        """Write only while the lease is still held, checked in the same transaction."""
        held = self._held
        if held is None:
            raise ConflictError("the lease is lost", code="lease-lost")

        def run(connection: Connection) -> T:
            lease.check(connection, held)
            return work(connection)

        return await self._writer.run(run)

    async def _sweep(self) -> float | None:
        now = self._clock.now_ms()
        swept: Swept = await self._guarded(lambda connection: sweep(connection, self._context, now))
        if swept.changed_ci_ids or swept.states_changed:
            self._on_changes()
        return None if swept.is_whole else 0.0

    async def _expire(self) -> float | None:
        now = self._clock.now_ms()
        removed = await self._guarded(lambda connection: retention.delete_expired(connection, now, self._retention))
        self._note_removed({name: count for name, count in msgspec.structs.asdict(removed).items() if name != "is_rest"})
        return RETENTION_AGAIN_SECONDS if removed.is_rest else None

    async def _sweep_contents(self) -> float | None:
        """Looking for what nothing refers to reads, in a thread; a range at a time."""
        now = self._clock.now_ms()

        def look() -> content_sweep.Found:
            with self._database.connect() as connection:
                return content_sweep.find_unused(connection, now)

        found = await asyncio.to_thread(look)
        removed = await self._guarded(lambda connection: content_sweep.remove_unused(connection, found, now))
        self._note_removed({"contents": removed})
        return RETENTION_AGAIN_SECONDS if found.next_from is not None else None

    def _note_removed(self, counts: Mapping[str, int]) -> None:
        removed = {name: count for name, count in counts.items() if count}
        self.removed_total.update(removed)
        if removed:
            log.info("rows_removed", **removed)

    async def _compact(self) -> float | None:
        """Reading and joining run in a thread, outside of the writer."""
        now = self._clock.now_ms()

        def load() -> list[compaction.Joined]:
            with self._database.connect() as connection:
                due = compaction.load_work(connection, now, limit=COMPACTION_AT_ONCE)
                return [compaction.join_blocks(work, compaction.load_blocks(connection, work)) for work in due]

        joined = await asyncio.to_thread(load)
        for each in joined:
            await self._guarded(lambda connection, each=each: compaction.save_block(connection, each))  # type: ignore[misc]  # a default binds the loop's value
        return 0.0 if len(joined) == COMPACTION_AT_ONCE else None

    async def _note_health(self) -> None:
        """Today's figures for the trend; measuring reads, in a thread."""
        measured = await asyncio.to_thread(self._trend.measure)
        await self._guarded(lambda connection: save_day(connection, measured, keep_days=self._trend.keep_days))
