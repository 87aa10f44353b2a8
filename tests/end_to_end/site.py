"""A site as an operator runs it: the real processes from the `muster` command, with their files in one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collector.bootstrap import prepare
from muster.cli.up_credential import write_private
from tests.support.api_client import ApiClient
from tests.support.server import eventually, free_port, http_status

MUSTER = [sys.executable, "-P", "-m", "muster"]


@dataclass
class Process:
    """One process of the site."""

    name: str
    running: subprocess.Popen[bytes]
    log: Path

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        if self.running.poll() is None:
            self.running.send_signal(number)
        return self.running.wait(timeout=30)

    def words(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-6000:]


@dataclass
class Site:
    """`folder` holds services.d, targets.d, discovery.d and credentials.d; `database` is a URL."""

    folder: Path
    database: str
    port: int = field(default_factory=free_port)
    token: str = ""
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> ApiClient:
        return ApiClient(self.url, self.token)

    def write(self, name: str, text: str) -> Path:
        """A file below the folder, whole at once."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.chmod(0o600)
        part.replace(path)
        return path

    def prepare(self) -> None:
        """The tables and an administrator's token."""
        self.token = prepare(self.database, account_name="admin")

    def start(self, name: str, *arguments: str) -> Process:
        """One of `collector`, `agent`, `discover`, with further flags."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            running = subprocess.Popen(
                [*MUSTER, name, *arguments], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.folder
            )
        self.processes[name] = Process(name, running, log)
        return self.processes[name]

    def start_collector(self, *arguments: str) -> None:
        """Returns when it is ready. `arguments`: further flags."""
        process = self.start(
            "collector", "--listen", f"127.0.0.1:{self.port}", "--database", self.database, "--state-directory", str(self.folder / "collector"),
            "--services-directory", str(self.folder / "services.d"), "--targets-directory", str(self.folder / "targets.d"),
            "--webhooks-to-loopback", "--incident-clear-seconds", "1", "--evaluation-seconds", "1", "--sweep-seconds", "1", "--log-format", "json",
            *arguments,
        )  # fmt: skip

        def is_ready() -> bool:
            assert process.running.poll() is None, f"the collector ended:\n{process.words()}"
            return http_status(f"{self.url}/readyz") == 200

        eventually(is_ready, seconds=60, what="the collector being ready")

    def start_agent(self, name: str = "host-under-test") -> None:
        """A resident agent that reports this host each second."""
        made = self.api.call("POST", "/v1/tokens", {"kind": "source", "name": name})
        assert made.status == 201, made
        write_private(self.folder / "agent" / "token", made.body["token"] + "\n")
        self.start(
            "agent", "--url", self.url, "--state-directory", str(self.folder / "agent"), "--name", name,
            "--interval-seconds", "1", "--inventory-seconds", "5",
        )  # fmt: skip

    def start_discovery(self) -> None:
        """Resident discovery with the jobs of the folder."""
        made = self.api.call("POST", "/v1/tokens", {"kind": "enrolment", "name": "discovery"})
        assert made.status == 201, made
        write_private(self.folder / "enrolment-token", made.body["token"] + "\n")
        self.start(
            "discover", "--url", self.url, "--jobs", str(self.folder / "discovery.d"), "--credentials", str(self.folder / "credentials.d"),
            "--state-directory", str(self.folder / "discovery"), "--token-file", str(self.folder / "enrolment-token"),
        )  # fmt: skip

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command of the command line, against this site."""
        environment = {**os.environ, "MUSTER_URL": self.url, "MUSTER_TOKEN": self.token}
        done = subprocess.run([*MUSTER, *arguments], capture_output=True, text=True, timeout=60, env=environment, cwd=self.folder, check=False)
        assert not check or done.returncode == 0, (arguments, done)
        return done

    def words(self) -> str:
        """The ends of all logs, for a failure's message."""
        return "\n".join(f"--- {each.name}\n{each.words()}" for each in self.processes.values())


@contextmanager
def open_site(folder: Path, database: str) -> Iterator[Site]:
    """A site whose processes are stopped at the end, discovery and agent first."""
    site = Site(folder, database)
    site.prepare()
    try:
        yield site
    finally:
        for name in ("discover", "agent", "collector"):
            if name in site.processes:
                site.processes[name].stop()


@contextmanager
def listening(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Something that a service is made of: a process that listens."""
    folder.mkdir(parents=True, exist_ok=True)
    command: Sequence[str] = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: http_status(f"http://127.0.0.1:{port}/") == 200, what="the shop answering")
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
