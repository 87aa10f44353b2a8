"""A report that comes after newer ones fills the history in its place and changes nothing of what is in force."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from collector.store.reader import Reader
from collector.store.schema import history
from muster.clock import FakeClock
from tests.store.sender import CATALOGUE, START, Estate, section, unchanged
from tests.store.test_decision import at, kernel, record
from tests.store.test_ingest import HOST, packages


def kernel_at(estate: Estate, minutes: int, known: int = 10_000) -> Any:
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(at(10_000)))
    return reader.ci_as_at(estate.id_of("web01"), at(minutes), at(known)).effective.get("os.kernel")


def test_buffered_reports_fill_history_in_order_and_change_nothing_now(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": kernel("A")}, at=0)
    estate.send("agent/web01/a1", {"host": kernel("D")}, at=40)
    before = (estate.effective("web01"), estate.differences())
    for minutes, version in ((10, "B"), (20, "C"), (30, "A")):
        estate.send("agent/web01/a1", {"host": kernel(version)}, at=minutes, now=50 + minutes)
    assert (estate.effective("web01"), estate.differences()) == before
    assert [kernel_at(estate, minutes) for minutes in (5, 15, 25, 35, 45)] == ["A", "B", "C", "A", "D"]
    # What was believed before the buffered reports came.
    assert [kernel_at(estate, minutes, known=50) for minutes in (5, 15, 25, 35, 45)] == ["A", "A", "A", "A", "D"]


def test_the_order_in_which_buffered_reports_come_does_not_matter(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": kernel("A")}, at=0)
    estate.send("agent/web01/a1", {"host": kernel("D")}, at=40)
    for minutes, version in ((30, "A"), (10, "B"), (20, "C")):
        estate.send("agent/web01/a1", {"host": kernel(version)}, at=minutes, now=60)
    assert [kernel_at(estate, minutes) for minutes in (5, 15, 25, 35, 45)] == ["A", "B", "C", "A", "D"]


def test_a_late_report_of_what_was_known_adds_no_line_of_history(estate: Estate) -> None:
    full = kernel("A")
    estate.send("agent/web01/a1", {"host": full}, at=0)
    estate.send("agent/web01/a1", {"host": unchanged(full)}, at=40)
    lines = estate.rows(select(history))
    estate.send("agent/web01/a1", {"host": kernel("A")}, at=20, now=50)
    assert estate.rows(select(history)) == lines


def test_a_late_report_reopens_nothing_and_misses_nothing(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(5))}, at=40)
    before = (estate.differences(), estate.absent(), estate.dump()["source_record"])
    estate.send("agent/web01/a1", {"host": kernel("X"), "packages": section()}, at=20, now=50)
    assert (estate.differences(), estate.absent(), estate.dump()["source_record"]) == before


def test_a_host_did_not_exist_before_it_was_first_seen(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": kernel("A")}, at=10)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(at(60)))
    assert not reader.ci_as_at(estate.id_of("web01"), START, at(60)).existed
    assert reader.ci_as_at(estate.id_of("web01"), at(11), at(60)).existed


def test_the_recorded_side_as_it_was_before_and_after_a_decision(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"host": kernel("B")}, at=10)
    estate.accept_all(20)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(at(60)))
    then = [reader.ci_as_at(estate.id_of("web01"), at(minutes)).recorded.get("os.kernel") for minutes in (0, 5, 15, 25)]
    assert then == [None, "6.1.0-18", "6.1.0-18", "B"]
