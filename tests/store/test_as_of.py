"""What was true on a day, and what was believed of it on another: answers about the past never change, whatever becomes known later."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from collector.reconcile.timeline import Line, spans, value_at
from collector.store.decision import undo_decision
from collector.store.engine import Database, open_database
from collector.store.merge import merge_cis
from collector.store.pin import PinWish, pin_value
from collector.store.reader import Reader
from collector.store.recorded import Patch, patch_recorded
from collector.store.schema import ci, decision, history, metadata
from collector.store.tombstone import delete_ci
from muster.clock import FakeClock
from muster.errors import MusterError
from tests.store.sender import CATALOGUE, MINUTE, START, Estate, item, section
from tests.store.test_decision import at

LINES = st.lists(
    st.builds(
        Line,
        valid_from=st.integers(0, 9),
        known_from=st.integers(0, 9),
        id=st.just(0),
        old=st.sampled_from([None, b"a", b"b"]),
        new=st.sampled_from([None, b"a", b"b", b"c"]),
    ),
    max_size=6,
)


def in_order(lines: list[Line]) -> list[Line]:
    """As they are written: what becomes known later has a greater id."""
    ordered = sorted(lines, key=lambda line: line.known_from)
    return [msgspec.structs.replace(line, id=at) for at, line in enumerate(ordered)]


@given(lines=LINES, when=st.integers(0, 9), known=st.integers(0, 9))
def test_a_value_is_of_the_span_that_covers_it_and_was_known_last(lines: list[Line], when: int, known: int) -> None:
    told = in_order(lines)
    covering = [each for each in spans(told, known, b"now") if (each.valid_from or -1) <= when and (each.valid_to is None or when < each.valid_to)]
    assert [each.value for each in covering] == [value_at(told, when, known, b"now")]


@given(lines=LINES, when=st.integers(0, 9), cut=st.integers(0, 9), known=st.integers(0, 9))
def test_lines_that_become_known_later_change_no_answer_of_before(lines: list[Line], when: int, cut: int, known: int) -> None:
    """The first line that is ever written carries what had been believed, as whoever writes it knows."""
    told = [msgspec.structs.replace(line, old=b"first") for line in in_order(lines)]
    before = [line for line in told if line.known_from <= cut]
    assert value_at(before, when, min(known, cut), b"first") == value_at(told, when, min(known, cut), told[-1].new if told else b"first")


# --- the store ---
def reader_of(estate: Estate, minutes: float = 100_000) -> Reader:
    return Reader(estate.database, CATALOGUE, clock=FakeClock(at(minutes)), settings=estate.context.settings)


def host(name: str, serial: str, kernel: str, memory: int) -> Any:
    attributes = {"name": name, "os.kernel": kernel, "memory_bytes": memory * 2**30, "vendor": "V"}
    return item("host", "server", attributes=attributes, serial=serial)


def disks(count: int) -> list[Any]:
    return [item(f"disk:{n}", "disk", owner="host", attributes={"slot": str(n), "vendor": "V"}, serial=f"D{n}XYZ") for n in range(count)]


SOURCES = {"agent/web01/a1": "S1ABC", "ssh/web01/1": "S1ABC", "agent/db01/a2": "S2ABC"}
REPORTS = st.tuples(
    st.just("report"),
    st.sampled_from(sorted(SOURCES)),
    st.sampled_from(["one", "two"]),
    st.sampled_from(["6.1", "6.8"]),
    st.integers(1, 2),
    st.integers(0, 2),
    st.sampled_from([0, 0, 0, 15, 35]),  # how late, in minutes
)
DEEDS = st.tuples(st.sampled_from(["accept", "undo", "merge", "record", "tag", "retire", "silence", "delete", "pin"]), st.integers(0, 3))
STEPS = st.lists(st.one_of(REPORTS, REPORTS, DEEDS), min_size=2, max_size=6)


def run_step(estate: Estate, step: tuple[Any, ...], minutes: float) -> None:
    if step[0] == "report":
        _, source, name, kernel, memory, count, late = step
        sections = {
            "host": section(host(name, SOURCES[source], kernel, memory)),
            "disks": section(*disks(count) if source == "agent/web01/a1" else []),
        }
        estate.send(source, sections, at=max(0, minutes - late), now=minutes)
        return
    deed, number = step
    try:
        _do(estate, deed, number, minutes)
    except MusterError:
        return  # a refused deed writes nothing, and is not what is looked at here


def _do(estate: Estate, deed: str, number: int, minutes: float) -> None:
    hosts = [row[0] for row in estate.rows(select(ci.c.id).where(ci.c.owner_ci_id.is_(None)).order_by(ci.c.number))]
    chosen = hosts[number % len(hosts)] if hosts else ""
    if deed == "accept":
        estate.accept_all(minutes)
    elif deed == "silence":
        estate.sweep(minutes)
    elif deed == "undo":
        rows = estate.rows(select(decision.c.id).where(decision.c.undone_by.is_(None), decision.c.kind != "undo").order_by(decision.c.at.desc()))
        if rows:
            estate.decide(undo_decision, rows[number % len(rows)][0], now=at(minutes))
    elif deed == "merge" and len(hosts) > 1:
        estate.decide(merge_cis, hosts[0], [hosts[1]], now=at(minutes))
    elif deed == "delete" and chosen:
        estate.decide(delete_ci, chosen, now=at(minutes))
    elif deed == "pin" and chosen:
        wish = PinWish("memory_bytes", number * 2**30, "measured by hand", "kim", at(minutes + 15))
        estate.decide(pin_value, chosen, wish, now=at(minutes))
    elif chosen:
        patches = {"record": Patch(changes={"owner": f"o{number}"}), "tag": Patch(tags={"role": f"r{number}"}), "retire": Patch(lifecycle="retired")}
        if deed in patches:
            estate.decide(patch_recorded, chosen, patches[deed], now=at(minutes))


def believed(estate: Estate, days: list[float], known: float) -> dict[Any, Any]:
    """Everything that is answered about these instants by what was known at another."""
    reader = reader_of(estate)
    numbers = [row[0] for row in estate.rows(select(ci.c.number).where(ci.c.created_at <= at(known)).order_by(ci.c.number))]
    found: dict[Any, Any] = {}
    for day in days:
        for number in numbers:
            found[day, number] = msgspec.to_builtins(reader.ci_as_at(str(number), at(day), at(known)))
        for query in ("two", "tag.role:r1 OR is:recorded"):
            found[day, query] = msgspec.to_builtins(reader.list_cis_then(query, at=at(day), known_at=at(known)).items)
        for states in (("open",), ("accepted", "self_resolved", "superseded")):
            page = reader.list_differences_then(states=states, at=at(day), known_at=at(known))
            kept = ("id", "state", "ci", "attribute", "recorded", "observed", "decision_id")
            found[day, states] = [{name: msgspec.to_builtins(each)[name] for name in kept} for each in page.items]
    return found


def emptied(database: Database) -> Estate:
    """A store with nothing in it, for the next example."""
    with database.begin() as connection:
        if database.is_sqlite:
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        else:
            connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    return Estate(database)


def check_that_no_answer_changes(estate: Estate, steps: list[Any]) -> None:
    answers: dict[float, dict[Any, Any]] = {}
    for number, step in enumerate(steps):
        minutes = 10 * (number + 1)
        run_step(estate, step, minutes)
        answers[minutes] = believed(estate, sorted({0, max(0, minutes - 25), minutes - 5, minutes}), minutes)
    for minutes, answer in answers.items():
        assert believed(estate, sorted({key[0] for key in answer}), minutes) == answer


@pytest.fixture(scope="module")
def generated_store(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("as_of") / "store.db"
    shutil.copyfile(migrated_sqlite, path)
    database = open_database(f"sqlite:///{path}")
    yield database
    database.close()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_what_was_believed_never_changes_afterwards(generated_store: Database, steps: list[Any]) -> None:
    check_that_no_answer_changes(emptied(generated_store), steps)


COURSE: list[Any] = [
    ("report", "agent/web01/a1", "one", "6.1", 1, 2, 0),
    ("report", "agent/db01/a2", "two", "6.1", 1, 0, 0),
    ("accept", 0),
    ("report", "agent/web01/a1", "two", "6.8", 2, 1, 0),
    ("report", "agent/web01/a1", "one", "6.8", 1, 2, 15),
    ("merge", 0),
    ("report", "ssh/web01/1", "one", "6.1", 2, 0, 35),
    ("accept", 0),
    ("undo", 1),
    ("record", 1),
    ("undo", 0),
    ("pin", 1),
    ("delete", 1),
    ("silence", 0),
    ("undo", 1),
]


def test_what_was_believed_never_changes_through_merge_undo_and_late_reports(estate: Estate) -> None:
    check_that_no_answer_changes(estate, COURSE)


def test_history_is_only_ever_added_to(estate: Estate) -> None:
    kept: list[Any] = []
    for number, step in enumerate(COURSE):
        run_step(estate, step, 10 * (number + 1))
        lines = estate.rows(select(history).order_by(history.c.id))
        assert lines[: len(kept)] == kept
        kept = lines


# --- one at a time ---
def rename(estate: Estate) -> str:
    estate.send("agent/web01/a1", {"host": section(host("one", "S1ABC", "6.1", 1))}, at=0)
    estate.send("agent/web01/a1", {"host": section(host("two", "S1ABC", "6.1", 1))}, at=10)
    return estate.id_of("two")


def test_a_renamed_host_is_found_and_shown_under_the_name_of_then(estate: Estate) -> None:
    key = rename(estate)
    reader = reader_of(estate)
    assert [reader.ci_as_at(key, at(minutes)).ci.name for minutes in (5, 10)] == ["one", "two"]
    assert [row.name for row in reader.list_cis_then("name:one", at=at(5)).items] == ["one"]
    assert reader.list_cis_then("name:one", at=at(15)).items == []


def two_hosts(estate: Estate) -> tuple[str, str]:
    estate.send("agent/web01/a1", {"host": section(host("web", "S1ABC", "6.1", 1)), "disks": section(*disks(1))}, at=0)
    estate.send("agent/db01/a2", {"host": section(host("db", "S2ABC", "6.8", 2))}, at=1)
    return estate.id_of("web"), estate.id_of("db")


def test_a_merge_is_two_as_known_then_and_one_as_known_today_about_then(estate: Estate) -> None:
    web, db = two_hosts(estate)
    estate.decide(merge_cis, db, [web], now=at(20))
    reader = reader_of(estate)
    then, today = reader.ci_as_at(web, at(10), at(10)), reader.ci_as_at(web, at(10))
    assert (then.ci.id, then.effective["name"], then.contents) == (web, "web", {"disk": 1})
    assert (today.ci.id, today.asked_for and today.asked_for.id, today.contents) == (db, web, {"disk": 1})
    assert [len(reader.list_cis_then("class:server", at=at(10), known_at=at(known)).items) for known in (10, 30)] == [2, 1]


def test_an_unmerge_is_one_as_known_then_and_two_as_known_today_about_then(estate: Estate) -> None:
    web, db = two_hosts(estate)
    merged = estate.decide(merge_cis, db, [web], now=at(20))
    estate.decide(undo_decision, merged, now=at(40))
    reader = reader_of(estate)
    assert reader.ci_as_at(web, at(30), at(30)).ci.id == db
    today = reader.ci_as_at(web, at(30))
    assert (today.ci.id, today.effective["os.kernel"], today.contents) == (web, "6.1", {"disk": 1})
    assert reader.ci_as_at(db, at(30)).effective["os.kernel"] == "6.8"
    assert [len(reader.list_cis_then("class:server", at=at(30), known_at=at(known)).items) for known in (30, 50)] == [1, 2]


def test_what_a_merge_put_on_record_never_was_there_once_it_is_taken_back(estate: Estate) -> None:
    web, db = two_hosts(estate)
    estate.accept_all(5)
    estate.decide(patch_recorded, web, Patch(changes={"location": "R1"}), now=at(6))
    merged = estate.decide(merge_cis, db, [web], now=at(20))
    estate.decide(undo_decision, merged, now=at(40))
    reader = reader_of(estate)
    told = [reader.ci_as_at(db, at(30), at(known)).recorded.get("location") for known in (30, 50)]
    assert (told, reader.ci_as_at(web, at(30)).recorded["location"]) == (["R1", None], "R1")


def test_a_decision_taken_back_was_in_force_as_known_then_and_never_was_as_known_today(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(host("web", "S1ABC", "6.1", 1))}, at=0)
    estate.accept_all(5)
    estate.send("agent/web01/a1", {"host": section(host("web", "S1ABC", "6.8", 1))}, at=10)
    estate.accept_all(20)
    accepted = estate.rows(select(decision.c.id).order_by(decision.c.at.desc()))[0][0]
    estate.decide(undo_decision, accepted, now=at(40))
    reader, key = reader_of(estate), estate.id_of("web")
    assert [reader.ci_as_at(key, at(30), at(known)).recorded["os.kernel"] for known in (15, 30, 50)] == ["6.1", "6.8", "6.1"]
    states = [
        [each.state for each in reader.list_differences_then(states=("open", "accepted"), at=at(30), known_at=at(k)).items] for k in (15, 30, 50)
    ]
    assert states == [["accepted", "open"], ["accepted", "accepted"], ["accepted", "open"]]


def test_parts_and_their_records_begin_when_they_were_put_on_record(estate: Estate) -> None:
    web, _ = two_hosts(estate)
    estate.accept_all(20)
    reader = reader_of(estate)
    assert [reader.ci_as_at(web, at(minutes)).is_recorded for minutes in (10, 25)] == [False, True]
    disk = estate.rows(select(ci.c.id).where(ci.c.ci_class == "disk"))[0][0]
    assert [reader.ci_as_at(disk, at(minutes)).is_recorded for minutes in (10, 25)] == [False, True]


def test_a_moved_disk_was_in_the_other_host(estate: Estate) -> None:
    web, db = two_hosts(estate)
    estate.send("agent/db01/a2", {"host": section(host("db", "S2ABC", "6.8", 2)), "disks": section(*disks(1))}, at=10)
    reader = reader_of(estate)
    held = [[reader.ci_as_at(key, at(minutes)).contents for key in (web, db)] for minutes in (5, 15)]
    assert held == [[{"disk": 1}, {}], [{}, {"disk": 1}]]


def test_identifiers_are_those_of_the_content_that_held(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(item("host", "server", attributes={"name": "web"}, serial="S1ABC", fqdn="a.example"))}, at=0)
    estate.send("agent/web01/a1", {"host": section(item("host", "server", attributes={"name": "web"}, serial="S1ABC", fqdn="b.example"))}, at=10)
    reader, key = reader_of(estate), estate.id_of("web")
    shown = [[each.value for each in reader.ci_as_at(key, at(minutes)).identifiers if each.kind == "fqdn"] for minutes in (5, 15)]
    assert shown == [["a.example"], ["b.example"]]


def test_the_course_of_a_value_tells_from_when_until_when_and_since_when_known(estate: Estate) -> None:
    for minutes, kernel, now in ((0, "A", 0), (40, "C", 40), (20, "B", 60)):
        estate.send("agent/web01/a1", {"host": section(host("web", "S1ABC", kernel, 1))}, at=minutes, now=now)
    reader, key = reader_of(estate), estate.id_of("web")
    lines = reader.ci_history(key, attribute="os.kernel", layer="observed").items
    told = [(each.new_value, *((instant - START) // MINUTE for instant in (each.valid_from, each.known_from)), each.valid_to) for each in lines]
    assert told == [("C", 40, 40, None), ("B", 20, 60, at(40))]
    assert [each.new_value for each in reader.ci_history(key, attribute="os.kernel", known_at=at(50)).items] == ["C"]


def test_an_instant_to_come_is_refused(estate: Estate) -> None:
    key = rename(estate)
    with pytest.raises(MusterError, match="not come yet"):
        reader_of(estate, 20).ci_as_at(key, at(30))


def test_what_no_history_is_kept_of_cannot_be_asked(estate: Estate) -> None:
    with pytest.raises(MusterError, match="no history of it is kept"):
        reader_of(estate).list_cis_then("seen<7d", at=at(0))
