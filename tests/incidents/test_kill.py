"""A deliverer killed at any instant loses no delivery, keeps the order, and repeats only under the same id."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

from sqlalchemy import Engine, func, select

from collector.store.schema import delivery
from tests.conftest import ROOT
from tests.incidents.sample import SECRET, condition, evaluate, webhook
from tests.support.chance import SEED, count_kills
from tests.support.server import eventually
from tests.support.webhook_receiver import Answer, running_receiver

KILLS = count_kills(8)
MOST_BETWEEN_KILLS = 12
# Three deliveries each: some are left to kill in at every kill.
INCIDENTS = max(60, KILLS * MOST_BETWEEN_KILLS // 3)


def test_kill_loses_nothing_and_keeps_the_order(engine: Engine) -> None:
    chance = random.Random(SEED)
    environment = {**os.environ, "MUSTER_TEST_WEBHOOK_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1"}
    with running_receiver(SECRET) as receiver:
        receiver.default = Answer(204, delay_seconds=0.02)
        targets = [webhook(receiver.url)]
        now = time.time_ns() // 1_000_000
        for number in range(INCIDENTS):
            evaluate(engine, targets, now, condition("failing", now, component=f"c{number}"))
            evaluate(engine, targets, now, condition("failing", now, component=f"c{number}", priority=1))
            evaluate(engine, targets, now, condition("ok", now - 60_000, now, component=f"c{number}", priority=1))
        command = [sys.executable, "-m", "tests.incidents.deliverer", engine.url.render_as_string(hide_password=False), receiver.url]
        for _ in range(KILLS):
            before = len(receiver.received)
            with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
                wanted = before + chance.randint(1, MOST_BETWEEN_KILLS)
                eventually(lambda wanted=wanted: len(receiver.received) >= wanted or delivered(engine) == 3 * INCIDENTS, what="some deliveries")  # type: ignore[misc]
                process.send_signal(signal.SIGKILL)
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            eventually(lambda: delivered(engine) == 3 * INCIDENTS, seconds=60, what="all deliveries")
            process.terminate()
        arrived: dict[str, list[int]] = {}
        for message in receiver.accepted:
            arrived.setdefault(message["data"]["incident_id"], []).append(message["data"]["sequence"])
        assert Counter(map(tuple, arrived.values())) == {(1, 2, 3): INCIDENTS}
        assert all(each.is_verified for each in receiver.received)


def delivered(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).where(delivery.c.state == "delivered")).scalar_one())
