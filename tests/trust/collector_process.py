"""The real collector process on a store of its own, to be killed, starved and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collector.store.engine import open_database
from collector.store.migrate import migrate_database
from collector.store.token import create_token
from tests.conftest import ROOT
from tests.support.api_client import Answered, ApiClient
from tests.support.server import eventually, free_port, http_status
from tests.trust.story import make_report


@dataclass
class CollectorProcess:
    """`start` and `kill` as often as wanted; the address stays. `before`: the beginning of the command line, where it is run by another."""

    folder: Path
    database: str
    before: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "collector.log"

    def words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def start(self, *, is_awaited: bool = True) -> None:
        """Start it, and wait until it is ready."""
        command = [
            *self.before, sys.executable, "-P", "-m", "muster", "collector", "--listen", f"127.0.0.1:{self.port}", "--database", self.database,
            "--state-directory", str(self.folder / "state"), "--reports-per-second", "0", "--evaluation-seconds", "1", "--log-format", "json",
        ]  # fmt: skip
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        if is_awaited:
            eventually(self.is_ready, seconds=60, what="the collector being ready")

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the collector ended:\n{self.words()}"
        return self.readiness() == 200

    def readiness(self) -> int | None:
        return http_status(f"{self.url}/readyz")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End it at once, or by another signal; its exit code (negative: the signal)."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def running_collector(folder: Path, database: str, *, before: Sequence[str] = (), is_awaited: bool = True) -> Iterator[CollectorProcess]:
    """A collector that is ended with the test."""
    collector = CollectorProcess(folder, database, before)
    collector.start(is_awaited=is_awaited)
    try:
        yield collector
    finally:
        collector.kill()


def prepare_store(database: str, names: Sequence[str] = ("web1",)) -> list[str]:
    """A migrated store with the token of each of these sources."""
    opened = open_database(database)
    migrate_database(opened)
    with opened.begin() as connection:
        secrets = [create_token(connection, now_ms(), kind="source", name=name).secret for name in names]
    opened.close()
    return secrets


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def send(url: str, token: str, sequence: int, *, name: str = "web1", start: int | None = None) -> Answered | None:
    """One report as a source sends it; None where nobody answered."""
    report = make_report(sequence, start=now_ms() - 3_600_000 if start is None else start)
    report["source"] = {**report["source"], "name": name}
    identity = {"machine_id": f"{hash_name(name):032x}"}
    report["sections"]["host"]["items"][0]["identifiers"] = identity
    try:
        return ApiClient(url, token).call("POST", "/v1/reports", report, Muster_Sent_At=str(now_ms()))
    except (OSError, ValueError):  # refused, cut off in the middle, or half an answer
        return None


def hash_name(name: str) -> int:
    return int.from_bytes(name.encode().ljust(16, b"\x5a")[:16], "big")
