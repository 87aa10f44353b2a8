"""From a component that stops to two real downstream tools and back: evaluation, outbox, signed webhook, Alertmanager."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.evaluation import EvaluationSettings
from collector.incidents.outbox import Outbox, OutboxSettings
from muster.clock import SystemClock
from tests.evaluation.conftest import Estate
from tests.evaluation.test_evaluation import SHOP
from tests.incidents.sample import SECRET, alertmanager, webhook
from tests.support.alertmanager import running_alertmanager
from tests.support.webhook_receiver import Answer, running_receiver


async def until(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not probe():  # noqa: ASYNC110  # other processes signal no event
            await asyncio.sleep(0.02)


async def test_component_stops_and_comes_back(estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSTER_TEST_WEBHOOK_SECRET", SECRET)
    estate.clock = SystemClock()  # type: ignore[assignment]  # real servers live in real time
    estate.settings = EvaluationSettings(every_seconds=0.1, settle_seconds=0, clear_ms=0)
    with running_receiver(SECRET) as receiver, running_alertmanager(tmp_path / "alertmanager") as server:
        receiver.answers = [Answer(503)]
        estate.targets = [webhook(receiver.url), alertmanager(server.url)]
        outbox = Outbox(
            estate.transaction,
            estate.targets,
            clock=estate.clock,
            settings=OutboxSettings(idle_seconds=0.05, schedule_seconds=(0.1,), refresh_seconds=0.5),
        )
        for name in ("db-1", "web-1", "web-2"):
            estate.add_ci(name)
            estate.observe(name, "up")
        estate.apply(SHOP)
        evaluation = estate.evaluation()
        tasks = [asyncio.create_task(evaluation.run()), asyncio.create_task(outbox.run())]
        try:
            await until(lambda: evaluation.last_evaluation_at)
            estate.observe("db-1", "down")
            evaluation.poke()
            await until(lambda: receiver.accepted_types == ["incident.opened"])
            incident_id = receiver.accepted[0]["data"]["incident_id"]
            await until(lambda: server.alert_of(incident_id))
            alert = server.alert_of(incident_id)
            assert alert is not None
            assert (alert["labels"]["ci"], alert["annotations"]["severity"]) == ("db-1", "critical")
            estate.observe("db-1", "up")
            evaluation.poke()
            await until(lambda: receiver.accepted_types == ["incident.opened", "incident.resolved"])
            await until(lambda: server.alert_of(incident_id) is None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert [each.status for each in receiver.received] == [503, 204, 204]
