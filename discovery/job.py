"""discovery.d/*.yaml: what a job asks, whom, when, how fast, and with which credentials. See docs/discovery.md."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from msgspec import Meta, Struct, field

from discovery.credential import CredentialDocument, Id, SshDocument
from discovery.schedule import MINIMUM_EVERY_SECONDS, QuietWindow, parse_every, parse_quiet, parse_rate
from discovery.target_range import Interval, TargetRange, holds, parse_networks, parse_targets
from muster.document import error_at, list_documents, load_document, parse_document, parse_yaml, suggest
from muster.errors import ConfigurationError, DocumentError

A = TypeVar("A")
B = TypeVar("B")
Zone = Annotated[str, Meta(min_length=1, max_length=128)]
HostKeys = Literal["verify", "trust_on_first_use"]
Unidentified = Literal["report", "by_address"]
PROBES = ("icmp", "snmp", "ssh", "tcp:PORT")
OFF = "off"
MINIMUM_POLL_SECONDS = 5
MAXIMUM_POLL_SECONDS = 86_400
_TCP = re.compile(r"tcp:([1-9]\d{0,4})\Z")


class CredentialUse(Struct, frozen=True, forbid_unknown_fields=True, rename={"networks": "for"}):
    """A credential by its id, for these networks alone; without `for` for every target of the job."""

    id: Id
    networks: str | list[str] = field(default_factory=list)


class ScheduleDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """`every`: between the beginnings of two runs; `quiet`: never then; `rate`: targets begun a second."""

    every: str = "6h"
    quiet: str | list[str] = field(default_factory=list)
    rate: str = "50/s"
    time_zone: str | None = None


class PollDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """How often what was found is asked again; `off` for never."""

    reachability: str | bool = "30s"
    metrics: str | bool = "5m"


class JobDocument(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A job as it is written."""

    id: Id
    targets: Annotated[list[str], Meta(min_length=1, max_length=4096)]
    exclude: Annotated[list[str], Meta(max_length=4096)] = []
    zone: Zone = "default"
    probes: list[str] = field(default_factory=lambda: ["icmp", "snmp", "ssh"])
    credentials: list[CredentialUse] = []
    schedule: ScheduleDocument = ScheduleDocument()
    poll: PollDocument = PollDocument()
    host_keys: HostKeys = "verify"
    unidentified: Unidentified = "report"


@dataclass(frozen=True)
class BoundCredential:
    """A credential and the addresses that it may be shown to."""

    document: CredentialDocument
    networks: tuple[Interval, ...] | None

    def serves(self, address: str) -> bool:
        """Whether the credential is meant for this address."""
        return self.networks is None or holds(self.networks, address)


@dataclass(frozen=True)
class Job:
    """A job, judged: ready to run. Intervals in seconds, None where that polling is off."""

    id: str
    zone: str
    targets: TargetRange
    probes: frozenset[str]  # of icmp, snmp, ssh
    tcp_ports: tuple[int, ...]
    credentials: tuple[BoundCredential, ...]
    every_seconds: int
    quiet: tuple[QuietWindow, ...]
    time_zone: zoneinfo.ZoneInfo | None
    rate_per_second: float
    reachability_seconds: int | None
    metrics_seconds: int | None
    trusts_on_first_use: bool
    reports_unidentified: bool = True

    def credentials_for(self, address: str) -> list[CredentialDocument]:
        """Those meant for an address: SNMPv3 before v2c, else in the order written."""
        order = {"snmp_v3": 0, "snmp_v2c": 1, "ssh": 2}
        found = [each.document for each in self.credentials if each.serves(address)]
        return sorted(found, key=lambda document: order[str(document.__struct_config__.tag)])


def load_jobs(folder: Path, credentials: Mapping[str, CredentialDocument]) -> dict[str, Job]:
    """All jobs of a folder by id; none where the folder is absent. Raises DocumentError with file and line."""
    found: dict[str, tuple[Job, Path]] = {}
    for path in list_documents(folder):
        load_document(path, dict)  # readable, not too large, a mapping
        job = parse_job(path.read_text(encoding="utf-8"), credentials, file=str(path))
        if job.id in found:
            raise DocumentError(f"job {job.id!r} stands also in {found[job.id][1]}", file=str(path), line=1, path="$.id")
        found[job.id] = (job, path)
    return {name: job for name, (job, _) in found.items()}


def parse_job(text: str, credentials: Mapping[str, CredentialDocument], *, file: str) -> Job:
    """One job from YAML text. Raises DocumentError with line and suggestion."""
    node, _ = parse_yaml(text, file=file)
    return _Judge(parse_document(text, JobDocument, file=file), node, file).judge(credentials)


class _Judge:
    """Turns the document into a job, and every fault into an error at its line."""

    def __init__(self, document: JobDocument, node: yaml.Node, file: str) -> None:
        self._document, self._node, self._file = document, node, file

    def judge(self, credentials: Mapping[str, CredentialDocument]) -> Job:
        document = self._document
        probes, ports = self._probes()
        bound = tuple(self._bind(at, use, credentials) for at, use in enumerate(document.credentials))
        schedule, poll = document.schedule, document.poll
        return Job(
            id=document.id,
            zone=document.zone,
            targets=self._targets(),
            probes=probes,
            tcp_ports=ports,
            credentials=bound,
            every_seconds=self._at("$.schedule.every", _every_seconds, schedule.every),
            quiet=self._at("$.schedule.quiet", parse_quiet, [schedule.quiet] if isinstance(schedule.quiet, str) else schedule.quiet),
            time_zone=self._at("$.schedule.time_zone", _time_zone, schedule.time_zone),
            rate_per_second=self._at("$.schedule.rate", parse_rate, schedule.rate),
            reachability_seconds=self._at("$.poll.reachability", _poll_seconds, poll.reachability),
            metrics_seconds=self._at("$.poll.metrics", _poll_seconds, poll.metrics),
            trusts_on_first_use=document.host_keys == "trust_on_first_use",
            reports_unidentified=document.unidentified == "report",
        )

    def _targets(self) -> TargetRange:
        for name, texts in (("targets", self._document.targets), ("exclude", self._document.exclude)):
            for at, text in enumerate(texts):
                self._at(f"$.{name}[{at}]", parse_targets, [text])
        found = self._at("$.targets", lambda targets: parse_targets(targets, self._document.exclude), self._document.targets)
        if not found.address_count and not found.names:
            raise self._error("$.targets", "everything named is excluded again; nothing is left to ask")
        return found

    def _probes(self) -> tuple[frozenset[str], tuple[int, ...]]:
        plain: set[str] = set()
        ports: list[int] = []
        for at, text in enumerate(self._document.probes):
            tcp = _TCP.match(text)
            if tcp and int(tcp.group(1)) <= 65_535:
                ports.append(int(tcp.group(1)))
            elif text in ("icmp", "snmp", "ssh"):
                plain.add(text)
            else:
                raise self._error(f"$.probes[{at}]", f"unknown probe {text!r}{suggest(text, PROBES)}")
        if not plain and not ports:
            raise self._error("$.probes", "no probe; name at least one of icmp, snmp, ssh, tcp:PORT")
        return frozenset(plain), tuple(dict.fromkeys(ports))

    def _bind(self, at: int, use: CredentialUse, credentials: Mapping[str, CredentialDocument]) -> BoundCredential:
        document = credentials.get(use.id)
        if document is None:
            raise self._error(f"$.credentials[{at}].id", f"no credential {use.id!r} in the credentials folder{suggest(use.id, list(credentials))}")
        kind = "ssh" if isinstance(document, SshDocument) else "snmp"
        if kind not in self._document.probes:
            raise self._error(f"$.credentials[{at}].id", f"credential {use.id!r} is for {kind}, which is not among the probes; add {kind} to probes")
        texts = [use.networks] if isinstance(use.networks, str) else use.networks
        return BoundCredential(document, self._at(f"$.credentials[{at}].for", parse_networks, texts) if texts else None)

    def _at(self, path: str, parse: Callable[[A], B], value: A) -> B:
        """The parsed value; its fault as an error at the line of `path`."""
        try:
            return parse(value)
        except ConfigurationError as error:
            raise self._error(path, str(error)) from None

    def _error(self, path: str, message: str) -> DocumentError:
        return error_at(self._node, path, message, file=self._file)


def _every_seconds(text: str) -> int:
    seconds = parse_every(text)
    if seconds < MINIMUM_EVERY_SECONDS:
        raise ConfigurationError(f"{text!r} is under {MINIMUM_EVERY_SECONDS}s; what must be quicker is poll.reachability")
    return seconds


def _poll_seconds(text: str | bool) -> int | None:
    if text is False or text == OFF:  # YAML reads a bare off as false
        return None
    if text is True:
        raise ConfigurationError("write a duration, for example 30s or 5m, or off")
    seconds = parse_every(text)
    if not MINIMUM_POLL_SECONDS <= seconds <= MAXIMUM_POLL_SECONDS:
        raise ConfigurationError(f"{text!r} is not between {MINIMUM_POLL_SECONDS}s and 1d; write for example 30s or 5m, or off")
    return seconds


def _time_zone(name: str | None) -> zoneinfo.ZoneInfo | None:
    if name is None:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(f"unknown time zone {name!r}; write for example Europe/Berlin or UTC") from None
