"""Starting the real agent process beside a collector double, and looking at what it reports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from muster.wire.codec import decode_item, decode_state
from muster.wire.report import CONTENT_TYPE_MSGPACK, Item, ReceivedReport, StateReport
from tests.conftest import ROOT
from tests.support.collector_double import CollectorDouble
from tests.support.server import eventually


@dataclass(frozen=True)
class Running:
    """A resident agent and the collector that it reports to."""

    process: subprocess.Popen[bytes]
    collector: CollectorDouble
    state: Path
    log: Path

    def reports(self) -> list[ReceivedReport]:
        """In the order of their sequence."""
        return sorted(self.collector.taken(), key=lambda report: report.sequence)

    def sections(self, name: str) -> list[tuple[str | None, list[Item] | None]]:
        """Digest and items of each time that a section was reported."""
        found = [report.sections[name] for report in self.reports() if name in report.sections]
        return [(each.digest, None if each.items is None else [decode_item(raw, CONTENT_TYPE_MSGPACK) for raw in each.items]) for each in found]

    def states(self, check: str) -> list[StateReport]:
        """Each state of a check that was reported."""
        decoded = [decode_state(raw, CONTENT_TYPE_MSGPACK) for report in self.reports() for raw in report.states]
        return [state for state in decoded if state.check == check]

    def wait(self, probe: Callable[[], Any], what: str) -> Any:
        """The first truthy answer; with the agent's log where none comes."""
        try:
            return eventually(probe, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text(errors='replace')[-3000:]}") from None


@contextmanager
def running(
    collector: CollectorDouble, folder: Path, *flags: str, token: str = "t" * 32, environment: dict[str, str] | None = None
) -> Iterator[Running]:
    """`python -m agent` with a second between collections; killed at the end where the test has not ended it."""
    state = folder / "state"
    state.mkdir(exist_ok=True)
    (state / "token").write_text(token, encoding="ascii")
    log = folder / "log"
    command = [sys.executable, "-m", "agent", "--url", collector.url, "--state-directory", str(state), "--interval-seconds", "1", *flags]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stderr=output, stdout=output, cwd=ROOT, env={**os.environ, **(environment or {})})
        try:
            yield Running(process, collector, state, log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=10)


def to_plain(items: list[Item] | None) -> Any:
    """Items as plain values, to compare with what is expected."""
    return msgspec.to_builtins(items)
