"""The agent's turns, driven by a clock: what is due when, what a failure costs, how often changes may start the inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from agent.collection import Gatherer
from agent.inventory_child import SectionResult
from agent.log import Log
from agent.process import load_collectors
from agent.recording import open_host
from agent.resident import Resident
from agent.settings import Settings
from muster.clock import FakeClock
from muster.wire.sender import Sender
from muster.wire.spool import Spool
from muster.wire.transport import Destination
from tests.agent.hosts import FOLDER, copy_tree
from tests.support.collector_double import CollectorDouble, serving

ACCOUNT = SectionResult("account", "ok", True, "", "d1", b"\x90", (), ("/etc/passwd",))


class QuickInventory:
    """Reads at once: what it is asked for is written down, what it gives is set by the test."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], Mapping[str, str]]] = []
        self.gives: list[SectionResult] = [ACCOUNT]
        self.is_busy = False

    def start(self, sections: Sequence[str], known: Mapping[str, str], done: Callable[[list[SectionResult]], None]) -> bool:
        if self.is_busy:
            return False
        self.asked.append((tuple(sections), dict(known)))
        done([each if each.digest != known.get(each.name) else each._replace(items=None) for each in self.gives])
        return True


class Agent:
    """A resident with its parts at hand; `pass_seconds` turns as the loop would."""

    def __init__(self, folder: Path, url: str, inventory_seconds: int) -> None:
        copy_tree(FOLDER / "debian12_bare_metal", folder / "host")
        self.passwd = folder / "host/root/etc/passwd"
        self.clock = FakeClock()
        self.lines: list[str] = []
        self.log = Log(self.lines.append)
        self.inventory = QuickInventory()
        self.spool = Spool(str(folder / "spool"))
        self.host = open_host(recording=str(folder / "host"))
        self.sender = Sender(self.spool, Destination(url), read_token=lambda: "t" * 32, clock=self.clock, ratio=lambda: 0.5, log=self.log)
        self.resident = Resident(
            Settings(url, "db-7", "default", "", "", str(folder), inventory_seconds=inventory_seconds),
            self.host,
            Gatherer(self.host, load_collectors()),
            self.spool,
            self.sender,
            inventory=self.inventory,
            clock=self.clock,
            log=self.log,
        )

    def pass_seconds(self, seconds: float) -> None:
        until = self.clock.monotonic_seconds() + seconds
        while True:
            wait = self.resident.turn()
            left = until - self.clock.monotonic_seconds()
            if left <= 0 or (wait and wait > left):
                self.clock.advance(seconds=max(0.0, left))
                return
            self.clock.advance(seconds=max(wait, 0.001))


@pytest.fixture
def collector() -> Iterator[CollectorDouble]:
    with serving() as double:
        yield double


@pytest.fixture
def agent(tmp_path: Path, collector: CollectorDouble, request: pytest.FixtureRequest) -> Iterator[Agent]:
    made = Agent(tmp_path, collector.url, getattr(request, "param", 60))
    yield made
    made.sender.close()
    made.host.close()


def test_five_quiet_minutes_are_five_inventories_and_twenty_collections(agent: Agent, collector: CollectorDouble) -> None:
    agent.pass_seconds(299)
    assert [asked for asked, _ in agent.inventory.asked] == [()] * 5
    assert agent.inventory.asked[-1][1] == {"account": "d1"}
    reports = collector.taken()
    assert len([report for report in reports if report.samples]) == 20
    assert len([report for report in reports if report.tables]) == 1
    assert len([report for report in reports if report.sections.get("account") and report.sections["account"].items is not None]) == 1


def test_no_state_goes_before_the_first_inventory(agent: Agent, collector: CollectorDouble) -> None:
    agent.inventory.is_busy = True
    agent.pass_seconds(40)
    assert [report.states for report in collector.taken()] == [[], [], []]
    agent.inventory.is_busy = False
    agent.pass_seconds(20)
    assert [bool(report.states) for report in collector.taken()][-2:] == [True, True]


def test_an_inventory_that_is_due_while_one_runs_makes_no_busy_loop(agent: Agent) -> None:
    agent.resident.turn()
    agent.inventory.is_busy = True
    agent.clock.advance(seconds=60)
    assert agent.resident.turn() >= 0.9


def test_a_failed_inventory_is_tried_again_in_a_minute(agent: Agent) -> None:
    agent.inventory.gives = []
    agent.pass_seconds(125)
    assert len(agent.inventory.asked) == 3
    assert agent.resident.inventories_total == 0


@pytest.mark.parametrize("agent", [600], indirect=True)
def test_a_file_that_never_rests_is_read_ten_times_and_then_once_a_minute(agent: Agent) -> None:
    agent.pass_seconds(1)
    for number in range(24):
        agent.passwd.write_text(f"root:x:0:0:{'x' * number}:/root:/bin/sh\n")
        agent.pass_seconds(15)
    changed = [asked for asked, _ in agent.inventory.asked if asked == ("account",)]
    assert 14 <= len(changed) <= 17


def test_what_the_collector_wants_is_read_without_its_digest(agent: Agent, collector: CollectorDouble) -> None:
    agent.pass_seconds(50)
    collector.forget_digests()
    agent.pass_seconds(30)
    assert agent.inventory.asked[-1] == (("account",), {})
    assert len([report for report in collector.taken() if report.tables]) == 2


def test_a_clone_that_is_told_to_enrol_again_says_so_once(agent: Agent, collector: CollectorDouble) -> None:
    collector.wishes = {"enrol_again": True}
    agent.pass_seconds(100)
    assert sum("enrol_again" in line for line in agent.lines) == 1
    collector.wishes = {}
    agent.pass_seconds(30)
    collector.wishes = {"enrol_again": True}
    agent.pass_seconds(30)
    assert sum("enrol_again" in line for line in agent.lines) == 2


def test_a_missed_collection_is_not_made_up_for(agent: Agent) -> None:
    agent.pass_seconds(1)
    agent.clock.advance(seconds=100)
    agent.pass_seconds(1)
    assert agent.resident.collections_total == 2


def test_a_spool_that_cannot_be_written_is_told_once_and_recovers(agent: Agent, tmp_path: Path) -> None:
    agent.pass_seconds(1)
    folder = tmp_path / "spool"
    folder.rename(tmp_path / "away")
    agent.pass_seconds(60)
    assert sum("spool_failed" in line for line in agent.lines) == 1
    assert agent.resident.lost_reports_total >= 3
    (tmp_path / "away").rename(folder)
    agent.pass_seconds(30)
    assert sum("spool_recovered" in line for line in agent.lines) == 1


def test_a_section_that_fails_is_told_when_it_begins_and_when_it_ends(agent: Agent, collector: CollectorDouble) -> None:
    agent.inventory.gives = [ACCOUNT._replace(status="failed", is_complete=False, reason="no", digest="", items=None)]
    agent.pass_seconds(130)
    agent.inventory.gives = [ACCOUNT]
    agent.pass_seconds(70)
    assert [sum(word in line for line in agent.lines) for word in ("section_failed", "section_recovered")] == [1, 1]
    first = next(report.sections["account"] for report in collector.taken() if report.sections)
    assert (first.status, first.complete, first.reason, first.digest, first.items) == ("failed", False, "no", None, None)
