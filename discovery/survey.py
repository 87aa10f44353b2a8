"""One run of one job: every target once, at the job's rate, each finding handed on as soon as it is there.

What a run found goes to the sources (`Outlet`) and into the book of known targets. See docs/discovery.md.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from discovery import unidentified
from discovery.finding import Check, Finding, Samples, Tally
from discovery.inquiry import Instruments, inquire
from discovery.job import Job
from discovery.known_target import KnownTarget, Subject, TargetBook
from discovery.rate_limit import RateLimit
from muster.model.state import SourceKind
from muster.wire.report import Endpoint, Section, StateReport

CONCURRENT_TARGETS = 64
_STATE_INTERVAL_LIMIT = 86_400
Resolve = Callable[[str], Awaitable[Sequence[str]]]


class Outlet(Protocol):
    """Where what was observed goes: the source of a kind in a zone."""

    def put(
        self,
        kind: SourceKind,
        zone: str,
        *,
        sections: Mapping[str, Section] | None = None,
        states: Sequence[StateReport] = (),
        samples: Samples | None = None,
    ) -> None:
        """Queue it for that source."""


@dataclass(frozen=True)
class Surroundings:
    """What this machine knows by itself: MAC addresses of its neighbours, its own addresses, and by what it is known.

    `has_loopback`: the whole of 127.0.0.0/8 and ::1 are its own too.
    """

    neighbours: Mapping[str, str] = field(default_factory=dict)
    own_addresses: frozenset[str] = frozenset()
    has_loopback: bool = True
    myself: Endpoint = field(default_factory=lambda: Endpoint(identifiers={}))

    def owns(self, address: str) -> bool:
        """Whether the address is this machine's."""
        return address in self.own_addresses or (self.has_loopback and ipaddress.ip_address(address).is_loopback)


@dataclass
class Survey:
    """Runs jobs. `look_around` is asked after the probes of a target, when the kernel knows its MAC address."""

    instruments: Instruments
    outlet: Outlet
    book: TargetBook
    look_around: Callable[[], Surroundings]
    resolve: Resolve
    on_finding: Callable[[Job, Finding, Tally], None] = lambda _job, _finding, _tally: None
    on_fault: Callable[[Job, str, Exception], None] = lambda _job, _address, _error: None

    async def run(self, job: Job, tally: Tally | None = None) -> Tally:
        """Ask every target of the job; what was counted. `tally` may be given to be watched meanwhile."""
        tally = tally if tally is not None else Tally()
        tally.total = job.targets.address_count + len(job.targets.names)
        rate = RateLimit(job.rate_per_second, clock=self.instruments.clock)
        places = asyncio.Semaphore(CONCURRENT_TARGETS)
        seen: set[str] = set()

        async def one(address: str, name: str) -> None:
            try:
                await self._ask(job, address, name, tally)
            finally:
                places.release()

        async with asyncio.TaskGroup() as group:
            async for address, name in self._targets(job, tally, seen):
                if address in seen:
                    tally.total -= 1
                    continue
                seen.add(address)
                await rate.wait()
                await places.acquire()
                group.create_task(one(address, name))
        self.book.keep_only(job.id, seen)
        return tally

    async def _targets(self, job: Job, tally: Tally, seen: set[str]) -> AsyncIterator[tuple[str, str]]:
        """Names first, so that an address that is also named keeps its name; `seen` gets what is known of a name without an address."""
        for name in job.targets.names:
            addresses = await self.resolve(name)
            if not addresses:
                # A name server's outage is no reason to stop polling what the name stood for.
                seen.update(target.address for target in self.book.of_job(job.id) if target.name == name)
                self._miss(job, name, "name_unresolved", f"{name}: the name has no address; check it or the name server", tally)
                continue
            allowed = [address for address in addresses if not job.targets.excludes(address)]
            if not allowed:
                self._miss(job, name, "excluded", f"{name}: {addresses[0]} is excluded", tally)
                continue
            yield allowed[0], name
        for address in job.targets.addresses():
            yield address, ""

    def _miss(self, job: Job, name: str, code: str, text: str, tally: Tally) -> None:
        finding = Finding("", name, self.instruments.clock.now_ms(), failures={code: text})
        tally.add(finding)
        self.on_finding(job, finding, tally)

    async def _ask(self, job: Job, address: str, name: str, tally: Tally) -> None:
        known = self.book.find(job.id, address)
        try:
            finding = await inquire(address, job, self.instruments, name=name, expects_ssh=known is not None and known.answers_ssh)
            self._report(job, finding, known)
        except Exception as error:  # the border of one target's task: one device must not end a run
            finding = Finding(address, name, self.instruments.clock.now_ms(), failures={"error": f"{address}: {type(error).__name__}: {error}"})
            self.on_fault(job, address, error)
        tally.add(finding)
        self.on_finding(job, finding, tally)

    def _report(self, job: Job, finding: Finding, known: KnownTarget | None) -> None:
        around = self.look_around()
        for device in finding.devices:
            self.outlet.put(device.kind, job.zone, sections=device.sections)
        if finding.samples is not None:
            self.outlet.put("snmp", job.zone, samples=finding.samples)
        is_own = around.owns(finding.address)
        subject, sweep_ref = self._identify(job, finding, known, around, is_own=is_own)
        if subject is not None or is_own or finding.is_alive:
            kind, to = name_subject(subject, finding.address, around)
            self.outlet.put(kind, job.zone, states=_states(finding.checks, to, finding.at, job.every_seconds))
        if finding.is_alive or known is not None or finding.address in job.targets.single or finding.name:
            self.book.put(_remember(job, finding, known, subject, sweep_ref))

    def _identify(self, job: Job, finding: Finding, known: KnownTarget | None, around: Surroundings, *, is_own: bool) -> tuple[Subject | None, str]:
        """The item that the target's states are about, and the sweep's own item, if it has one."""
        by_kind = {device.kind: device.ref for device in finding.devices}
        known_ref = known.sweep_ref if known is not None else ""
        for kind in ("ssh", "snmp"):
            if kind in by_kind:
                if known_ref:
                    name, section = unidentified.to_empty_section(known_ref, interval_seconds=job.every_seconds)
                    self.outlet.put("sweep", job.zone, sections={name: section})
                return Subject(kind, by_kind[kind]), known_ref
        if known is not None and known.subject is not None and known.subject.kind != "sweep":
            return known.subject, known_ref  # it said what it is before, and is the same until it says otherwise
        if is_own or not finding.is_alive or not job.reports_unidentified:
            return (known.subject if known is not None else None), known_ref
        ref = unidentified.derive_ref(finding, around.neighbours)
        if known_ref and unidentified.is_by_address(ref):
            ref = known_ref  # seen more of it before than now
        told = [unidentified.to_section(finding, ref, around.neighbours, interval_seconds=job.every_seconds)]
        if known_ref != ref and unidentified.is_by_address(known_ref):
            told.append(unidentified.to_empty_section(known_ref, interval_seconds=job.every_seconds))
        self.outlet.put("sweep", job.zone, sections=dict(told))
        return Subject("sweep", ref), ref


def name_subject(subject: Subject | None, address: str, around: Surroundings) -> tuple[SourceKind, str | Endpoint]:
    """Which source tells of a target's states, and about which item.

    The item that SSH or SNMP identified, else the sweep's own; this machine by what its agent says; any other by its address, which
    the collector takes for the one CI that has it in this zone.
    """
    if subject is not None:
        return subject.kind, subject.ref
    return "sweep", around.myself if around.owns(address) else Endpoint(identifiers={"ip": address})


async def resolve_name(name: str) -> Sequence[str]:
    """The addresses of a name by this machine's resolver, IPv4 first; none where it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    addresses = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return sorted(addresses, key=lambda address: ipaddress.ip_address(address).version)


def _states(checks: Sequence[Check], subject: str | Endpoint, at: int, every_seconds: int) -> list[StateReport]:
    interval = min(every_seconds, _STATE_INTERVAL_LIMIT)
    return [StateReport(subject, check.name, check.state, at, check.reason[:1024], interval) for check in checks]


def _remember(job: Job, finding: Finding, known: KnownTarget | None, subject: Subject | None, sweep_ref: str) -> KnownTarget:
    answered = [check for check, answer in finding.answers.items() if answer.is_alive and (answer.is_up or check in _named(job))]
    earlier = known.checks if known is not None else ()
    return KnownTarget(
        job=job.id,
        address=finding.address,
        name=finding.name,
        checks=tuple(dict.fromkeys([*earlier, *answered])),
        subject=subject,
        sweep_ref=sweep_ref,
        snmp_credential=finding.snmp_credential or (known.snmp_credential if known is not None else ""),
        snmp_ref=next((device.ref for device in finding.devices if device.kind == "snmp"), known.snmp_ref if known is not None else ""),
        answers_ssh=any(device.kind == "ssh" for device in finding.devices) or (known is not None and known.answers_ssh),
        answered_at=finding.at if finding.is_alive else (known.answered_at if known is not None else None),
    )


def _named(job: Job) -> set[str]:
    return {f"tcp:{port}" for port in job.tcp_ports}
