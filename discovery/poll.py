"""Asking again what was found: reachability of every known target, metrics of those that speak SNMP. See docs/discovery.md.

Reachability: each round asks the checks that a target has answered before; two failures of three make it down, from the first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from discovery.credential import SshDocument
from discovery.inquiry import Instruments, fetch_snmp, probe
from discovery.job import Job
from discovery.known_target import KnownTarget, TargetBook
from discovery.snmp.device import host_ref, to_samples
from discovery.survey import Outlet, Surroundings, name_subject
from discovery.sweep.answer import Answer
from discovery.sweep.confirmation import VANTAGE_REASON, Confirmation, Observed, combine_alive, is_vantage_lost
from muster.errors import AuthenticationError, ConfigurationError, MusterError, UnavailableError
from muster.wire.digest import digest_table
from muster.wire.report import Endpoint, SampleBlock, SeriesDefinition, StateReport

REACHABILITY = "reachability"
CONCURRENT_PROBES = 512
CONCURRENT_METRICS = 32
VANTAGE_ROUNDS = 2  # silence of many within so many rounds is the observer's own
LATENCY_SERIES = "probe_duration_seconds"


@dataclass
class _Track:
    """The confirmations of one target by check, and for how many rounds it has been silent (many: it never answered yet)."""

    confirmations: dict[str, Confirmation] = field(default_factory=dict)
    silent_rounds: int = VANTAGE_ROUNDS

    def of(self, check: str) -> Confirmation:
        return self.confirmations.setdefault(check, Confirmation())


class ReachabilityPoll:
    """The rounds of one job. `on_vantage` is told when the observer's own fault begins (True) and ends (False)."""

    def __init__(
        self,
        job: Job,
        instruments: Instruments,
        book: TargetBook,
        outlet: Outlet,
        look_around: Callable[[], Surroundings],
        *,
        on_vantage: Callable[[bool], None] = lambda _is_lost: None,
    ) -> None:
        self._job, self._instruments, self._book, self._outlet = job, instruments, book, outlet
        self._look_around = look_around
        self._on_vantage = on_vantage
        self._tracks: dict[str, _Track] = {}
        self._is_lost = False

    async def round(self) -> int:
        """Ask every known target once and hand the states on; how many were asked."""
        targets = [target for target in self._book.of_job(self._job.id) if not self._job.targets.excludes(target.address)]
        places = asyncio.Semaphore(CONCURRENT_PROBES)
        answers = await asyncio.gather(*(self._probe(target, places) for target in targets))
        at = self._instruments.clock.now_ms()
        self._tracks = {target.address: self._tracks.get(target.address, _Track()) for target in targets}
        alive = {target.address: combine_alive(found) for target, found in zip(targets, answers, strict=True)}
        self._judge_vantage(alive)
        around = self._look_around()
        for target, found in zip(targets, answers, strict=True):
            self._report(target, {**found, REACHABILITY: alive[target.address]}, around, at)
        return len(targets)

    async def _probe(self, target: KnownTarget, places: asyncio.Semaphore) -> dict[str, Answer]:
        checks = target.checks or tuple(self._all_checks())
        async with places:
            return await probe(target.address, checks, self._instruments)

    def _all_checks(self) -> list[str]:
        """For a target that never answered anything."""
        return [*(["icmp"] if "icmp" in self._job.probes else []), *(f"tcp:{port}" for port in self._job.tcp_ports)]

    def _judge_vantage(self, alive: dict[str, Answer]) -> None:
        answering = [address for address, track in self._tracks.items() if track.silent_rounds < VANTAGE_ROUNDS]
        silent = [address for address, answer in alive.items() if answer.is_up is False]
        # Over once at least half of all that is known answers again.
        is_lost = 2 * len(silent) > len(alive) if self._is_lost else is_vantage_lost(answering, silent)
        if is_lost != self._is_lost:
            self._is_lost = is_lost
            self._on_vantage(is_lost)

    def _report(self, target: KnownTarget, answers: dict[str, Answer], around: Surroundings, at: int) -> None:
        track = self._tracks[target.address]
        kind, subject = name_subject(target.subject, target.address, around)
        interval = self._job.reachability_seconds or 60
        told = [check for check in answers if check in {REACHABILITY, "icmp"} or self._is_named(check)]
        states = [
            StateReport(subject, check, each.state, each.at, each.reason[:1024], interval)
            for check in told
            for each in self._observe(track.of(check), answers[check], at)
        ]
        if answers[REACHABILITY].is_up:
            track.silent_rounds = 0
        elif not self._is_lost:
            track.silent_rounds += 1
        self._outlet.put(kind, self._job.zone, states=states)
        samples = _latency(answers, subject, at)
        if samples is not None:
            self._outlet.put(kind, self._job.zone, samples=samples)

    def _observe(self, confirmation: Confirmation, answer: Answer, at: int) -> Sequence[Observed]:
        if self._is_lost and not answer.is_up:
            return [confirmation.suspend(at, VANTAGE_REASON)]
        return confirmation.observe(answer, at)

    def _is_named(self, check: str) -> bool:
        return check in {f"tcp:{port}" for port in self._job.tcp_ports}


class MetricsPoll:
    """SNMP samples of the devices of one job that answered by SNMP before."""

    def __init__(
        self, job: Job, instruments: Instruments, book: TargetBook, outlet: Outlet, *, on_failure: Callable[[str, str], None] = lambda _a, _t: None
    ) -> None:
        self._job, self._instruments, self._book, self._outlet = job, instruments, book, outlet
        self._on_failure = on_failure
        self._confirmations: dict[str, Confirmation] = {}

    async def round(self) -> int:
        """Ask every such device once; how many gave samples."""
        targets = [each for each in self._book.of_job(self._job.id) if each.snmp_credential and not self._job.targets.excludes(each.address)]
        places = asyncio.Semaphore(CONCURRENT_METRICS)
        return sum(await asyncio.gather(*(self._ask(target, places) for target in targets)))

    async def _ask(self, target: KnownTarget, places: asyncio.Semaphore) -> bool:
        document = next((each for each in self._job.credentials_for(target.address) if each.id == target.snmp_credential), None)
        if document is None or isinstance(document, SshDocument):
            return False
        interval = self._job.metrics_seconds or 300
        async with places, self._instruments.turn(target.address):
            at = self._instruments.clock.now_ms()
            try:
                facts = await fetch_snmp(target.address, document, self._instruments)
            except ConfigurationError as error:
                self._on_failure(target.address, f"credential {document.id!r}: {error}")
                return False
            except (AuthenticationError, UnavailableError) as error:
                self._fail(target, error, at, interval)
                return False
        self._confirmations.pop(target.address, None)
        self._outlet.put(
            "snmp", self._job.zone, states=[StateReport(host_ref(facts), "snmp", "up", at, "", interval)], samples=to_samples(facts, at=at)
        )
        return True

    def _fail(self, target: KnownTarget, error: MusterError, at: int, interval: int) -> None:
        """A refusal is an answer; silence is held until it is confirmed, as for every check."""
        self._on_failure(target.address, str(error))
        is_refused = isinstance(error, AuthenticationError)
        if not target.snmp_ref:
            return
        observed = (
            [Observed("degraded", at)]
            if is_refused
            else self._confirmations.setdefault(target.address, Confirmation()).observe(Answer(is_up=False, is_alive=False, reason=str(error)), at)
        )
        states = [StateReport(target.snmp_ref, "snmp", each.state, each.at, str(error)[:1024], interval) for each in observed]
        self._outlet.put("snmp", self._job.zone, states=states)


def _latency(answers: dict[str, Answer], subject: str | Endpoint, at: int) -> tuple[list[SeriesDefinition], SampleBlock] | None:
    """Round-trip times as gauges, where there are any and the subject is an item of the same source."""
    found = [(check, answer.latency_seconds) for check, answer in answers.items() if answer.latency_seconds is not None and check != REACHABILITY]
    if not found or not isinstance(subject, str):
        return None
    table = [SeriesDefinition(name=LATENCY_SERIES, labels={"check": check}, unit="seconds", subject=subject) for check, _ in found]
    return table, SampleBlock(table=digest_table(table), times=[at], values=[[round(latency, 6)] for _, latency in found])
