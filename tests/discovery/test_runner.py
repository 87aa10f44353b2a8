"""A job at work by a clock that the test moves: when runs and rounds begin, and what an unexpected fault costs."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any

from discovery.finding import Finding, Tally
from discovery.job import Job, parse_job
from discovery.known_target import KnownTarget, TargetBook
from discovery.printout import Printout
from discovery.runner import JobRunner
from discovery.survey import Surroundings, Survey, resolve_name
from discovery.sweep.icmp import Pinger
from muster.clock import FakeClock
from muster.instant import parse_instant, render_instant
from tests.discovery.conftest import MakeInstruments
from tests.support.icmp_network import Network

HALF_PAST_NINE = parse_instant("2026-03-02T09:30:00Z")


def job_of(more: str) -> Job:
    return parse_job(f"id: test\ntargets: [127.0.0.1]\nprobes: [icmp]\n{more}", {}, file="job.yaml")


class Watched:
    """A runner whose log is kept with the clock's time. Time jumps to the next instant that something sleeps until."""

    def __init__(self, survey: Survey, job: Job, clock: FakeClock, book: TargetBook) -> None:
        self.events: list[tuple[str, str]] = []
        self.clock = clock
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self.runner = JobRunner(job, "digest", survey, book, clock=clock, log=self.log, sleep=self.sleep)

    def log(self, _level: str, event: str, **_fields: Any) -> None:
        self.events.append((render_instant(self.clock.now_ms())[11:16], event))

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.clock.monotonic_seconds() + seconds, id(future), future))
        await future

    def times(self, event: str) -> list[str]:
        return [at for at, name in self.events if name == event]

    async def run_until(self, is_enough: Callable[[], bool]) -> None:
        task = asyncio.create_task(self.runner.run())
        for _ in range(10_000):
            for _ in range(50):  # all that can happen now happens: nothing here waits for a network
                await asyncio.sleep(0)
            if is_enough() or task.done():
                break
            wake_at, _, future = heapq.heappop(self._sleeping)
            self.clock.advance(seconds=max(0.0, wake_at - self.clock.monotonic_seconds()))
            future.set_result(None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert is_enough()


def survey_of(
    make_instruments: MakeInstruments,
    network: Network,
    clock: FakeClock,
    book: TargetBook,
    on_finding: Callable[[Job, Finding, Tally], None] | None = None,
) -> Survey:
    instruments = make_instruments(clock=clock, pinger=Pinger(open_=network.open))
    survey = Survey(instruments, Printout("probe-1", clock), book, Surroundings, resolve_name)
    if on_finding is not None:
        survey.on_finding = on_finding
    return survey


async def test_runs_begin_every_interval_and_never_in_a_quiet_window(make_instruments: MakeInstruments, network: Network) -> None:
    clock, book = FakeClock(HALF_PAST_NINE), TargetBook(None)
    job = job_of('schedule: {every: 1h, quiet: "10:00-12:30", time_zone: UTC}\npoll: {reachability: "off", metrics: "off"}\n')
    watched = Watched(survey_of(make_instruments, network, clock, book), job, clock, book)
    await watched.run_until(lambda: len(watched.times("survey_finished")) >= 3)
    assert watched.times("survey_started")[:3] == ["09:30", "12:30", "13:30"]


async def test_a_run_that_is_not_due_is_not_repeated_by_a_restart_unless_the_job_changed(make_instruments: MakeInstruments, network: Network) -> None:
    for digest, expected in (("digest", "10:20"), ("another", "09:30")):
        clock, book = FakeClock(HALF_PAST_NINE), TargetBook(None)
        book.note_run("test", digest, HALF_PAST_NINE - 600_000)
        job = job_of('schedule: {every: 1h}\npoll: {reachability: "off"}\n')
        watched = Watched(survey_of(make_instruments, network, clock, book), job, clock, book)
        await watched.run_until(lambda watched=watched: bool(watched.times("survey_finished")))  # type: ignore[misc]
        assert watched.times("survey_started")[0] == expected


async def test_rounds_keep_their_pace_and_one_that_overran_is_said(make_instruments: MakeInstruments, network: Network) -> None:
    clock, book = FakeClock(HALF_PAST_NINE), TargetBook(None)
    book.put(KnownTarget("test", "127.0.0.1", checks=("icmp",)))
    book.note_run("test", "digest", HALF_PAST_NINE)
    survey = survey_of(make_instruments, network, clock, book)
    begun: list[int] = []

    def look_around() -> Surroundings:
        begun.append((clock.now_ms() - HALF_PAST_NINE) // 1000)
        if len(begun) == 2:
            clock.advance(seconds=70)
        return Surroundings()

    survey.look_around = look_around
    watched = Watched(survey, job_of("schedule: {every: 1d}\npoll: {reachability: 30s}\n"), clock, book)
    await watched.run_until(lambda: len(begun) >= 4)
    assert begun[:4] == [0, 30, 120, 150], "the rounds at 60 and 90 are left out"
    assert watched.times("round_overran") == ["09:31"]


async def test_an_unexpected_fault_is_told_once_and_ends_neither_job_nor_process(make_instruments: MakeInstruments, network: Network) -> None:
    clock, book = FakeClock(HALF_PAST_NINE), TargetBook(None)

    def fail(_job: Job, _finding: Finding, _tally: Tally) -> None:
        raise RuntimeError("of ours")

    job = job_of('schedule: {every: 1h}\npoll: {reachability: "off"}\n')
    watched = Watched(survey_of(make_instruments, network, clock, book, fail), job, clock, book)
    await watched.run_until(lambda: len(watched.times("survey_started")) >= 3)
    assert len(watched.times("survey_started")) >= 3
    assert len(watched.times("survey_failed")) == 1
