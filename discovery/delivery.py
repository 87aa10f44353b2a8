"""The sources of this process: made when first needed, written and sent in threads, so that a slow disk or collector stops no probe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from discovery.finding import Samples
from discovery.reporter import Reporter, SourceName
from discovery.source_token import SourceToken
from muster.clock import Clock
from muster.errors import MusterError, UnavailableError
from muster.model.state import SourceKind
from muster.wire.digest import digest_bytes
from muster.wire.report import Section, StateReport
from muster.wire.sender import Log, Sender
from muster.wire.transport import Destination

KINDS: tuple[SourceKind, ...] = ("snmp", "ssh", "sweep")
WRITE_SECONDS = 1.0
SEND_SECONDS = 1.0
FINAL_SEND_SECONDS = 3.0
TOLD_REFUSALS = 1000
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}\Z")


class Delivery:
    """An `Outlet` (discovery/survey.py) whose sources live in folders below `state_directory`."""

    def __init__(
        self,
        state_directory: Path,
        name: str,
        *,
        clock: Clock,
        log: Log,
        destination: Destination | None = None,
        token_file: Path | None = None,
        software_version: str = "",
    ) -> None:
        """Without a destination everything is spooled and nothing is sent."""
        self._folder, self._name = state_directory, name
        self._clock, self._log = clock, log
        self._destination, self._token_file = destination, token_file
        self._software_version = software_version
        self._reporters: dict[tuple[SourceKind, str], Reporter] = {}
        self._failing: set[SourceName] = set()
        self._refused: set[tuple[SourceName, str]] = set()

    @property
    def reporters(self) -> list[Reporter]:
        """The sources made so far."""
        return list(self._reporters.values())

    def put(
        self,
        kind: SourceKind,
        zone: str,
        *,
        sections: Mapping[str, Section] | None = None,
        states: Sequence[StateReport] = (),
        samples: Samples | None = None,
    ) -> None:
        """Queue what was observed for the source of a kind in a zone. Raises UnavailableError where its folder cannot be used."""
        if sections or states or samples is not None:
            self._reporter(kind, zone).put(sections=sections, states=states, samples=samples)

    def reopen(self, zones: Iterable[str]) -> None:
        """Open the sources of earlier runs in these zones, so that what waits in their spools is sent. Raises UnavailableError."""
        for zone in dict.fromkeys(zones):
            for kind in KINDS:
                if (self._folder / f"{kind}@{folder_name(zone)}").is_dir():
                    self._reporter(kind, zone)

    async def run(self) -> None:
        """Write and send until cancelled."""
        sending: dict[SourceName, asyncio.Task[None]] = {}
        try:
            while True:
                for reporter in self.reporters:
                    await asyncio.to_thread(self._write, reporter)
                    if reporter.source not in sending:
                        sending[reporter.source] = asyncio.create_task(self._keep_sending(reporter))
                await asyncio.sleep(WRITE_SECONDS)
        finally:
            for task in sending.values():
                task.cancel()
            await asyncio.gather(*sending.values(), return_exceptions=True)

    async def finish(self, *, budget_seconds: float = FINAL_SEND_SECONDS) -> bool:
        """Write what is queued, try to send what waits, close; whether nothing waits any more."""
        return all(await asyncio.gather(*(asyncio.to_thread(self._finish, reporter, budget_seconds) for reporter in self.reporters)))

    def _finish(self, reporter: Reporter, budget_seconds: float) -> bool:
        self._write(reporter)
        deadline = self._clock.monotonic_seconds() + budget_seconds
        while len(reporter.spool) and reporter.sender is not None and self._clock.monotonic_seconds() < deadline:
            self._send(reporter, budget_seconds)
            if reporter.sender.seconds_until_attempt() > 0:
                break
        reporter.close()
        return len(reporter.spool) == 0

    async def _keep_sending(self, reporter: Reporter) -> None:
        while True:
            await asyncio.to_thread(self._send, reporter, 5.0)
            wait = reporter.sender.seconds_until_attempt() if reporter.sender is not None else SEND_SECONDS
            await asyncio.sleep(min(max(SEND_SECONDS, wait), 30.0))

    def _send(self, reporter: Reporter, budget_seconds: float) -> None:
        try:
            outcome = reporter.send(budget_seconds=budget_seconds)
        except MusterError as error:
            self._log("error", "send_failed", source=_text(reporter.source), reason=str(error))
            return
        for refusal in outcome.refusals[:10]:
            # Told once: what a collector refuses of one report it refuses of the next.
            is_new = (reporter.source, refusal.reason) not in self._refused and len(self._refused) < TOLD_REFUSALS
            self._refused.add((reporter.source, refusal.reason))
            level = "warning" if is_new else "debug"
            self._log(level, "part_refused", source=_text(reporter.source), path=refusal.path, reason=refusal.reason, total=reporter.rejected_total)

    def _write(self, reporter: Reporter) -> None:
        """Spool what is queued; a disk that refuses is told when it begins and when it ends."""
        try:
            reporter.write()
        except UnavailableError as error:
            if reporter.source not in self._failing:
                self._failing.add(reporter.source)
                self._log("error", "spool_failed", source=_text(reporter.source), reason=str(error))
            return
        if reporter.source in self._failing:
            self._failing.discard(reporter.source)
            self._log("info", "spool_resumed", source=_text(reporter.source))

    def _reporter(self, kind: SourceKind, zone: str) -> Reporter:
        known = self._reporters.get((kind, zone))
        if known is not None:
            return known
        source = SourceName(kind, self._name, zone)
        folder = self._folder / f"{kind}@{folder_name(zone)}"
        reporter = Reporter(source, folder, clock=self._clock, software_version=self._software_version)
        if self._destination is not None:
            token = SourceToken(source, folder, self._destination, self._token_file)
            reporter.sender = Sender(
                reporter.spool,
                self._destination,
                read_token=token.read,
                clock=self._clock,
                log=lambda level, event, **fields: self._log(level, event, source=_text(source), **fields),
                user_agent=f"muster-discovery/{self._software_version or 'unknown'}",
            )
        self._reporters[(kind, zone)] = reporter
        return reporter


def folder_name(zone: str) -> str:
    """A zone as part of a folder's name: itself where that is plain, else its digest.

    >>> folder_name("berlin"), len(folder_name("a/b"))
    ('berlin', 32)
    """
    return zone if _PLAIN.match(zone) else digest_bytes(zone.encode())


def _text(source: SourceName) -> str:
    return f"{source.kind}/{source.name}@{source.zone}"
