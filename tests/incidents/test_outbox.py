"""The outbox against a real receiver and the real Alertmanager: order, retry, ids, fencing, credentials, refresh."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from collector.incidents.breaker import BreakerSettings
from collector.incidents.outbox import Outbox, OutboxSettings
from collector.store import outbox as store
from collector.store.schema import delivery
from muster.clock import Clock, FakeClock, SystemClock
from muster.errors import ConfigurationError
from muster.instant import render_instant
from tests.incidents.sample import ANNOUNCEMENT, MINUTE, SECRET, alertmanager, condition, evaluate, webhook
from tests.support.alertmanager import running_alertmanager
from tests.support.server import free_port
from tests.support.webhook_receiver import Answer, WebhookReceiver, running_receiver

QUICK = OutboxSettings(schedule_seconds=(0.01, 0.01, 0.01), timeout_seconds=0.5, idle_seconds=0.02, breaker=BreakerSettings(failures=50))


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookReceiver]:
    monkeypatch.setenv("MUSTER_TEST_WEBHOOK_SECRET", SECRET)
    with running_receiver(SECRET) as running:
        yield running


def now_ms() -> int:
    return time.time_ns() // 1_000_000  # receivers compare timestamps with the machine's clock


def states(engine: Engine) -> list[tuple[str, int, str, int]]:
    with engine.connect() as connection:
        query = select(delivery.c.target, delivery.c.sequence, delivery.c.state, delivery.c.attempts).order_by(delivery.c.target, delivery.c.sequence)
        return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


@asynccontextmanager
async def delivering(outbox: Outbox) -> Any:
    task = asyncio.create_task(outbox.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(probe: Any, seconds: float = 20) -> None:
    """Wait for the loop's own work."""
    async with asyncio.timeout(seconds):
        while not probe():  # noqa: ASYNC110  # the store and other processes signal no event
            await asyncio.sleep(0.01)


def made(transaction: Any, targets: list[Any], *, settings: OutboxSettings = QUICK, clock: Clock | None = None) -> Outbox:
    return Outbox(transaction, targets, clock=clock or SystemClock(), settings=settings, announcement=ANNOUNCEMENT)


def open_and_resolve(engine: Engine, targets: list[Any], **more: Any) -> None:
    now = now_ms()
    evaluate(engine, targets, now - 5 * MINUTE, condition("failing", now - 5 * MINUTE, **more))
    evaluate(engine, targets, now, condition("ok", now - 2 * MINUTE, now, **more))


async def test_open_and_resolve_arrive_signed_once_and_in_order(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    targets = [webhook(receiver.url)]
    open_and_resolve(engine, targets)
    await made(transaction, targets).drain()
    assert receiver.accepted_types == ["incident.opened", "incident.resolved"]
    assert [each.is_verified for each in receiver.received] == [True, True]
    assert [each["data"]["sequence"] for each in receiver.accepted] == [1, 2]
    assert receiver.accepted[0]["data"]["correlation_id"] == f"muster:test:{receiver.accepted[0]['data']['incident_id']}:1"
    assert states(engine) == [("desk", 1, "delivered", 1), ("desk", 2, "delivered", 1)]


async def test_failures_are_retried_with_the_same_id_and_bytes_and_keep_the_order(
    engine: Engine, transaction: Any, receiver: WebhookReceiver
) -> None:
    receiver.answers = [Answer(500), Answer(503), Answer(204, delay_seconds=2)]  # the third comes too late for the sender
    targets = [webhook(receiver.url)]
    open_and_resolve(engine, targets)
    async with delivering(made(transaction, targets)):
        await until(lambda: all(row[2] == "delivered" for row in states(engine)))
    assert receiver.accepted_types == ["incident.opened", "incident.resolved"]
    opened = [each for each in receiver.received if each.message["type"] == "incident.opened"]
    assert len({(each.headers["webhook-id"], each.body) for each in opened}) == 1
    assert (len(opened), len(receiver.received)) == (4, 5)


async def test_lanes_do_not_wait_for_each_other(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    receiver.answers = [Answer(500)]
    targets = [webhook(receiver.url)]
    now = now_ms()
    for component in "ab":
        evaluate(engine, targets, now, condition("failing", now, component=component))
        evaluate(engine, targets, now, condition("failing", now, component=component, priority=1))
    await made(transaction, targets, settings=OutboxSettings(schedule_seconds=(3600,), concurrency_per_target=1)).drain()
    assert [each["data"]["sequence"] for each in receiver.accepted] == [1, 2, 1, 2]


async def test_retry_after_holds_every_delivery_of_the_target(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    receiver.answers = [Answer(429, {"Retry-After": "120"})]
    targets = [webhook(receiver.url)]
    clock = FakeClock(now_ms())
    outbox = made(transaction, targets, clock=clock)
    open_and_resolve(engine, targets)
    await outbox.drain()
    clock.advance(seconds=119)
    await outbox.drain()
    assert len(receiver.received) == 1
    clock.advance(seconds=2)
    await outbox.drain()
    assert receiver.accepted_types == ["incident.opened", "incident.resolved"]


@pytest.mark.parametrize("status", [401, 403, 407, 410])
async def test_refused_credential_stops_the_queue_and_burns_nothing(status: int, engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    receiver.default = Answer(status)
    targets = [webhook(receiver.url)]
    outbox = made(transaction, targets)
    open_and_resolve(engine, targets)
    await outbox.drain()
    assert len(receiver.received) == 1
    assert states(engine) == [("desk", 1, "pending", 0), ("desk", 2, "pending", 0)]
    assert list(outbox.stopped_targets()) == ["desk"]
    receiver.default = Answer()
    outbox.replace_targets(targets)
    await outbox.drain()
    assert receiver.accepted_types == ["incident.opened", "incident.resolved"]
    assert outbox.stopped_targets() == {}


async def test_stopped_queue_resumes_by_itself_when_the_receiver_is_mended(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    receiver.answers = [Answer(401)]
    targets, clock = [webhook(receiver.url)], FakeClock(now_ms())
    outbox = made(transaction, targets, clock=clock)
    open_and_resolve(engine, targets)
    await outbox.drain()
    clock.advance(seconds=299)
    await outbox.drain()
    assert len(receiver.received) == 1
    clock.advance(seconds=1)
    await outbox.drain()
    assert receiver.accepted_types == ["incident.opened", "incident.resolved"]


async def test_refused_message_is_a_dead_letter_that_can_be_replayed(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    receiver.answers = [Answer(422)]
    targets = [webhook(receiver.url)]
    outbox = made(transaction, targets)
    open_and_resolve(engine, targets)
    await outbox.drain()
    assert states(engine) == [("desk", 1, "dead", 1), ("desk", 2, "delivered", 1)]
    with engine.begin() as connection:
        assert store.count_deliveries(connection) == ({"pending": 0, "dead": 1}, None)
        assert store.replay_dead(connection, "desk", now=now_ms(), actor="person:kim") == 1
    await outbox.drain()
    assert states(engine) == [("desk", 1, "delivered", 1), ("desk", 2, "delivered", 1)]
    assert receiver.received[0].headers["webhook-id"] == receiver.received[-1].headers["webhook-id"]


async def test_used_up_schedule_is_a_dead_letter(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    receiver.default = Answer(500)
    targets = [webhook(receiver.url)]
    now = now_ms()
    evaluate(engine, targets, now, condition("failing", now))
    async with delivering(made(transaction, targets)):
        await until(lambda: states(engine)[0][2] == "dead")
    assert (len(receiver.received), states(engine)) == (4, [("desk", 1, "dead", 4)])


async def test_unreachable_receiver_opens_the_breaker_and_nothing_is_burnt_meanwhile(
    engine: Engine, transaction: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSTER_TEST_WEBHOOK_SECRET", SECRET)
    port = free_port()
    targets, clock = [webhook(f"http://127.0.0.1:{port}/hook")], FakeClock(now_ms())
    outbox = made(transaction, targets, clock=clock, settings=OutboxSettings(breaker=BreakerSettings(failures=1), concurrency_per_target=1))
    now = clock.now_ms()
    for number in range(5):
        evaluate(engine, targets, now, condition("failing", now, component=f"c{number}"))
    await outbox.drain()
    assert sorted(row[3] for row in states(engine)) == [0, 0, 0, 0, 1]
    with running_receiver(SECRET, port=port) as receiver:
        clock.advance(seconds=15)
        await outbox.drain()
        await outbox.drain()
        assert len(receiver.accepted) == 5, "an answer makes all that waits due at once"


async def test_two_hours_without_the_desk_then_create_and_resolve_in_order(engine: Engine, transaction: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSTER_TEST_WEBHOOK_SECRET", SECRET)
    port, start = free_port(), now_ms() - 120 * MINUTE
    targets, clock = [webhook(f"http://127.0.0.1:{port}/hook")], FakeClock(start)
    outbox = made(transaction, targets, clock=clock, settings=OutboxSettings())
    evaluate(engine, targets, start, condition("failing", start))
    for minute in range(120):
        if minute == 11:
            evaluate(engine, targets, clock.now_ms(), condition("ok", start + 10 * MINUTE, clock.now_ms()))
        await outbox.drain()
        clock.advance(seconds=60)
    outbox.replace_targets(targets)  # as an operator does who mended the desk
    with engine.begin() as connection:
        store.hasten(connection, "desk", clock.now_ms())
    with running_receiver(SECRET, port=port) as receiver:
        await outbox.drain()
        opened, resolved = receiver.accepted
        assert (opened["type"], resolved["type"]) == ("incident.opened", "incident.resolved")
        assert opened["data"]["started_at"] == render_instant(start)
        assert resolved["data"]["resolved_at"] == render_instant(start + 11 * MINUTE)


async def test_claim_is_fenced_by_its_lease(engine: Engine) -> None:
    now = now_ms()
    evaluate(engine, [webhook("https://desk.example.org")], now, condition("failing", now))
    with engine.begin() as connection:
        (first,) = store.claim_due(connection, ["desk"], lease="a/1", now=now, lease_ms=1000, limit=10)
        assert store.claim_due(connection, ["desk"], lease="b/1", now=now + 999, lease_ms=1000, limit=10) == []
        (second,) = store.claim_due(connection, ["desk"], lease="b/2", now=now + 1000, lease_ms=1000, limit=10)
        assert first.id == second.id
        assert not store.settle_dead(connection, first, "too late")
        assert store.settle_delivered(connection, second, now + 1001, "200")
        assert not store.settle_delivered(connection, second, now + 1002, "200")


async def test_killed_worker_leaves_a_delivery_that_its_successor_sends_with_the_same_id(
    engine: Engine, transaction: Any, receiver: WebhookReceiver
) -> None:
    targets = [webhook(receiver.url)]
    now = now_ms()
    evaluate(engine, targets, now, condition("failing", now))
    with engine.begin() as connection:
        (killed,) = store.claim_due(connection, ["desk"], lease="collector/dead", now=now, lease_ms=3_600_000, limit=1)
    async with delivering(made(transaction, targets)):
        await until(lambda: receiver.accepted)
    assert receiver.received[0].headers["webhook-id"] == killed.id


async def test_selection_decides_at_the_opening_and_what_was_told_is_told_to_its_end(
    engine: Engine, transaction: Any, receiver: WebhookReceiver
) -> None:
    targets = [webhook(receiver.url, when="priority<=2")]
    now = now_ms()
    evaluate(engine, targets, now - 4 * MINUTE, condition("failing", now - 4 * MINUTE, component="minor", priority=4))
    evaluate(engine, targets, now - 4 * MINUTE, condition("failing", now - 4 * MINUTE, component="major", priority=1))
    evaluate(engine, targets, now - 3 * MINUTE, condition("failing", now - 4 * MINUTE, now, component="major", priority=5))
    evaluate(engine, targets, now, condition("ok", now - 2 * MINUTE, now, component="major", priority=5))
    evaluate(engine, targets, now, condition("ok", now - 2 * MINUTE, now, component="minor", priority=4))
    await made(transaction, targets).drain()
    assert receiver.accepted_types == ["incident.opened", "incident.updated", "incident.resolved"]


async def test_private_address_is_refused_unless_allowed_and_waits_for_the_operator(
    engine: Engine, transaction: Any, receiver: WebhookReceiver
) -> None:
    guarded = webhook(receiver.url)
    guarded = type(guarded)(id="desk", target=guarded.target, settings=guarded.settings, secret_references=guarded.secret_references)
    now = now_ms()
    evaluate(engine, [guarded], now, condition("failing", now))
    outbox = made(transaction, [guarded])
    await outbox.drain()
    assert receiver.received == []
    assert "allow_private" in outbox.stopped_targets()["desk"]
    allowed = made(transaction, [guarded], settings=OutboxSettings(allow_loopback=True))
    await allowed.drain()
    assert receiver.accepted_types == ["incident.opened"]


async def test_missing_secret_stops_the_queue_and_is_named_not_shown(
    engine: Engine, transaction: Any, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    targets, clock = [webhook(receiver.url, secret=f"file:{path}")], FakeClock(now_ms())
    now = clock.now_ms()
    evaluate(engine, targets, now, condition("failing", now))
    outbox = made(transaction, targets, clock=clock)
    await outbox.drain()
    assert str(path) in outbox.stopped_targets()["desk"]
    path.write_text(SECRET + "\n", encoding="ascii")
    clock.advance(seconds=300)
    await outbox.drain()
    assert receiver.accepted_types == ["incident.opened"]


async def test_test_delivery_is_marked_and_leaves_no_trace(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    outbox = made(transaction, [webhook(receiver.url)])
    assert (await outbox.send_test("desk")).outcome == "delivered"
    assert (receiver.accepted_types, states(engine)) == (["test.heartbeat"], [])
    with pytest.raises(ConfigurationError, match="configured are desk"):
        await outbox.send_test("other")


async def test_old_deliveries_are_forgotten_but_the_last_word_of_each_lane(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    targets, clock = [webhook(receiver.url)], FakeClock(now_ms())
    open_and_resolve(engine, targets)
    await made(transaction, targets, clock=clock).drain()
    clock.advance(seconds=31 * 86_400)
    async with delivering(made(transaction, targets, clock=clock)):
        await until(lambda: states(engine) == [("desk", 2, "delivered", 1)])


async def test_removed_target_buries_its_queue(engine: Engine, transaction: Any, receiver: WebhookReceiver) -> None:
    now = now_ms()
    evaluate(engine, [webhook(receiver.url, name="old")], now, condition("failing", now))
    async with delivering(made(transaction, [webhook(receiver.url, name="new")])):
        await until(lambda: states(engine) == [("old", 1, "dead", 0)])


async def test_alertmanager_keeps_an_open_incident_past_three_time_outs_and_drops_it_on_resolve(
    engine: Engine, transaction: Any, tmp_path: Path
) -> None:
    with running_alertmanager(tmp_path / "alertmanager", resolve_timeout="1s") as server:
        targets = [alertmanager(server.url)]  # an alert lives 2 s unless it is posted again
        outbox = made(transaction, targets, settings=OutboxSettings(refresh_seconds=0.3, idle_seconds=0.1))
        now = now_ms()
        (opened,) = evaluate(engine, targets, now, condition("failing", now))
        async with delivering(outbox):
            await until(lambda: server.alert_of(opened.incident.id))
            posted_at = time.monotonic()
            await until(lambda: time.monotonic() - posted_at > 3.5)
            alert = server.alert_of(opened.incident.id)
            assert alert is not None
            assert alert["labels"] == {
                "alertname": "service-component-down", "service": "shop", "site": "default", "muster_incident": opened.incident.id,
            }  # fmt: skip
            again = now_ms()
            evaluate(engine, targets, again, condition("failing", now, again, severity="critical", priority=1))
            evaluate(engine, targets, again, condition("ok", again - MINUTE, again, severity="critical", priority=1))
            outbox.poke()
            await until(lambda: server.alert_of(opened.incident.id) is None)
            resolved_at = time.monotonic()
            await until(lambda: time.monotonic() - resolved_at > 1)
            assert server.alert_of(opened.incident.id) is None, "no refresh brings it back"
