"""Replays that run beside the collector, one at a time: what was asked, how far it is, what came out. Kept in memory, the last few."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Annotated, Literal

import structlog
from msgspec import Meta, Struct
from msgspec.structs import replace

from collector.simulation.replay import Replayed, try_rules
from collector.simulation.rule_set import RuleSet, make_context
from collector.store.edit import Context
from collector.store.engine import Database
from muster.errors import ConflictError, MusterError, NotFoundError, quote

log = structlog.get_logger(__name__)
KEPT = 5


class ReplayWish(RuleSet, frozen=True, forbid_unknown_fields=True):
    """A changed rule set, and how many days of reports it is held against."""

    days: Annotated[float, Meta(gt=0, le=366)] = 30.0


class ReplayView(Struct, frozen=True):
    """One replay. `stage`: reports, standing, record or compare; `total` 0: not known. `result` once it is done, `fault` where it failed."""

    id: str
    state: Literal["running", "done", "failed"]
    days: float
    started_at: int
    stage: str = ""
    done: int = 0
    total: int = 0
    result: Replayed | None = None
    fault: str = ""


class _StoppedError(MusterError):
    """The collector stops."""


class ReplayJobs:
    """Starts replays and keeps the last ones."""

    def __init__(self, live: Database) -> None:
        self._live = live
        self._views: dict[str, ReplayView] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_starting = False
        self._is_stopping = False

    async def start(self, base: Context, wish: ReplayWish, now: int) -> ReplayView:
        """Begin one. Raises DocumentError and InputError for rules that are none, ConflictError (`replay-running`)."""
        if self._is_starting or (self._task is not None and not self._task.done()):
            raise ConflictError("a replay is running; wait for its end, it needs the machine's disk and a processor", code="replay-running")
        self._is_starting = True
        try:
            contexts = await asyncio.to_thread(lambda: (make_context(base, self._live, RuleSet()), make_context(base, self._live, wish)))
        finally:
            self._is_starting = False
        view = ReplayView(secrets.token_hex(8), "running", wish.days, now)
        self._views[view.id] = view
        for gone in list(self._views)[:-KEPT]:
            del self._views[gone]
        self._task = asyncio.ensure_future(self._run(view.id, contexts, wish.days, now))
        return view

    def get(self, job_id: str) -> ReplayView:
        """How far one is. Raises NotFoundError."""
        if job_id not in self._views:
            raise NotFoundError(f"no replay {quote(job_id)}; the last {KEPT} are kept until the collector restarts")
        return self._views[job_id]

    def latest(self) -> ReplayView | None:
        """The one that was started last."""
        return next(reversed(self._views.values()), None)

    async def stop(self) -> None:
        """End the one that runs: the collector stops."""
        self._is_stopping = True
        if self._task is not None:
            with contextlib.suppress(MusterError):
                await self._task

    async def _run(self, job_id: str, contexts: tuple[Context, Context], days: float, now: int) -> None:
        def advance(stage: str, done: int, total: int) -> None:
            if self._is_stopping:
                raise _StoppedError("the collector stops")
            self._views[job_id] = replace(self._views[job_id], stage=stage, done=done, total=total)

        def work() -> Replayed:
            return try_rules(self._live, *contexts, now=now, days=days, progress=advance)

        try:
            result = await asyncio.to_thread(work)
        except MusterError as error:
            self._views[job_id] = replace(self._views[job_id], state="failed", fault=str(error))
            log.warning("replay_failed", replay=job_id, reason=str(error))
        except Exception as error:
            self._views[job_id] = replace(self._views[job_id], state="failed", fault=f"a fault in Muster itself: {type(error).__name__}")
            log.exception("replay_failed", replay=job_id)
        else:
            self._views[job_id] = replace(self._views[job_id], state="done", result=result)
            log.info("replay_done", replay=job_id, reports=result.reports)
