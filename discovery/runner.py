"""One job at work: its whole runs by schedule, its rounds of polling by the clock, until it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from discovery.finding import Tally
from discovery.job import Job
from discovery.known_target import TargetBook
from discovery.poll import MetricsPoll, ReachabilityPoll
from discovery.schedule import next_run_at
from discovery.survey import Survey
from muster.clock import Clock
from muster.errors import UnavailableError

LONGEST_SLEEP_SECONDS = 60.0  # a clock that is set, or a machine that slept, is noticed within a minute
Log = Callable[..., None]
Sleep = Callable[[float], Awaitable[Any]]


class JobRunner:
    """Runs a job for as long as it is in force."""

    def __init__(self, job: Job, digest: str, survey: Survey, book: TargetBook, *, clock: Clock, log: Log, sleep: Sleep = asyncio.sleep) -> None:
        self._job, self._digest, self._survey, self._book = job, digest, survey, book
        self._clock, self._log, self._sleep = clock, log, sleep
        self._faults: set[str] = set()
        self._has_targets = asyncio.Event()
        self._reachability = ReachabilityPoll(job, survey.instruments, book, survey.outlet, survey.look_around, on_vantage=self._tell_vantage)
        self._metrics = MetricsPoll(job, survey.instruments, book, survey.outlet, on_failure=self._tell_metrics)

    async def run(self) -> None:
        """All of the job's loops, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_surveys())
            if self._job.reachability_seconds is not None:
                group.create_task(self._run_rounds("reachability", self._job.reachability_seconds, self._reachability.round))
            if self._job.metrics_seconds is not None and "snmp" in self._job.probes:
                group.create_task(self._run_rounds("metrics", self._job.metrics_seconds, self._metrics.round))

    async def run_once(self, tally: Tally | None = None) -> Tally:
        """One whole run and one round of reachability."""
        found = await self.survey_once(tally)
        await self._reachability.round()
        return found

    async def survey_once(self, tally: Tally | None = None) -> Tally:
        """One whole run, noted in the book."""
        begun_at, started = self._clock.now_ms(), self._clock.monotonic_seconds()
        self._log("info", "survey_started", job=self._job.id, addresses=self._job.targets.address_count, names=len(self._job.targets.names))
        found = await self._survey.run(self._job, tally)
        self._book.note_run(self._job.id, self._digest, begun_at)
        self._has_targets.set()
        self._save()
        self._log(
            "info",
            "survey_finished",
            job=self._job.id,
            asked=found.asked,
            found=found.found,
            identified=found.identified,
            items=found.items,
            reasons=dict(found.reasons),
            duration_seconds=round(self._clock.monotonic_seconds() - started, 3),
        )
        return found

    async def _run_surveys(self) -> None:
        while True:
            last = self._book.last_run(self._job.id, self._digest)
            while True:
                now = self._clock.now_ms()
                due = next_run_at(last, self._job.every_seconds, self._job.quiet, now, self._job.time_zone)
                if due <= now:
                    break
                await self._sleep(min((due - now) / 1000, LONGEST_SLEEP_SECONDS))
            await self._guard("survey", self.survey_once)

    async def _run_rounds(self, what: str, every_seconds: int, round_: Callable[[], Awaitable[object]]) -> None:
        """Rounds that begin `every_seconds` apart; one that takes longer is followed at the next due instant, never by two at once."""
        if not self._book.of_job(self._job.id):
            with contextlib.suppress(TimeoutError):  # a long first run: what it has found so far
                await asyncio.wait_for(self._has_targets.wait(), every_seconds)
        begin = self._clock.monotonic_seconds()
        while True:
            await self._guard(what, round_)
            passed = self._clock.monotonic_seconds() - begin
            missed = int(passed // every_seconds)
            if missed:
                self._log("warning", "round_overran", job=self._job.id, what=what, seconds=round(passed, 1), every_seconds=every_seconds)
            begin += (missed + 1) * every_seconds
            await self._sleep(max(0.0, begin - self._clock.monotonic_seconds()))

    async def _guard(self, what: str, work: Callable[[], Awaitable[object]]) -> None:
        """The border of one piece of work: its unexpected fault is told once and ends neither the job nor the process."""
        try:
            await work()
        except Exception as error:  # the border
            if what not in self._faults:
                self._faults.add(what)
                self._log("error", f"{what}_failed", job=self._job.id, reason=f"{type(error).__name__}: {error}")
            await self._sleep(LONGEST_SLEEP_SECONDS if what == "survey" else 1.0)
        else:
            self._faults.discard(what)

    def _save(self) -> None:
        try:
            self._book.save()
        except UnavailableError as error:
            self._log("error", "known_targets_not_saved", reason=str(error))

    def _tell_vantage(self, is_lost: bool) -> None:  # a callback with one argument
        if is_lost:
            self._log("error", "vantage_lost", job=self._job.id, reason="most known targets fell silent at once; check this machine's own network")
        else:
            self._log("info", "vantage_returned", job=self._job.id)

    def _tell_metrics(self, address: str, reason: str) -> None:
        self._log("debug", "metrics_failed", job=self._job.id, address=address, reason=reason)
