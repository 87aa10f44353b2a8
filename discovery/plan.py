"""The jobs and credentials in force: read at start, on SIGHUP and when a file changes; a faulty file changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from discovery.credential import CredentialDocument, load_credentials
from discovery.job import Job, load_jobs
from muster.document import list_documents, suggest
from muster.errors import ConfigurationError
from muster.wire.digest import digest_bytes

Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Plan:
    """Jobs by id, and a digest of each that changes with the job and with a credential of it."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    credentials: Mapping[str, CredentialDocument] = field(default_factory=dict)

    def digest_of(self, job_id: str) -> str:
        """Changes whenever the job or one of its credential documents does (secrets are not in them)."""
        return digest_bytes(repr(self.jobs[job_id]).encode())


def load_plan(jobs: Path, credentials: Path, only: Sequence[str] = ()) -> Plan:
    """What stands in the two folders, or only the named jobs of it. Raises DocumentError, or ConfigurationError for an unknown name."""
    documents = load_credentials(credentials)
    found = load_jobs(jobs, documents)
    for name in only:
        if name not in found:
            raise ConfigurationError(f"no job {name!r} in {jobs}{suggest(name, list(found))}")
    return Plan({name: job for name, job in found.items() if not only or name in only}, documents)


def read_signature(*folders: Path) -> Signature:
    """Names, times and sizes of the files: another one means that something was written."""
    found: list[tuple[str, int, int]] = []
    for folder in folders:
        try:
            for path in list_documents(folder):
                status = path.stat()
                found.append((str(path), status.st_mtime_ns, status.st_size))
        except OSError:
            continue  # a file that goes away while looking: the next look sees it
    return tuple(found)
