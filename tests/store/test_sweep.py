"""Time alone changes presence, ignores and pins, each when it is due, and nothing else."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import select

from collector.store.decision import Choice, ignore_differences
from collector.store.pin import PinWish, pin_value, unpin_value
from collector.store.schema import ci, history
from collector.store.schema import section as section_table
from muster.errors import InputError, NotFoundError
from tests.store.sender import START, Estate, section, unchanged
from tests.store.test_decision import at, kernel, record
from tests.store.test_ingest import HOST, packages


def test_a_silent_source_is_stale_and_its_parts_unknown_not_absent(estate: Estate) -> None:
    full = {"host": section(HOST), "packages": section(*packages(3))}
    estate.send("agent/web01/a1", full)
    assert estate.sweep(30).stale_sections == 0
    assert estate.sweep(31).stale_sections == 2
    assert (estate.presence("web01"), estate.presence("p0"), estate.absent()) == ("stale", "unknown", [])
    assert estate.sweep(32).stale_sections == 0
    estate.send("agent/web01/a1", {name: unchanged(each) for name, each in full.items()}, at=40)
    assert (estate.presence("web01"), estate.presence("p0")) == ("seen", "seen")


def test_silence_dates_from_the_last_word(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)})
    estate.sweep(100)
    lines = estate.rows(select(history.c.valid_from, history.c.known_from).where(history.c.layer == "presence"))
    assert lines == [(START, at(100))]


def test_a_buffered_report_of_a_silent_source_does_not_make_it_fresh(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)}, at=0, now=200)
    assert estate.presence("web01") == "stale"
    estate.send("agent/web01/a1", {"host": unchanged(section(HOST))}, at=10, now=201)
    estate.sweep(202)
    assert estate.presence("web01") == "stale"


def test_a_sweep_with_nothing_due_writes_nothing(estate: Estate) -> None:
    record(estate)
    assert estate.count_rows_written(lambda: estate.sweep(5)) == 0


def test_one_sweep_takes_a_part_and_says_so(estate: Estate) -> None:
    from collector.store.sweep import sweep

    estate.send("agent/web01/a1", {name: section(each) for name, each in zip(("a", "b"), packages(2), strict=True)} | {"host": section(HOST)})
    with estate.database.begin() as connection:
        first = sweep(connection, estate.context, at(31), limit=2)
        second = sweep(connection, estate.context, at(31), limit=2)
    assert [(each.stale_sections, each.is_whole) for each in (first, second)] == [(2, False), (1, True)]
    assert estate.rows(select(section_table.c.stale_at).distinct()) == [(None,)]


def test_an_ignored_difference_opens_again_when_its_time_is_over(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21")}, at=10)
    estate.decide(ignore_differences, Choice(estate.open_tokens()), now=at(11), until=at(20))
    estate.send("agent/web01/a1", {"host": kernel("6.1.0-21")}, at=15)
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "ignored")]
    assert estate.sweep(19).reopened_differences == 0
    assert estate.sweep(20).reopened_differences == 1
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "open")]
    assert estate.sweep(21).reopened_differences == 0


def test_a_pin_holds_against_every_report_until_it_ends(estate: Estate) -> None:
    record(estate)
    wish = PinWish("os.kernel", "6.1.0-17", "known wrong", "ada", at(60))
    estate.decide(pin_value, estate.id_of("web01"), wish, now=at(2))
    assert estate.effective("web01")["os.kernel"] == "6.1.0-17"
    lines = estate.rows(select(history.c.id))
    for minutes in (10, 20, 30):
        estate.send("agent/web01/a1", {"host": section(HOST, digest=str(minutes))}, at=minutes)
    assert estate.rows(select(history.c.id)) == lines
    assert estate.differences() == [("changed_attribute", "web01", "os.kernel", "pinned")]
    estate.send("agent/web01/a1", {"host": unchanged(section(HOST, digest="30"))}, at=55)
    assert estate.sweep(60).ended_pins == 1
    assert estate.effective("web01")["os.kernel"] == "6.1.0-18"
    assert estate.differences() == []
    assert estate.sweep(61).ended_pins == 0


def test_a_pin_can_be_taken_off_and_what_is_no_pin_is_refused(estate: Estate) -> None:
    record(estate)
    ci_id = estate.id_of("web01")
    with pytest.raises(NotFoundError, match="not pinned"):
        estate.decide(unpin_value, ci_id, "os.kernel", now=at(2))
    for wish in (PinWish("owner", "x", "r", "ada"), PinWish("os.kernel", "x", "", "ada"), PinWish("os.kernel", "x", "r", "ada", at(1))):
        with pytest.raises(InputError):
            estate.decide(pin_value, ci_id, wish, now=at(2))
    estate.decide(pin_value, ci_id, PinWish("os.kernel", "x", "r", "ada"), now=at(2))
    estate.decide(unpin_value, ci_id, "os.kernel", now=at(3))
    assert estate.effective("web01")["os.kernel"] == "6.1.0-18"


def test_a_value_that_goes_to_and_fro_is_one_difference_that_rests_in_the_end(estate: Estate) -> None:
    record(estate)
    for number in range(6):
        estate.send("agent/web01/a1", {"host": kernel("6.1.0-21" if number % 2 == 0 else "6.1.0-18")}, at=10 + number)
    assert estate.differences("open", "self_resolved") == [("changed_attribute", "web01", "os.kernel", "open")]
    steady = msgspec.structs.replace(kernel("6.1.0-18"), items=None)
    estate.send("agent/web01/a1", {"host": steady}, at=1_400)
    estate.sweep(24 * 60 + 20)
    assert estate.differences() == []


def test_a_revoked_sources_word_is_not_fresh(estate: Estate) -> None:
    from collector.store.source import revoke_source

    estate.send("agent/web01/a1", {"host": section(HOST)})
    with estate.database.begin() as connection:
        revoke_source(connection, 1, at(1))
    estate.sweep(31)
    assert estate.rows(select(ci.c.presence)) == [("stale",)]
