"""States become transitions that availability can be computed from: confirmed, expired, and filled in when they come late."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import insert, select

from collector.check_timeline import join_equal
from collector.store.component_timeline import load_timelines
from collector.store.schema import check_state, ci, collector_liveness, transition
from muster.wire.report import Endpoint, StateReport
from tests.store.sender import START, Estate, section
from tests.store.test_ingest import HOST

MINUTE = 60_000


@pytest.fixture
def host(estate: Estate) -> Estate:
    estate.send("agent/web01/a1", {"host": section(HOST)})
    return estate


def told(estate: Estate, *states: tuple[float, str], now: float | None = None, check: str = "agent_heartbeat") -> set[str]:
    """States of the host at these minutes, in one report."""
    last = max(at for at, _ in states)
    reports = [StateReport("host", check, state, START + round(at * MINUTE), f"{state} at {at:g}", 60) for at, state in states]  # type: ignore[arg-type]  # a test's own word
    return set(estate.send("agent/web01/a1", at=last, now=now, states=reports).states_changed)


def transitions(estate: Estate) -> list[tuple[float, str]]:
    """By instant in minutes, as readers count them."""
    query = select(transition.c.at, transition.c.state).order_by(transition.c.at, transition.c.known_from, transition.c.id)
    return [((at - START) / MINUTE, state) for at, state in estate.rows(query)]


def timeline(estate: Estate) -> list[tuple[float, str]]:
    """What they say together: the last word on an instant counts, equal states join."""
    return list(join_equal(transitions(estate)))  # type: ignore[arg-type, type-var]  # minutes, and states as text


def collector_ran(estate: Estate, *runs: tuple[float, float]) -> None:
    with estate.database.begin() as connection:
        for since, until in runs:
            started_at, last_at = (START + round(each * MINUTE) for each in (since, until))
            connection.execute(insert(collector_liveness).values(started_at=started_at, last_at=last_at))


def operation(estate: Estate) -> str:
    return str(estate.rows(select(ci.c.operation).where(ci.c.name == "web01"))[0][0])


def test_a_state_that_repeats_writes_no_transition(host: Estate) -> None:
    assert told(host, (1, "up"))
    assert not told(host, (2, "up"))
    assert not told(host, (3, "up"), (4, "up"))
    assert transitions(host) == [(1, "up")]
    assert host.rows(select(check_state.c.last_at, check_state.c.since_at)) == [(START + 4 * MINUTE, START + MINUTE)]
    assert operation(host) == "up"


def test_one_failure_is_no_downtime(host: Estate) -> None:
    told(host, (1, "up"), (2, "down"), (3, "up"), (4, "up"))
    assert transitions(host) == [(1, "up")]


def test_two_of_three_failures_are_down_from_the_first_of_them(host: Estate) -> None:
    told(host, (1, "up"), (2, "down"))
    assert operation(host) == "up"
    assert told(host, (3, "up"), (4, "down"))
    assert transitions(host) == [(1, "up"), (2, "down")]
    assert operation(host) == "down"
    told(host, (5, "up"))
    assert (transitions(host)[-1], operation(host)) == ((5, "up"), "up")


def test_a_failure_after_a_recovery_must_be_confirmed_anew(host: Estate) -> None:
    told(host, (1, "down"), (2, "down"), (3, "up"), (4, "down"))
    assert transitions(host) == [(1, "down"), (3, "up")]


def test_a_first_failure_alone_is_not_known_to_be_down(host: Estate) -> None:
    told(host, (1, "down"))
    assert (transitions(host), operation(host)) == ([], "unknown")


def test_silence_is_unknown_from_when_the_next_observation_was_due(host: Estate) -> None:
    told(host, (1, "up"))
    assert not host.sweep(4).states_changed
    assert host.sweep(4.01).states_changed
    assert transitions(host) == [(1, "up"), (2, "unknown")]
    assert operation(host) == "unknown"
    assert not host.sweep(10).states_changed
    told(host, (10, "up"))
    assert (transitions(host)[-1], operation(host)) == ((10, "up"), "up")


def test_a_gap_that_no_sweep_saw_is_unknown_too(host: Estate) -> None:
    told(host, (1, "up"))
    told(host, (10, "up"))
    assert transitions(host) == [(1, "up"), (2, "unknown"), (10, "up")]


def test_late_observations_fill_what_was_unknown(host: Estate) -> None:
    told(host, (1, "up"))
    told(host, (10, "up"))
    told(host, (3, "up"), (4, "up"), (5, "up"), now=11)
    # As if they had come in time: the word of 1 holds until that of 3, and that of 5 until the next was due.
    assert timeline(host) == [(1, "up"), (6, "unknown"), (10, "up")]


@pytest.mark.parametrize("seed", range(6))
def test_order_of_arrival_leaves_the_same_timeline(host: Estate, seed: int) -> None:
    draw = random.Random(seed)
    told(host, (1, "up"))
    told(host, (30, "up"))
    kept = [minute + draw.choice((-0.02, 0, 0.02)) for minute in range(2, 30) if not 12 <= minute < 18]
    draw.shuffle(kept)
    for at in kept:
        told(host, (at, "up"), now=31)
    last_before_the_hole, first_after_it = max(at for at in kept if at < 12), min(at for at in kept if at > 12)
    assert timeline(host) == [(1, "up"), (pytest.approx(last_before_the_hole + 1), "unknown"), (pytest.approx(first_after_it), "up")]


def test_late_word_that_came_early_holds_until_its_own_successor_was_due(host: Estate) -> None:
    told(host, (1, "up"))
    told(host, (10, "up"))
    for at in (3, 3.9):
        told(host, (at, "up"), now=11)
    assert timeline(host) == [(1, "up"), (4.9, "unknown"), (10, "up")]


def test_late_observations_do_not_touch_what_is_known(host: Estate) -> None:
    told(host, (1, "up"), (2, "up"), (3, "up"), (4, "up"))
    told(host, (2.5, "down"), (3.5, "down"), now=5)
    assert transitions(host) == [(1, "up")]


def test_one_late_failure_is_not_confirmed(host: Estate) -> None:
    told(host, (1, "up"))
    told(host, (10, "up"))
    told(host, (4, "down"), now=11)
    assert transitions(host) == [(1, "up"), (2, "unknown"), (10, "up")]


def test_a_subject_that_nobody_knows_is_told(host: Estate) -> None:
    receipt = host.send("agent/web01/a1", at=1, states=[StateReport("gone", "icmp", "up", START), StateReport("host", "icmp", "up", START)])
    assert [each.path for each in receipt.answer.rejected] == ["$.states[0].subject"]
    assert transitions(host) == [(0, "up")]


def test_a_subject_may_be_named_by_its_identifiers(host: Estate) -> None:
    end = Endpoint({"hostname": "web01"})
    receipt = host.send("sweep/d/d1", at=1, states=[StateReport(end, "icmp", "up", START + MINUTE)])
    assert (receipt.answer.rejected, transitions(host)) == ([], [(1, "up")])
    elsewhere = host.send("sweep/d/d1", at=1, zone="z2", states=[StateReport(end, "icmp", "up", START + MINUTE)])
    assert [each.path for each in elsewhere.answer.rejected] == ["$.states[0].subject"]


def test_the_best_proof_of_life_counts(host: Estate) -> None:
    told(host, (1, "down"), (2, "down"), check="icmp")
    assert operation(host) == "down"
    told(host, (2, "up"), check="agent_heartbeat")
    assert operation(host) == "up"


def test_a_host_that_answers_anything_is_there_though_a_ping_fails(host: Estate) -> None:
    told(host, (1, "down"), (2, "down"), check="icmp")
    told(host, (2, "up"), check="reachability")
    assert operation(host) == "up"


@pytest.mark.parametrize("policy", ["unknown", "down"])
def test_stopped_collector_is_twenty_minutes_unknown_and_after_the_backlog_none(host: Estate, policy: str) -> None:
    ((host_id,),) = host.rows(select(ci.c.id).where(ci.c.name == "web01"))
    key = (host_id, ("reachability",))

    def component(now: float) -> list[tuple[float, str]]:
        with host.database.connect() as connection:
            found = load_timelines(connection, [key], since=START, now=START + round(now * MINUTE))[key].under(policy)
        return [((at - START) / MINUTE, state) for at, state in found.timeline]

    told(host, (59, "up"), (60, "up"))
    collector_ran(host, (0, 61), (81, 120))
    assert component(81.5) == [(59, "up"), (61, "unknown")]
    host.sweep(81.5)
    assert component(82) == [(59, "up"), (61, "unknown")]
    told(host, *[(minute, "up") for minute in range(61, 86)], now=86)
    assert component(86) == [(59, "up")]


def test_the_observation_in_the_future_is_of_now(host: Estate) -> None:
    told(host, (500, "up"), now=2)
    assert transitions(host) == [(2, "up")]


def test_what_a_source_kept_while_the_collector_was_down_leaves_no_unknown(host: Estate) -> None:
    collector_ran(host, (0, 1.1), (21, 30))
    told(host, (1, "up"))
    host.sweep(21)
    assert timeline(host) == [(1, "up"), (2, "unknown")]
    for minute in range(2, 22):
        told(host, (minute + 0.02 * (minute % 3), "up"), now=22)
    assert timeline(host) == [(1, "up")]


@pytest.mark.parametrize("at_once", [True, False])
def test_what_a_source_kept_fills_the_gap_after_its_newest_word_came_first(host: Estate, at_once: bool) -> None:
    collector_ran(host, (0, 1.1), (21, 30))
    told(host, (1, "up"))
    told(host, (21, "up"))
    assert timeline(host) == [(1, "up"), (2, "unknown"), (21, "up")]
    kept = [(minute + 0.02 * (minute % 3 - 1), "up") for minute in range(2, 21)]  # a little early, a little late
    for states in [kept] if at_once else [[each] for each in kept]:
        told(host, *states, now=22)
    assert timeline(host) == [(1, "up")]


def test_outage_that_a_source_kept_is_downtime_where_it_was(host: Estate) -> None:
    collector_ran(host, (0, 1.1), (21, 30))
    told(host, (1, "up"))
    host.sweep(21)
    told(host, *[(minute, "down" if 5 <= minute < 9 else "up") for minute in range(2, 22)], now=22)
    assert timeline(host) == [(1, "up"), (5, "down"), (9, "up")]


def test_time_in_which_no_collector_ran_is_unknown_though_the_last_word_would_hold(host: Estate) -> None:
    told(host, (1, "up"))
    told(host, (3.9, "up"))
    assert timeline(host) == [(1, "up")]
    told(host, (5, "down"), (6, "down"))
    collector_ran(host, (0, 6.1), (8.5, 30))
    told(host, (8.8, "down"), (9.8, "down"))
    assert timeline(host) == [(1, "up"), (5, "down"), (7, "unknown"), (8.8, "down")]
    assert host.rows(select(transition.c.reason).where(transition.c.state == "unknown")) == [("collector_gap",)]


def test_late_word_before_anything_known_does_not_hold_for_ever(host: Estate) -> None:
    told(host, (10, "down"))
    told(host, (3, "up"), now=11)
    assert timeline(host) == [(3, "up"), (4, "unknown")]
