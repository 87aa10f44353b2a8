"""Incidents in the store: one transaction, numbers, events, acknowledgement."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import Engine, select

from collector.incidents.incident import Incident
from collector.incidents.lifecycle import LifecycleSettings, decide_changes
from collector.store.incident import acknowledge_incident, apply_changes, load_incident, load_incidents
from collector.store.incident_view import load_incident_view, load_incident_views
from collector.store.schema import delivery, incident_event
from collector.store.schema import incident as incident_table
from muster.errors import ConflictError, NotFoundError
from tests.incidents.sample import ANNOUNCEMENT, MINUTE, condition, evaluate, webhook

T0 = 1_772_359_200_000
DESK = webhook("https://desk.example.org")


def count(engine: Engine, table: object) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(table)).all())  # type: ignore[call-overload]


def test_change_event_and_delivery_stand_or_fall_together(engine: Engine) -> None:
    changes = decide_changes([], [condition("failing", T0)], LifecycleSettings(), T0, started_at=0)
    with engine.connect() as connection:
        assert len(apply_changes(connection, changes, [DESK], ANNOUNCEMENT)) == 1
        connection.rollback()
    assert (count(engine, incident_table), count(engine, incident_event), count(engine, delivery)) == (0, 0, 0)


def test_incidents_are_numbered_and_keep_their_time_line(engine: Engine) -> None:
    evaluate(engine, [DESK], T0, condition("failing", T0, component="a"), condition("failing", T0, component="b"))
    evaluate(engine, [DESK], T0 + 5 * MINUTE, condition("ok", T0 + 2 * MINUTE, T0 + 5 * MINUTE, component="b"))
    with engine.connect() as connection:
        incidents = load_incidents(connection)
        rows = connection.execute(
            select(incident_event.c.incident_id, incident_event.c.sequence, incident_event.c.type).order_by(incident_event.c.id)
        ).all()
        stored = connection.execute(select(incident_table.c.body)).scalars().all()
    second = next(each for each in incidents if each.component == "b")
    assert sorted((each.number, each.component, each.state) for each in incidents) == [(1, "a", "open"), (2, "b", "resolved")]
    assert [(row.sequence, row.type) for row in rows if row.incident_id == second.id] == [(1, "incident.opened"), (2, "incident.resolved")]
    assert {msgspec.msgpack.decode(each, type=Incident).id for each in stored} == {each.id for each in incidents}


def test_pending_and_discarded_leave_no_event_and_no_delivery(engine: Engine) -> None:
    evaluate(engine, [DESK], T0, condition("failing", T0, confirm_ms=MINUTE))
    assert (count(engine, incident_table), count(engine, incident_event), count(engine, delivery)) == (1, 0, 0)
    evaluate(engine, [DESK], T0 + 1, condition("ok", T0 + 1, confirm_ms=MINUTE))
    assert count(engine, incident_table) == 0


def test_later_episode_is_another_incident_even_after_the_first_was_closed(engine: Engine) -> None:
    day = 1440 * MINUTE
    evaluate(engine, [DESK], T0, condition("failing", T0))
    evaluate(engine, [DESK], T0 + 5 * MINUTE, condition("ok", T0 + MINUTE, T0 + 5 * MINUTE))
    evaluate(engine, [DESK], T0 + 4 * day)
    evaluate(engine, [DESK], T0 + 5 * day, condition("failing", T0 + 5 * day))
    with engine.connect() as connection:
        found = connection.execute(
            select(incident_table.c.number, incident_table.c.episode, incident_table.c.state).order_by(incident_table.c.number)
        ).all()
    assert [tuple(row) for row in found] == [(1, 1, "closed"), (2, 2, "open")]


def test_acknowledgement_is_kept_told_and_refused_twice(engine: Engine) -> None:
    evaluate(engine, [DESK], T0, condition("failing", T0))
    with engine.begin() as connection:
        taken = acknowledge_incident(connection, "1", "person:kim", T0 + MINUTE, targets=[DESK], announcement=ANNOUNCEMENT)
        assert (taken.state, taken.acknowledged_at, taken.acknowledged_by) == ("acknowledged", T0 + MINUTE, "person:kim")
        assert load_incident(connection, taken.id) == taken
        with pytest.raises(ConflictError):
            acknowledge_incident(connection, "1", "person:lee", T0 + MINUTE, targets=[DESK], announcement=ANNOUNCEMENT)
        with pytest.raises(NotFoundError):
            load_incident(connection, "99")
    assert (count(engine, incident_event), count(engine, delivery)) == (2, 2)


def test_view_shows_the_time_line_and_the_deliveries_newest_incident_first(engine: Engine) -> None:
    evaluate(engine, [DESK], T0, condition("failing", T0, component="a"), condition("failing", T0, component="b", services=[]))
    evaluate(engine, [DESK], T0 + 5 * MINUTE, condition("ok", T0 + 2 * MINUTE, T0 + 5 * MINUTE, component="b", services=[]))
    with engine.connect() as connection:
        newest, oldest = load_incident_views(connection)
        assert [each.number for each in load_incident_views(connection, states=["open"])] == [1]
        assert [each.number for each in load_incident_views(connection, service_id="shop")] == [1]
        assert [each.number for each in load_incident_views(connection, before_number=2)] == [1]
        assert load_incident_view(connection, "2") == newest
    assert (newest.number, newest.state, newest.resolved_at, oldest.services) == (2, "resolved", T0 + 5 * MINUTE, ["shop"])
    assert [(each["type"], each["actor"], each["status"]) for each in newest.events] == [
        ("incident.opened", "engine", "open"), ("incident.resolved", "engine", "resolved"),
    ]  # fmt: skip
    assert [(each.target, each.sequence, each.state) for each in newest.deliveries] == [("desk", 1, "pending"), ("desk", 2, "pending")]
