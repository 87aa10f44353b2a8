"""The one writer of a process: pieces of work queue up and are committed in groups, so that one flush to disk serves many.

A piece of work is a function of a connection; it must be repeatable, because after the database failed in the middle of a group
each piece runs again alone. Design: docs/storage.md.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from collector.store.engine import Database, is_unavailable
from muster.errors import UnavailableError

log = structlog.get_logger(__name__)
T = TypeVar("T")
SWITCH_SECONDS = 0.0005
QUEUE_LIMIT = 2_000
BATCH_LIMIT = 200
BATCH_SECONDS = 0.1
FULL_RETRY_SECONDS = 2.0


# Takes several items at once: what came of each, in order, or its error; fewer than it was given where it was told that it is enough.
Many = Callable[[Connection, Sequence[Any], Callable[[], bool]], Sequence[Any]]


@dataclass
class _Work(Generic[T]):
    """A piece of work, or an item for `many`."""

    run: Callable[[Connection], T] | None
    future: Future[T]
    many: Many | None = None
    item: Any = None


@dataclass
class WriterFigures:
    """What /metrics shows; `is_failing`: the last commit did not succeed."""

    commits_total: int = 0
    works_total: int = 0
    failures_total: int = 0
    refused_total: int = 0
    last_commit_seconds: float = 0.0
    is_failing: bool = False


class Writer:
    """Runs work in order, in one thread. Results come only after the commit that makes them durable."""

    def __init__(self, database: Database, *, queue_limit: int = QUEUE_LIMIT, batch_limit: int = BATCH_LIMIT) -> None:
        self._database = database
        self._queue: queue.Queue[_Work[Any] | None] = queue.Queue(maxsize=queue_limit)
        self._batch_limit = batch_limit
        self._thread: threading.Thread | None = None
        self.figures = WriterFigures()

    @property
    def waiting(self) -> int:
        """Pieces of work in the queue."""
        return self._queue.qsize()

    def start(self) -> None:
        """Begin to write. Work may be submitted before.

        Each statement takes a turn at the interpreter, and beside a thread that computes (reads a large import) each turn waits as long as
        the interpreter lets that one run: ten times shorter than usual here, for the whole process.
        """
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Commit what is queued, then end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def submit(self, run: Callable[[Connection], T]) -> Future[T]:
        """Queue a piece of work. Raises UnavailableError with `retry_after_seconds` where the queue is full."""
        return self._put(_Work(run, Future()))

    def submit_many(self, many: Many, item: Any) -> Future[Any]:
        """Queue an item; those that wait one after another for the same function are given to it together."""
        return self._put(_Work(None, Future(), many, item))

    def _put(self, work: _Work[T]) -> Future[T]:
        try:
            self._queue.put_nowait(work)
        except queue.Full:
            self.figures.refused_total += 1
            message = f"{self._queue.maxsize} writes wait already; send again later"
            raise UnavailableError(message, retry_after_seconds=FULL_RETRY_SECONDS) from None
        return work.future

    async def run(self, run: Callable[[Connection], T]) -> T:
        """Submit and wait for the result: for use on an event loop."""
        return await asyncio.wrap_future(self.submit(run))

    async def run_many(self, many: Many, item: Any) -> Any:
        """Submit an item and wait for what came of it: for use on an event loop."""
        return await asyncio.wrap_future(self.submit_many(many, item))

    def _loop(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, is_last = self._gather(first)
            self._write(batch)
            if is_last:
                return

    def _gather(self, first: _Work[Any]) -> tuple[list[_Work[Any]], bool]:
        """The first and whatever waits already; nobody waits for a group to fill up."""
        batch = [first]
        while len(batch) < self._batch_limit:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False

    def _write(self, batch: list[_Work[Any]]) -> None:
        wanted = [work for work in batch if work.future.set_running_or_notify_cancel()]
        while wanted:
            done = self._write_group(wanted)
            wanted = wanted[done:]

    def _write_group(self, works: list[_Work[Any]]) -> int:
        """Write from the front, as many as fit the time; how many were settled."""
        began = time.monotonic()
        results: list[tuple[_Work[Any], Any, BaseException | None]] = []
        try:
            with self._database.begin() as connection:
                while len(results) < len(works):
                    if results and time.monotonic() - began > BATCH_SECONDS:
                        break
                    alike = _alike(works[len(results) :])
                    results += _run_alike(connection, alike, lambda: time.monotonic() - began > BATCH_SECONDS)
        except Exception as error:
            return self._settle_failure(works, error)
        self._note_commit(len(results), time.monotonic() - began)
        for work, result, fault in results:
            if fault is not None:
                work.future.set_exception(fault)
            else:
                work.future.set_result(result)
        return len(results)

    def _settle_failure(self, works: list[_Work[Any]], error: Exception) -> int:
        """Nothing of the group was kept. One alone fails; of several each gets a transaction of its own."""
        if len(works) == 1:
            self.figures.failures_total += 1
            if not self.figures.is_failing:
                log.error("store_write_failed", error=str(error))
            self.figures.is_failing = True
            works[0].future.set_exception(error)
            return 1
        return sum(self._write_group([work]) for work in works)

    def _note_commit(self, works: int, seconds: float) -> None:
        if self.figures.is_failing:
            log.info("store_write_recovered")
        self.figures.is_failing = False
        self.figures.commits_total += 1
        self.figures.works_total += works
        self.figures.last_commit_seconds = seconds


def _alike(works: list[_Work[Any]]) -> list[_Work[Any]]:
    """The first, with those right after it that the same function takes."""
    first = works[0]
    if first.many is None:
        return works[:1]
    return list(takewhile(lambda work: work.many == first.many, works))


def _run_alike(connection: Connection, works: list[_Work[Any]], enough: Callable[[], bool]) -> list[tuple[_Work[Any], Any, BaseException | None]]:
    """Run works of one kind; where several fail together, each is tried alone."""
    first, many = works[0], works[0].many
    if many is None:
        return [(first, *run_guarded(connection, first.run))]  # type: ignore[arg-type]  # one of both is there
    results, fault = run_guarded(connection, lambda inner: many(inner, [work.item for work in works], enough))
    if fault is None:
        return [
            (work, None, result) if isinstance(result, BaseException) else (work, result, None) for work, result in zip(works, results, strict=False)
        ]
    if len(works) == 1:
        return [(first, None, fault)]
    return [each for work in works for each in _run_alike(connection, [work], enough)]


def run_guarded(connection: Connection, run: Callable[[Connection], Any]) -> tuple[Any, BaseException | None]:
    """Run in a savepoint: what it wrote goes with its error, the others of the group stay. Raises where the database is at fault."""
    savepoint = connection.begin_nested()
    try:
        result = run(connection)
        savepoint.commit()
    except Exception as error:
        if is_unavailable(error):
            raise
        savepoint.rollback()
        if isinstance(error, SQLAlchemyError):
            log.error("store_statement_failed", error=type(error).__name__, reason=str(error.__cause__))  # noqa: TRY400 -- values stay out of logs
        return None, error
    return result, None
