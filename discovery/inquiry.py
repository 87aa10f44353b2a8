"""Asking one address: ICMP and TCP, then SNMP and SSH with the credentials that the job binds to it.

Each failure becomes a reason and a state, never an exception: one device cannot stop a run. See docs/discovery.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from discovery.credential import CredentialDocument, Login, SnmpV2cDocument, SnmpV3Document, SshDocument, to_login, to_snmp
from discovery.device import DiscoveredDevice
from discovery.finding import Check, Finding
from discovery.job import Job
from discovery.mibs._mib import Mib
from discovery.snmp.device import fetch_device, host_ref, to_samples, to_sections
from discovery.snmp.facts import DeviceFacts
from discovery.snmp.profile import Profile
from discovery.snmp.session import ExchangeSession
from discovery.snmp.transport import SnmpTransport
from discovery.ssh.connection import OpenTransports, SshLimits, SshTarget, connect_ssh, fetch_host_key
from discovery.ssh.host_key import HostKeyError, HostKeyStore
from discovery.ssh.linux import NotLinuxError, fetch_linux
from discovery.sweep.answer import Answer
from discovery.sweep.icmp import Pinger
from discovery.sweep.tcp import connect_tcp
from muster.clock import Clock
from muster.errors import AuthenticationError, ConfigurationError, UnavailableError

SSH_PORT = 22


@dataclass
class Instruments:
    """What asking needs of the outside: sockets, threads, known keys, profiles, the time and the environment of secrets."""

    pinger: Pinger
    snmp: SnmpTransport
    threads: Executor
    host_keys: HostKeyStore
    profiles: Sequence[Profile]
    mibs: Mapping[str, Mib]
    clock: Clock
    environment: Mapping[str, str] = field(default_factory=dict)
    ping_seconds: float = 1.0
    connect_seconds: float = 2.0
    snmp_seconds: float = 2.0
    snmp_retries: int = 1
    ssh_limits: SshLimits = field(default_factory=SshLimits)
    open_transports: OpenTransports = field(default_factory=OpenTransports)
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def turn(self, address: str) -> asyncio.Lock:
        """Held while a device is asked over SNMP or SSH: it never has two of our conversations at once."""
        lock = self._turns.get(address)
        if lock is None:
            lock = self._turns[address] = asyncio.Lock()
        return lock


async def probe(address: str, checks: Sequence[str], instruments: Instruments) -> dict[str, Answer]:
    """The answers of one address to these checks (`icmp`, `tcp:PORT`), all asked at once."""
    answers = await asyncio.gather(*(_probe_one(address, check, instruments) for check in checks))
    return dict(zip(checks, answers, strict=True))


async def inquire(address: str, job: Job, instruments: Instruments, *, name: str = "", expects_ssh: bool = False) -> Finding:
    """Everything that the job's probes and credentials find out about one address. `expects_ssh`: it answered by SSH before."""
    finding = Finding(address, name, instruments.clock.now_ms())
    checks = [*(["icmp"] if "icmp" in job.probes else []), *(f"tcp:{port}" for port in job.tcp_ports)]
    finding.answers.update(await probe(address, checks, instruments))
    icmp = finding.answers.get("icmp")
    if icmp is not None and icmp.is_up is None:
        finding.failures["icmp_not_permitted"] = icmp.reason
    documents = job.credentials_for(address)
    async with instruments.turn(address):
        if "snmp" in job.probes:
            await _inquire_snmp(finding, job, [each for each in documents if not isinstance(each, SshDocument)], instruments)
        if "ssh" in job.probes:
            await _inquire_ssh(finding, job, [each for each in documents if isinstance(each, SshDocument)], instruments, expects_ssh=expects_ssh)
    if not finding.is_alive:
        finding.failures = {"no_answer": "; ".join(answer.reason for answer in finding.answers.values()), **_not_usual(finding.failures)}
    return finding


async def fetch_snmp(address: str, document: SnmpV2cDocument | SnmpV3Document, instruments: Instruments) -> DeviceFacts:
    """The facts of one device. Raises ConfigurationError (secret), AuthenticationError, UnavailableError."""
    credential = to_snmp(document, instruments.environment)
    exchange = await instruments.snmp.open_exchange(
        address, credential, port=document.port, timeout_seconds=instruments.snmp_seconds, retries=instruments.snmp_retries
    )
    session = ExchangeSession(exchange)
    try:
        return await fetch_device(session, address=address, profiles=instruments.profiles, mibs=instruments.mibs)
    finally:
        await session.close()


async def _probe_one(address: str, check: str, instruments: Instruments) -> Answer:
    kind, _, port = check.partition(":")
    if kind == "tcp":
        return await connect_tcp(address, int(port), timeout_seconds=instruments.connect_seconds, clock=instruments.clock)
    try:
        return await instruments.pinger.ping(address, timeout_seconds=instruments.ping_seconds)
    except UnavailableError as error:
        return Answer(is_up=None, is_alive=False, reason=str(error))


async def _inquire_snmp(finding: Finding, job: Job, documents: Sequence[CredentialDocument], instruments: Instruments) -> None:
    if not documents:
        finding.failures["snmp_no_credential"] = f"{finding.address}: no SNMP credential of job {job.id!r} is for this address"
        return
    refused = ""
    for document in documents:
        assert not isinstance(document, SshDocument)
        try:
            facts = await fetch_snmp(finding.address, document, instruments)
        except ConfigurationError as error:
            finding.failures["credential_unreadable"] = f"credential {document.id!r}: {error}"
        except AuthenticationError as error:
            refused = f"{finding.address}: credential {document.id!r}: {error}"
        except UnavailableError as error:
            finding.failures["snmp_no_answer"] = f"{finding.address}: credential {document.id!r}: {error}"
        else:
            finding.failures = {code: text for code, text in finding.failures.items() if not code.startswith("snmp_")}
            take_snmp(finding, facts, document.id, interval_seconds=job.every_seconds)
            return
    if refused:
        finding.failures["snmp_refused"] = refused
        finding.failures.pop("snmp_no_answer", None)
        finding.checks.append(Check("snmp", "degraded", refused))


def take_snmp(finding: Finding, facts: DeviceFacts, credential_id: str, *, interval_seconds: int) -> None:
    """Put what a device said over SNMP into the finding."""
    sections = to_sections(facts, interval_seconds=interval_seconds)
    finding.devices.append(DiscoveredDevice("snmp", host_ref(facts), facts.system.name or facts.address, sections))
    finding.samples = to_samples(facts, at=finding.at)
    finding.snmp_credential = credential_id
    finding.checks.append(Check("snmp", "up"))


async def _inquire_ssh(finding: Finding, job: Job, documents: Sequence[SshDocument], instruments: Instruments, *, expects_ssh: bool) -> None:
    loop = asyncio.get_running_loop()
    for port in dict.fromkeys([document.port for document in documents] or [SSH_PORT]):
        # A port that does not open costs a thread nothing; and it tells who has no SSH from who refuses us.
        opened = await connect_tcp(finding.address, port, timeout_seconds=instruments.connect_seconds, clock=instruments.clock)
        finding.answers.setdefault(f"tcp:{port}", opened)
        if not opened.is_up:
            finding.failures["ssh_no_answer"] = f"{finding.address}: {opened.reason}"
            continue
        some = [document for document in documents if document.port == port]
        if some:
            await loop.run_in_executor(instruments.threads, _ask_ssh, finding, job, some, instruments)
        else:
            finding.failures["ssh_no_credential"] = f"{finding.address}: no SSH credential of job {job.id!r} is for this address"
            await loop.run_in_executor(instruments.threads, _read_host_key, finding, port, instruments)
        if any(device.kind == "ssh" for device in finding.devices):
            finding.failures.pop("ssh_no_answer", None)
            return
    if expects_ssh and not any(check.name == "ssh" for check in finding.checks):
        finding.checks.append(Check("ssh", "down", finding.failures.get("ssh_no_answer", "")))


def _ask_ssh(finding: Finding, job: Job, documents: Sequence[SshDocument], instruments: Instruments) -> None:
    """Sign in with the first credential that works and read the host; in a thread."""
    for document in documents:
        try:
            login = to_login(document, instruments.environment)
            finding.devices.append(_fetch_ssh(finding, job, login, instruments))
        except ConfigurationError as error:
            finding.failures["credential_unreadable"] = f"credential {document.id!r}: {error}"
        except HostKeyError as error:
            finding.ssh_host_key = error.offered
            code = "host_key_changed" if error.is_changed else "host_key_unknown"
            finding.failures[code] = str(error)
            finding.checks += [Check("ssh", "degraded", str(error)), *([Check("ssh_host_key", "down", str(error))] if error.is_changed else [])]
            return  # no credential is ever shown to a host that is not the known one
        except AuthenticationError as error:
            finding.failures["ssh_refused"] = f"credential {document.id!r}: {error}"
        except NotLinuxError as error:
            finding.failures["ssh_not_linux"] = f"{finding.address}: {error}"
            finding.checks.append(Check("ssh", "up", str(error)))
            return
        except UnavailableError as error:
            finding.failures["ssh_no_answer"] = str(error)
        else:
            finding.failures = {code: text for code, text in finding.failures.items() if not code.startswith("ssh_")}
            finding.checks += [Check("ssh", "up"), Check("ssh_host_key", "up")]
            return
    if "ssh_refused" in finding.failures:
        finding.checks.append(Check("ssh", "degraded", finding.failures["ssh_refused"]))


def _fetch_ssh(finding: Finding, job: Job, login: Login, instruments: Instruments) -> DiscoveredDevice:
    target = SshTarget(finding.address, finding.name)
    with connect_ssh(
        target,
        login,
        instruments.host_keys,
        trusts_on_first_use=job.trusts_on_first_use,
        limits=instruments.ssh_limits,
        clock=instruments.clock,
        open_transports=instruments.open_transports,
    ) as connection:
        finding.ssh_host_key = connection.host_key
        return fetch_linux(connection, has_sudo=login.has_sudo, interval_seconds=job.every_seconds)


def _read_host_key(finding: Finding, port: int, instruments: Instruments) -> None:
    """The host key of a server that nobody may sign in to: it helps to know the host again."""
    try:
        finding.ssh_host_key = fetch_host_key(finding.address, port, instruments.ssh_limits)
    except UnavailableError as error:
        finding.failures["ssh_no_answer"] = str(error)


def _not_usual(failures: Mapping[str, str]) -> dict[str, str]:
    """What is worth telling of a target where nothing answers: not that each single way had no answer."""
    return {
        code: text for code, text in failures.items() if code not in ("snmp_no_answer", "ssh_no_answer", "snmp_no_credential", "ssh_no_credential")
    }
