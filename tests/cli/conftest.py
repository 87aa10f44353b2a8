"""A real collector process with an administrator's profile beside it, and a source that reports one server."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.bootstrap import prepare
from muster.cli.client import Client
from muster.cli.profile import Profile
from muster.wire.report import Item, Report, Section, Source, StateReport
from tests.cli.command import Done, call_muster
from tests.support.server import free_port, running


@dataclass
class Office:
    """A working folder in which commands find the collector by themselves, and a source's token."""

    folder: Path
    url: str
    source_token: str = ""
    sequence: int = 0

    def run(self, *arguments: str, stdin: str | None = None, **environment: str) -> Done:
        return call_muster(*arguments, folder=self.folder, stdin=stdin, **environment)

    def read(self, *arguments: str) -> Any:
        """The JSON of a command that must succeed."""
        done = self.run(*arguments, "--output", "json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    def report(self, *names: str, states: dict[str, str] | None = None, kernel: str = "6.1.0-20") -> None:
        """What an agent sends: servers, and states of their reachability, now."""
        now = time.time_ns() // 1_000_000
        self.sequence += 1
        items = [
            Item(
                ref=name,
                ci_class="server",
                identifiers={"serial": f"SN-{name}", "hostname": name},
                attributes={"name": name, "os.name": "Debian GNU/Linux", "os.kernel": kernel},
            )
            for name in names
        ]
        report = Report(
            source=Source("sweep", "probe", "a" * 32, "berlin"),
            sequence=self.sequence,
            observed_at=now,
            sections={f"host-{name}": Section(items=[item], complete=True) for name, item in zip(names, items, strict=True)},
            states=[StateReport(subject=name, check="icmp", state=state, at=now) for name, state in (states or {}).items()],  # type: ignore[arg-type]
        )
        source = Client(Profile(self.url, self.source_token))
        source.send("POST", "/v1/reports", msgspec.json.encode(report))


@pytest.fixture(scope="package")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One collector for all commands; each test has servers and services of its own."""
    folder = tmp_path_factory.mktemp("office")
    state = folder / "var"
    state.mkdir(mode=0o700)
    url = f"http://127.0.0.1:{free_port()}"
    token = prepare(f"sqlite:///{state}/muster.db", account_name="admin")
    profile = state / "profile.toml"
    profile.touch(mode=0o600)
    profile.write_text(f'url = "{url}"\ntoken = "{token}"\n', encoding="utf-8")
    settings = folder / "collector.toml"
    settings.write_text(
        f'listen = "{url.removeprefix("http://")}"\nstate_directory = "{state}"\nevaluation_seconds = 0.5\nlog_format = "json"\n', encoding="utf-8"
    )
    command = [sys.executable, "-m", "muster", "collector", "--config", str(settings)]
    with running(command, ready_url=f"{url}/readyz", log=folder / "collector.log"):
        made = Office(folder, url)
        made.source_token = made.read("token", "create", "source", "probe", "--scope", "zone=berlin")["token"]
        yield made
