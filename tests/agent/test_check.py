"""Checks: transitions at once, confirmations in time, and nothing said of what nobody saw."""

from __future__ import annotations

import pytest

from agent.check import CheckBoard

START = 1_772_359_200_000
SSH = ("tcp", "00000000", "22")
SUBJECTS = [["sock:tcp:0.0.0.0:22", *SSH]]
UNITS = [["unit:ssh.service", "ssh.service", "active", "running"], ["unit:cron.service", "cron.service", "inactive", "dead"]]


def observe(
    board: CheckBoard, seconds: float, *, listeners: set[tuple[str, ...]] | None = None, fresh: bool = False, runs: bool | None = None
) -> list[str]:
    states = board.observe(START + int(seconds * 1000), listeners=listeners, is_running=lambda unit: runs, is_fresh=fresh)
    return [f"{state['check']} {state['state']} {state['interval_seconds']}" for state in states if state["check"] != "agent_heartbeat"]


def make() -> CheckBoard:
    board = CheckBoard(15, 600)
    board.set_subjects("listening_service", SUBJECTS)
    return board


def test_the_heartbeat_is_in_every_report() -> None:
    assert CheckBoard(15, 600).observe(START, listeners=None, is_running=lambda unit: None, is_fresh=False) == [
        {"subject": "host", "check": "agent_heartbeat", "state": "up", "at": START, "interval_seconds": 15}
    ]


def test_a_listening_socket_is_confirmed_each_minute() -> None:
    board = make()
    told = [seconds for seconds in range(0, 181, 15) if observe(board, seconds, listeners={SSH})]
    assert told == [0, 60, 120, 180]


def test_a_socket_that_goes_is_down_at_once_with_a_reason_and_up_at_once() -> None:
    board = make()
    observe(board, 0, listeners={SSH})
    states = board.observe(START + 15_000, listeners=set(), is_running=lambda unit: None, is_fresh=False)
    assert states[1:] == [
        {
            "subject": "sock:tcp:0.0.0.0:22",
            "check": "listening",
            "state": "down",
            "at": START + 15_000,
            "interval_seconds": 60,
            "reason": "nothing listens there",
        }
    ]
    assert observe(board, 30, listeners=set()) == ["listening down 60"], "confirmed at each collection while it is fresh"
    assert observe(board, 45, listeners={SSH}) == ["listening up 60"]


def test_a_recovery_is_confirmed_at_each_collection_so_that_it_can_resolve() -> None:
    board = make()
    observe(board, 0, listeners={SSH})
    observe(board, 15, listeners=set())
    told = [seconds for seconds in range(30, 900, 15) if observe(board, seconds, listeners={SSH})]
    assert told[:4] == [30, 45, 60, 75]
    assert told[-2:] == [795, 855], "each minute again once the change is ten minutes old"


def test_a_socket_that_stays_away_is_confirmed_each_minute_for_a_week_and_then_forgotten() -> None:
    board = make()
    observe(board, 0, listeners={SSH})
    observe(board, 15, listeners=set())
    assert [seconds for seconds in range(1200, 1336, 15) if observe(board, seconds, listeners=set())] == [1200, 1260, 1320]
    week = 7 * 86_400
    observe(board, week + 10, listeners=set())
    assert observe(board, week + 200, listeners=set()) == []
    assert board.to_document() == {"listeners": [], "checks": []}


def test_without_a_look_nothing_is_said() -> None:
    board = make()
    observe(board, 0, listeners={SSH})
    assert observe(board, 300, listeners=None) == []


def test_what_ended_while_the_agent_was_away_is_down_not_unknown() -> None:
    board = make()
    observe(board, 0, listeners={SSH})
    after = CheckBoard(15, 600)
    after.load_document(board.to_document())
    assert observe(after, 100, listeners=set()) == ["listening down 60"]


@pytest.mark.parametrize("document", [{}, {"listeners": [1], "checks": []}, {"listeners": [], "checks": [["a"]]}, {"listeners": None, "checks": []}])
def test_a_damaged_document_is_refused(document: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        make().load_document(document)


def test_a_unit_at_rest_is_no_outage_and_a_running_one_is_up() -> None:
    board = make()
    board.set_subjects("systemd_unit", UNITS)
    assert observe(board, 0, fresh=True) == ["systemd_unit up 600"]


def test_a_unit_that_was_up_and_rests_is_down() -> None:
    board = make()
    board.set_subjects("systemd_unit", UNITS)
    observe(board, 0, fresh=True)
    board.set_subjects("systemd_unit", [["unit:ssh.service", "ssh.service", "inactive", "dead"]])
    assert observe(board, 20, fresh=True) == ["systemd_unit down 600"]
    board.set_subjects("systemd_unit", [["unit:other.service", "other.service", "active", "running"]])
    assert observe(board, 40, fresh=True) == ["systemd_unit up 600", "systemd_unit down 600"], "gone altogether is down as well"


@pytest.mark.parametrize(("active", "state"), [("failed", "down"), ("activating", "degraded"), ("reloading", "up"), ("active", "up")])
def test_active_states_of_systemd_have_one_meaning(active: str, state: str) -> None:
    board = make()
    board.set_subjects("systemd_unit", [["unit:a.service", "a.service", active, "x"]])
    assert observe(board, 0, fresh=True) == [f"systemd_unit {state} 600"]


def test_a_running_unit_is_confirmed_each_minute_where_its_processes_are_seen() -> None:
    board = make()
    board.set_subjects("systemd_unit", UNITS)
    observe(board, 0, fresh=True)
    assert [seconds for seconds in range(15, 181, 15) if observe(board, seconds, runs=True)] == [60, 120, 180]
    assert observe(board, 300, runs=False) == [], "systemctl is asked before it is called down"
    assert observe(board, 300, runs=None) == []
