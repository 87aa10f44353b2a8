"""A report that comes after newer ones fills the history in its place and changes nothing of what is in force."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from collector.store.engine import Database
from collector.store.reader import Reader
from collector.store.schema import ci, history, source_record
from muster.clock import FakeClock
from tests.store.sender import CATALOGUE, START, Estate, section, unchanged
from tests.store.test_as_of import emptied
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
    names = ("ref", "ci_id", "misses", "missed_since", "is_absent", "closed_at", "first_seen_at", "content_hash")
    records = select(*(source_record.c[name] for name in names)).order_by(source_record.c.id)
    before = (estate.differences(), estate.absent(), estate.rows(records))
    estate.send("agent/web01/a1", {"host": kernel("X"), "packages": section()}, at=20, now=50)
    assert (estate.differences(), estate.absent(), estate.rows(records)) == before


def test_a_late_report_tells_that_the_newer_word_was_said_anew(estate: Estate) -> None:
    """As in order: of two sources of one rank the one counts that spoke last."""
    full = kernel("A")
    for order in ((0, 20, 40), (0, 40, 20)):
        source = f"agent/web{order[1]}/a1"
        for minutes in order:
            estate.send(source, {"host": kernel("X") if minutes == 20 else full}, at=minutes, now=50, sequence=minutes + 1)
    changed = estate.rows(select(source_record.c.changed_at).where(source_record.c.owner_record_id.is_(None)))
    assert changed == [(at(40),), (at(40),)]


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


# --- any order of delivery ---
MEASURED = st.lists(
    st.tuples(st.sampled_from(["A", "B", "C"]), st.sampled_from([1, 2]), st.booleans()),
    min_size=2,
    max_size=6,
)
EVERY = 10  # minutes between observations


def observe(estate: Estate, number: int, word: tuple[str, int, bool], now: float) -> None:
    """The same observation, received whenever; `is_named` False leaves an attribute out."""
    kernel_version, memory, is_named = word
    attributes = {"name": "web01", "os.kernel": kernel_version, **({"memory_bytes": memory * 2**30} if is_named else {})}
    host = section(msgspec.structs.replace(HOST, attributes=attributes))
    estate.send("agent/web01/a1", {"host": host}, at=number * EVERY, now=now, sequence=number + 1)


def course(estate: Estate, words: list[Any], known: float = 10_000) -> list[dict[str, Any]]:
    """What was true between the observations."""
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(at(20_000)))
    key = estate.rows(select(ci.c.id))[0][0]
    found = [reader.ci_as_at(key, at(number * EVERY + 5), at(round(known))) for number in range(len(words))]
    return [{"existed": each.existed, **each.effective} for each in found]


def check_late(database: Database, words: list[Any], order: list[int]) -> None:
    """The newest first, the others in any order afterwards: the valid axis is that of delivery in order; the other tells the truth."""
    estate = emptied(database)
    for number, word in enumerate(words):
        observe(estate, number, word, now=number * EVERY)
    expected, current = course(estate, words), (estate.effective("web01"), estate.differences())
    estate = emptied(database)
    last = len(words) - 1
    received = {last: last * EVERY, **{number: 1_000 + 200 * at_ for at_, number in enumerate(order)}}
    observe(estate, last, words[last], now=received[last])
    believed: dict[float, list[dict[str, Any]]] = {}
    for number in order:
        believed[received[number] - 1] = course(estate, words, received[number] - 1)
        observe(estate, number, words[number], now=received[number])
        before = estate.dump()
        observe(estate, number, words[number], now=received[number] + 100)  # the same again: nothing
        assert estate.dump() == before
    assert course(estate, words) == expected
    assert (estate.effective("web01"), estate.differences()) == current
    for known, told in believed.items():
        assert course(estate, words, known) == told


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Any], list[int]]:
    words = draw(MEASURED)
    return words, draw(st.permutations(range(len(words) - 1)))


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivered=deliveries())
def test_history_is_that_of_delivery_in_order_however_late_reports_come(database: Database, delivered: tuple[list[Any], list[int]]) -> None:
    check_late(database, *delivered)


def test_three_buffered_reports_after_a_newer_one(database: Database) -> None:
    check_late(database, [("A", 1, True), ("B", 1, True), ("A", 2, False), ("C", 2, True)], [1, 0, 2])


def test_a_late_report_tells_since_when_it_is_known(estate: Estate) -> None:
    observe(estate, 2, ("C", 1, True), now=20)
    observe(estate, 0, ("A", 1, True), now=50)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(at(10_000)))
    key = estate.id_of("web01")
    assert [reader.ci_as_at(key, at(5), at(known)).existed for known in (30, 60)] == [False, True]
    assert reader.ci_as_at(key, at(5), at(60)).effective["os.kernel"] == "A"
    (line,) = [each for each in reader.ci_history(key, attribute="os.kernel").items if each.new_value == "A"]
    assert (line.valid_from, line.valid_to, line.known_from) == (at(0), at(20), at(50))


def test_a_value_that_came_back_is_not_taken_for_one_that_stayed(database: Database) -> None:
    check_late(database, [("A", 1, True), ("A", 2, True), ("A", 1, False)], [0, 1])


def test_the_last_word_before_a_gap_is_carried_over_it_whichever_came_first(database: Database) -> None:
    check_late(database, [("A", 1, False), ("A", 1, True), ("A", 2, True), ("A", 1, False), ("A", 1, True)], [3, 1, 2, 0])
