"""The process: what the jobs share, the jobs in force, their renewal when a file changes, and an orderly end.

`discovery/__main__.py` reads flags and sets up logs; this module is also what tests start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from discovery.delivery import Delivery
from discovery.finding import Finding, Tally
from discovery.inquiry import Instruments
from discovery.job import Job
from discovery.known_target import TargetBook
from discovery.plan import Plan, load_plan, read_signature
from discovery.runner import JobRunner, Log
from discovery.settings import Settings
from discovery.snmp.device import load_device_profiles, load_mibs
from discovery.snmp.transport import SnmpTransport
from discovery.ssh.host_key import HostKeyStore
from discovery.survey import Outlet, Resolve, Surroundings, Survey, resolve_name
from discovery.sweep.icmp import Pinger
from discovery.sweep.neighbour import read_neighbours
from discovery.unidentified import own_endpoint
from muster.clock import Clock
from muster.errors import ConfigurationError, UnavailableError
from muster.facts.address import render_address

WATCH_SECONDS = 2.0
Watcher = Callable[[Job, Finding, Tally], None]


def find_name(settings: Settings) -> str:
    """What the sources of this process are called."""
    return settings.name or socket.gethostname() or "discovery"


def prepare_state(folder: Path) -> None:
    """Make the state directory (0700). Raises UnavailableError where it cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"state directory {folder} cannot be made: {error.strerror}; give another with --state-directory") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UnavailableError(f"state directory {folder} cannot be written; check its owner, or give another with --state-directory")


def look_around(root: Path = Path("/")) -> Surroundings:
    """What this machine knows by itself."""
    addresses = {
        render_address(each.address) for entries in psutil.net_if_addrs().values() for each in entries if each.family.name.startswith("AF_INET")
    }
    return Surroundings(
        neighbours=read_neighbours(root),
        own_addresses=frozenset(address for address in addresses if address),
        myself=own_endpoint(_read(root / "etc/machine-id"), _read(root / "proc/sys/kernel/hostname")),
    )


@contextlib.asynccontextmanager
async def open_instruments(settings: Settings, *, clock: Clock, environment: Mapping[str, str]) -> AsyncIterator[Instruments]:
    """Sockets, threads, known keys and profiles; closed at the end. Raises ConfigurationError, UnavailableError."""
    folder = Path(settings.state_directory)
    own_profiles = [Path(settings.profiles)] if settings.profiles else []
    others = [Path(settings.known_hosts)] if settings.known_hosts else []
    instruments = Instruments(
        pinger=Pinger(clock=clock),
        snmp=SnmpTransport(),
        threads=ThreadPoolExecutor(settings.ssh_threads, thread_name_prefix="ssh"),
        host_keys=HostKeyStore(folder / "known_hosts", others),
        profiles=load_device_profiles(*own_profiles),
        mibs=load_mibs(),
        clock=clock,
        environment=environment,
    )
    try:
        yield instruments
    finally:
        instruments.pinger.close()
        await instruments.snmp.close()
        # A thread that asks a host would keep the process for minutes.
        instruments.open_transports.close_all()
        assert isinstance(instruments.threads, ThreadPoolExecutor)
        instruments.threads.shutdown(wait=False, cancel_futures=True)


def make_survey(
    instruments: Instruments,
    outlet: Outlet,
    book: TargetBook,
    log: Log,
    *,
    root: Path = Path("/"),
    resolve: Resolve = resolve_name,
    on_finding: Watcher | None = None,
) -> Survey:
    """A survey whose findings are logged one by one at level debug."""

    def tell(job: Job, finding: Finding, tally: Tally) -> None:
        log("debug", "target_asked", job=job.id, address=finding.address, name=finding.name, failures=finding.failures)
        for code in ("host_key_changed", "credential_unreadable"):
            if code in finding.failures:
                log("error", code, job=job.id, address=finding.address, reason=finding.failures[code])
        if on_finding is not None:
            on_finding(job, finding, tally)

    def tell_fault(job: Job, address: str, error: Exception) -> None:
        log("error", "target_failed", job=job.id, address=address, reason=f"{type(error).__name__}: {error}")

    return Survey(instruments, outlet, book, lambda: look_around(root), resolve, tell, tell_fault)


class DiscoveryProcess:
    """The resident process. `reload` asks for the files to be read again, `stop` ends it."""

    def __init__(self, settings: Settings, plan: Plan, delivery: Delivery, *, clock: Clock, log: Log, only: tuple[str, ...] = ()) -> None:
        """`plan` is in force at first; `only` these jobs are ever run (empty: all)."""
        self._settings, self._plan, self._delivery = settings, plan, delivery
        self._clock, self._log, self._only = clock, log, only
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Event()
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self.ready = asyncio.Event()

    def stop(self) -> None:
        """End in order: no new work, what was observed is spooled and, for a few seconds, sent."""
        self._stopping.set()
        self._reloading.set()

    def reload(self) -> None:
        """Read jobs and credentials again."""
        self._reloading.set()

    async def run(self, environment: Mapping[str, str]) -> bool:
        """Work until stopped; whether everything was delivered. Raises ConfigurationError, UnavailableError at start."""
        book = open_book(self._settings, self._log)
        async with open_instruments(self._settings, clock=self._clock, environment=environment) as instruments:
            survey = make_survey(instruments, self._delivery, book, self._log)
            self._delivery.reopen(job.zone for job in self._plan.jobs.values())
            sending = asyncio.create_task(self._delivery.run())
            try:
                self._apply(survey, book)
                self.ready.set()
                await self._watch(survey, book)
            finally:
                await _cancel([sending, *(task for _, task in self._running.values())])
                with contextlib.suppress(UnavailableError):  # told when it began; the next run finds the targets again
                    book.save()
        return await self._delivery.finish()

    async def _watch(self, survey: Survey, book: TargetBook) -> None:
        folders = (Path(self._settings.jobs), Path(self._settings.credentials))
        signature = read_signature(*folders)
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reloading.wait(), WATCH_SECONDS)
            current = read_signature(*folders)
            if self._stopping.is_set() or (current == signature and not self._reloading.is_set()):
                continue
            signature = current
            self._reloading.clear()
            try:
                self._plan = load_plan(*folders, self._only)
            except ConfigurationError as error:
                self._log("error", "jobs_refused", reason=str(error), in_force=sorted(self._plan.jobs))
                continue
            self._apply(survey, book)

    def _apply(self, survey: Survey, book: TargetBook) -> None:
        """Start what is new or changed, end what is gone; a job that stayed the same goes on undisturbed."""
        wanted = {name: self._plan.digest_of(name) for name in self._plan.jobs}
        for name, (digest, task) in list(self._running.items()):
            if wanted.get(name) != digest:
                task.cancel()
                del self._running[name]
                if name not in wanted:
                    book.forget_job(name)
        for name, digest in wanted.items():
            if name not in self._running:
                runner = JobRunner(self._plan.jobs[name], digest, survey, book, clock=self._clock, log=self._log)
                self._running[name] = (digest, asyncio.create_task(runner.run(), name=f"job {name}"))
        self._log("info", "jobs_in_force", jobs=sorted(wanted))


def open_book(settings: Settings, log: Log) -> TargetBook:
    """The book of known targets; a damaged one is told and begun again."""
    book = TargetBook(Path(settings.state_directory) / "targets.json")
    if book.is_damaged:
        log("warning", "known_targets_unreadable", reason="targets.json cannot be read; the next run finds the targets again")
    return book


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
