"""Which targets have answered before, and as what: they are polled, also after a restart in the middle of their outage.

One JSON file in the state directory, written whole. Not the only copy of anything: without it the next run finds the targets again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from muster.errors import UnavailableError
from muster.model.state import SourceKind

MAXIMUM_BYTES = 256 * 1_048_576


class Subject(Struct, frozen=True):
    """The item that a target's states are about: which source of this process knows it, under which ref."""

    kind: SourceKind
    ref: str


class KnownTarget(Struct, frozen=True):
    """One address of one job. `checks`: those that answered at least once; `subject` None: nothing identifies it but this machine's own.

    `sweep_ref`: the item that stood for it while neither SNMP nor SSH said what it is; `snmp_ref`: what it is over SNMP.
    """

    job: str
    address: str
    name: str = ""
    checks: tuple[str, ...] = ()
    subject: Subject | None = None
    sweep_ref: str = ""
    snmp_credential: str = ""
    snmp_ref: str = ""
    answers_ssh: bool = False
    answered_at: int | None = None


class JobRun(Struct, frozen=True):
    """When a job last began a whole run, and the digest of the job as it then was."""

    begun_at: int
    digest: str


class _Content(Struct, frozen=True):
    targets: list[KnownTarget] = []
    runs: dict[str, JobRun] = {}


class _Key(NamedTuple):
    job: str
    address: str


class TargetBook:
    """The known targets of all jobs; used within one event loop, saved by `save`."""

    def __init__(self, file: Path | None) -> None:
        """Read the file; an absent or damaged one is empty (`is_damaged`). None: nothing is kept."""
        self._file = file
        self.is_damaged = False
        self._targets: dict[_Key, KnownTarget] = {}
        self._runs: dict[str, JobRun] = {}
        if file is None:
            return
        try:
            with file.open("rb") as opened:
                content = opened.read(MAXIMUM_BYTES)
            decoded = msgspec.json.decode(content, type=_Content)
            self._targets = {_Key(target.job, target.address): target for target in decoded.targets}
            self._runs = dict(decoded.runs)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            self.is_damaged = True

    def find(self, job: str, address: str) -> KnownTarget | None:
        """What is known of an address in a job."""
        return self._targets.get(_Key(job, address))

    def of_job(self, job: str) -> list[KnownTarget]:
        """The known targets of a job, in the order in which they were found."""
        return [target for key, target in self._targets.items() if key.job == job]

    def put(self, target: KnownTarget) -> None:
        """Add or replace a target."""
        self._targets[_Key(target.job, target.address)] = target

    def keep_only(self, job: str, addresses: Iterable[str]) -> list[KnownTarget]:
        """Forget the targets of a job that it names no more; those that were forgotten."""
        kept = set(addresses)
        gone = [target for key, target in self._targets.items() if key.job == job and key.address not in kept]
        for target in gone:
            del self._targets[_Key(target.job, target.address)]
        return gone

    def last_run(self, job: str, digest: str) -> int | None:
        """When the job last began a run that came to its end; None where it never did, or was another job then."""
        run = self._runs.get(job)
        return run.begun_at if run is not None and run.digest == digest else None

    def note_run(self, job: str, digest: str, begun_at: int) -> None:
        """A run came to its end."""
        self._runs[job] = JobRun(begun_at, digest)

    def forget_job(self, job: str) -> None:
        """Forget a job that is no more, with its targets."""
        self.keep_only(job, ())
        self._runs.pop(job, None)

    def save(self) -> None:
        """Write the file. Raises UnavailableError."""
        if self._file is None:
            return
        part = self._file.with_name(self._file.name + ".part")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(_Content(list(self._targets.values()), self._runs)))
            part.replace(self._file)
        except OSError as error:
            raise UnavailableError(f"{self._file} cannot be written: {error.strerror}; free some space") from None
