"""The delivery loop: takes due deliveries from the store, sends them, and writes down what came of it.

At least once, in order per (target, incident), with the same id and bytes on every attempt. What must survive a kill is in the
store; a target's breaker is only this process's memory. Design: docs/incidents.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import structlog
from msgspec import Struct
from sqlalchemy import Connection

from collector.incidents.breaker import Breaker, BreakerSettings
from collector.incidents.delivery import send
from collector.incidents.egress_guard import EgressPolicy, EgressRefusedError
from collector.incidents.incident import to_test_change
from collector.incidents.retry import SCHEDULE_SECONDS, decide_next_attempt
from collector.incidents.state_target import render_open
from collector.incidents.target_document import ConfiguredTarget, by_id
from collector.lasting_fault import LastingFault
from collector.store import outbox as store
from collector.store.outbox import Announcement, Claim
from muster.clock import Clock
from muster.errors import ConfigurationError, UnavailableError
from muster.ports import AnswerClass, IncidentChange

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Transaction(Protocol):
    """Runs work in one write transaction and gives its result once it is durable."""

    def __call__(self, work: Callable[[Connection], T], /) -> Awaitable[T]: ...


class OutboxSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The loop's settings. `refresh_seconds` None: each state target's own pace. `lease_ms` must outlast a time-out."""

    holder: str = "collector"
    idle_seconds: float = 1.0
    timeout_seconds: float = 20.0
    lease_ms: int = 60_000
    concurrency: int = 16
    concurrency_per_target: int = 4
    schedule_seconds: tuple[float, ...] = SCHEDULE_SECONDS
    refresh_seconds: float | None = None
    retention_ms: int = 30 * 86_400_000
    allow_loopback: bool = False
    breaker: BreakerSettings = BreakerSettings()


class Outbox:
    """Delivers until it is stopped. `outcomes` counts by (target, outcome) since the start."""

    def __init__(
        self,
        transaction: Transaction,
        targets: Sequence[ConfiguredTarget],
        *,
        clock: Clock,
        settings: OutboxSettings | None = None,
        announcement: Announcement | None = None,
        randomness: random.Random | None = None,
    ) -> None:
        self._transaction = transaction
        self._clock = clock
        self._settings = settings or OutboxSettings()
        self._announcement = announcement or Announcement()
        self._random = randomness or random.SystemRandom()
        self._wake = asyncio.Event()
        self._fault = LastingFault("outbox")
        self._targets = by_id(targets)
        self._breakers: dict[str, Breaker] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._running: dict[asyncio.Task[None], str] = {}
        self._refreshed_at: dict[str, float] = {}
        self._prune_at = float("-inf")
        self.outcomes: Counter[tuple[str, str]] = Counter()

    def poke(self) -> None:
        """Something was enqueued: look now. Call it on the loop's own thread."""
        self._wake.set()

    def replace_targets(self, targets: Sequence[ConfiguredTarget]) -> None:
        """Put other targets in force; what was stopped or held is tried afresh. Call it on the loop's own thread."""
        self._targets = by_id(targets)
        self._breakers.clear()
        self._start("", self._bury_unknown())

    def stopped_targets(self) -> dict[str, str]:
        """Targets whose queue waits for a person, with the reason."""
        return {name: breaker.stopped for name, breaker in self._breakers.items() if breaker.stopped is not None and name in self._targets}

    async def run(self) -> None:
        """Deliver until cancelled. What is under way then is sent again by the next start: same id, same bytes."""
        is_begun = False
        try:
            while True:
                self._wake.clear()
                is_begun = is_begun or await self._begin()
                if is_begun:
                    await self._step()
                    await self._prune()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.idle_seconds):  # wait_for of 3.11 can swallow a cancellation
                        await self._wake.wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def drain(self) -> None:
        """Deliver all that is due now, then return: for one-shot use and tests."""
        while await self._step() or self._running:
            if self._running:
                await asyncio.wait(list(self._running), return_when=asyncio.FIRST_COMPLETED)

    async def send_test(self, target_id: str) -> AnswerClass:
        """One marked test delivery, outside the queue. Raises ConfigurationError for an unknown target."""
        configured = self._targets.get(target_id)
        if configured is None:
            raise ConfigurationError(f"no target {target_id!r}; configured are {', '.join(sorted(self._targets)) or 'none'}")
        about = {"instance": self._announcement.instance, "public_url": self._announcement.public_url}
        return await self._attempt(configured, to_test_change(target=target_id, now=self._clock.now_ms(), **about))

    async def _begin(self) -> bool:
        """Take over what a killed predecessor left. False where the database is away: tried again."""
        try:
            await self._transaction(lambda connection: store.release_leases(connection, self._settings.holder))
            await self._bury_unknown()
        except Exception as error:
            self._fault.note(error)
            return False
        return True

    async def _step(self) -> int:
        """Start what may start now; how many were started."""
        try:
            claims = await self._claim()
            refreshes = [each for each in self._targets.values() if self._is_refresh_due(each)]
        except Exception as error:
            self._fault.note(error)
            return 0
        self._fault.end()
        for claim in claims:
            self._start(claim.target, self._deliver(claim))
        for configured in refreshes:
            self._refreshed_at[configured.id] = self._clock.monotonic_seconds()
            self._start(configured.id, self._refresh(configured))
        return len(claims) + len(refreshes)

    async def _claim(self) -> list[Claim]:
        now = self._clock.now_ms()
        lease = f"{self._settings.holder}/{secrets.token_hex(8)}"
        limits = {name: self._limit(configured, now) for name, configured in self._targets.items()}
        free = self._settings.concurrency - len(self._running)

        def work(connection: Connection) -> list[Claim]:
            claims: list[Claim] = []
            for name, limit in limits.items():
                room = min(limit, free - len(claims))
                claims += store.claim_due(connection, [name], lease=lease, now=now, lease_ms=self._settings.lease_ms, limit=room)
            return claims

        return await self._transaction(work) if free > 0 and any(limit > 0 for limit in limits.values()) else []

    def _limit(self, configured: ConfiguredTarget, now: int) -> int:
        """How many more deliveries this target may have under way."""
        breaker = self._breakers.get(configured.id, Breaker())
        if not breaker.may_send(now):
            return 0
        is_narrow = breaker.is_troubled or configured.target.refresh_seconds > 0
        return (1 if is_narrow else self._settings.concurrency_per_target) - sum(1 for name in self._running.values() if name == configured.id)

    def _start(self, name: str, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._running[task] = name
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self.poke()
        if not task.cancelled() and task.exception() is not None:
            log.error("delivery_failed", error=repr(task.exception()))

    async def _deliver(self, claim: Claim) -> None:
        configured = self._targets.get(claim.target)
        if configured is None:  # taken out of force meanwhile; its queue is being buried
            return
        async with self._lock(configured):
            answer = await self._attempt(configured, claim.change)
            await self._settle(claim, answer)

    async def _attempt(self, configured: ConfiguredTarget, change: IncidentChange) -> AnswerClass:
        """Send the requests of one change in order, up to the first that is not delivered."""
        answer = AnswerClass("delivered", "nothing to send")
        policy = EgressPolicy(allow_private=configured.allow_private, allow_loopback=self._settings.allow_loopback)
        try:
            for request in configured.target.render_(change, configured.settings, configured.read_secrets(), self._clock.now_ms()):
                received = await send(request, policy, timeout_seconds=self._settings.timeout_seconds)
                answer = configured.target.classify_answer(received.status, received.headers, received.body)
                if answer.outcome != "delivered":
                    break
        except (EgressRefusedError, ConfigurationError) as error:
            answer = AnswerClass("stopped", str(error))
        except UnavailableError as error:
            answer = AnswerClass("retry", str(error), retry_after_seconds=error.retry_after_seconds)
        except Exception as error:
            log.exception("target_failed", target=configured.id)
            answer = AnswerClass("retry", f"the target's own code failed: {type(error).__name__}")
        self._note(configured.id, answer)
        return answer

    async def _settle(self, claim: Claim, answer: AnswerClass) -> None:
        now = self._clock.now_ms()
        if answer.outcome == "delivered":
            await self._transaction(lambda connection: store.settle_delivered(connection, claim, now, answer.detail))
        elif answer.outcome == "refused":
            await self._bury(claim, answer.detail)
        elif answer.outcome == "stopped":
            await self._transaction(lambda connection: store.settle_retry(connection, claim, now, answer.detail, is_counted=False))
        else:
            jitter, schedule = self._random.random(), self._settings.schedule_seconds
            at = decide_next_attempt(claim.attempts + 1, now, schedule=schedule, jitter=jitter, retry_after_seconds=answer.retry_after_seconds)
            if at is None:
                await self._bury(claim, f"given up after {claim.attempts + 1} attempts: {answer.detail}")
            else:
                await self._transaction(lambda connection: store.settle_retry(connection, claim, at, answer.detail, is_counted=True))

    async def _bury(self, claim: Claim, detail: str) -> None:
        await self._transaction(lambda connection: store.settle_dead(connection, claim, detail))
        self.outcomes[claim.target, "dead"] += 1
        log.error("delivery_dead", target=claim.target, delivery_id=claim.id, incident_id=claim.incident_id, answer=detail)

    def _note(self, name: str, answer: AnswerClass) -> None:
        """Keep the breaker; a lasting fault is logged when it begins and when it ends."""
        self.outcomes[name, answer.outcome] += 1
        before, now = self._breakers.get(name, Breaker()), self._clock.now_ms()
        if answer.outcome in {"delivered", "refused"}:
            self._breakers[name] = before.succeed()
            if before.failures:
                log.info("target_answered_again", target=name, failures=before.failures)
                self._start(name, self._hasten(name, now))
        elif answer.outcome == "stopped":
            self._breakers[name] = before.stop(self._settings.breaker, now, answer.detail)
            if before.stopped is None:
                log.error("target_stopped", target=name, reason=answer.detail)
        else:
            self._breakers[name] = before.fail(self._settings.breaker, now, retry_after_ms=round((answer.retry_after_seconds or 0) * 1000))
            if not before.failures:
                log.warning("target_failing", target=name, answer=answer.detail)

    async def _prune(self) -> None:
        """Once an hour, forget what was delivered long ago."""
        if self._clock.monotonic_seconds() < self._prune_at:
            return
        self._prune_at = self._clock.monotonic_seconds() + 3600
        before = self._clock.now_ms() - self._settings.retention_ms
        try:
            await self._transaction(lambda connection: store.prune_deliveries(connection, before))
        except Exception as error:
            self._fault.note(error)

    async def _bury_unknown(self) -> None:
        await self._transaction(lambda connection: store.bury_unknown(connection, list(self._targets)))

    async def _hasten(self, name: str, now: int) -> None:
        await self._transaction(lambda connection: store.hasten(connection, name, now))

    def _is_refresh_due(self, configured: ConfiguredTarget) -> bool:
        pace = configured.target.refresh_seconds
        if pace <= 0 or not self._breakers.get(configured.id, Breaker()).may_send(self._clock.now_ms()):
            return False
        pace = self._settings.refresh_seconds or pace
        last = self._refreshed_at.get(configured.id)
        return last is None or self._clock.monotonic_seconds() - last >= pace

    async def _refresh(self, configured: ConfiguredTarget) -> None:
        """Tell a state target of every open incident again, unless a delivery of its own is waiting and says more."""
        async with self._lock(configured):
            for change in await self._transaction(lambda connection: render_open(connection, configured, self._announcement, self._clock.now_ms())):
                answer = await self._attempt(configured, change)
                if answer.outcome in {"retry", "stopped"}:
                    return

    def _lock(self, configured: ConfiguredTarget) -> asyncio.Lock | asyncio.Semaphore:
        """A state target is told one thing at a time, so that a refresh cannot overtake a resolution."""
        if configured.target.refresh_seconds <= 0:
            return asyncio.Semaphore()
        return self._locks.setdefault(configured.id, asyncio.Lock())
