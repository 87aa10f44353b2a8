"""The collector process, killed again and again under load, has every report that it acknowledged, once."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from collector.store.engine import Database, open_database
from collector.store.schema import chunk, report, source
from tests.support.chance import SEED, count_kills
from tests.trust.collector_process import CollectorProcess, now_ms, prepare_store, running_collector, send

KILLS = count_kills(5)
INSTANTS = 2  # of samples in a report
SOURCES = ("web1", "web2", "web3")


@dataclass
class Sender:
    """A source that sends each report until it is acknowledged, then the next one."""

    url: str
    name: str
    token: str
    start: int
    acknowledged: list[int] = field(default_factory=list)
    refused: list[object] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        sequence = 1
        while not self.is_over.is_set():
            answer = send(self.url, self.token, sequence, name=self.name, start=self.start)
            if (
                answer is not None
                and answer.status == 200
                and answer.body == {"accepted_sequence": sequence, "want": [], "rejected": [], "settings": {}}
            ):
                self.acknowledged.append(sequence)
                sequence += 1
            elif answer is not None and answer.status != 503:
                self.refused.append(answer)
                return
            else:
                self.is_over.wait(0.02)


def test_kill_under_load_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    chance = random.Random(SEED)
    tokens = prepare_store(url, SOURCES)
    with running_collector(tmp_path, url) as collector:
        senders = [Sender(collector.url, name, token, now_ms() - 30 * 86_400_000) for name, token in zip(SOURCES, tokens, strict=True)]
        threads = [threading.Thread(target=each.run) for each in senders]
        for thread in threads:
            thread.start()
        try:
            for _ in range(KILLS):
                kill_at_an_instant(collector, senders, chance)
                collector.start()
            await_progress(senders)
        finally:
            for each in senders:
                each.is_over.set()
            for thread in threads:
                thread.join()
    assert [each.refused for each in senders] == [[], [], []]
    database = open_database(url)
    for each in senders:
        check_journal(database, each)
    database.close()


def kill_at_an_instant(collector: CollectorProcess, senders: list[Sender], chance: random.Random) -> None:
    """Once reports flow again, after a random part of the time that some of them take."""
    began = time.monotonic()
    await_progress(senders)
    time.sleep(chance.random() * min(1.0, time.monotonic() - began))  # the random instant itself, not a wait for something
    collector.kill()


def await_progress(senders: list[Sender]) -> None:
    """Two more reports of each source."""
    wanted = [len(each.acknowledged) + 2 for each in senders]
    deadline = time.monotonic() + 60
    while any(len(each.acknowledged) < count and not each.refused for each, count in zip(senders, wanted, strict=True)):
        assert time.monotonic() < deadline, [len(each.acknowledged) for each in senders]
        time.sleep(0.005)


def check_journal(database: Database, sender: Sender) -> None:
    with database.connect() as connection:
        number = connection.execute(select(source.c.id).where(source.c.name == sender.name)).scalar_one()
        held = list(connection.execute(select(report.c.sequence).where(report.c.source_id == number).order_by(report.c.sequence)).scalars())
        instants = connection.execute(select(func.sum(chunk.c.count)).where(chunk.c.source_id == number)).scalar_one()
    assert held == list(range(1, len(held) + 1))
    assert len(held) - len(sender.acknowledged) in (0, 1)  # the last one may have become durable without its answer arriving
    assert sender.acknowledged == held[: len(sender.acknowledged)]
    assert instants == INSTANTS * len(held)
