"""What a record stated and no longer names is kept, shown with its instant, hands over once it is stale, and goes when it is said again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from collector.store.reader import Reader
from collector.store.schema import kept_value
from muster.clock import FakeClock
from tests.store.sender import CATALOGUE, MINUTE, START, Estate, item, section


def host(**attributes: Any) -> Any:
    return item("h", "server", attributes={"name": "web01", **attributes}, serial="S1AAA")


def test_a_kept_value_is_shown_with_the_instant_when_it_was_heard_last(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(host(location="R1", contact="ada"))})
    estate.send("agent/web01/a1", {"host": section(host(location="", contact="kim"))}, at=10)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(START + 11 * MINUTE))
    facts = {each.attribute: each for each in reader.get_ci(estate.id_of("web01")).facts}
    location = facts["location"]
    assert (location.effective, location.rule, location.source.kind if location.source else None) == ("R1", "only_source", "agent")
    assert [(each.value, each.observed_at, each.is_winner) for each in location.candidates] == [
        ("R1", START, True),
        ("", START + 10 * MINUTE, False),
    ]
    assert [(each.value, each.is_winner) for each in facts["contact"].candidates] == [("kim", True)]


def test_a_kept_value_that_grew_stale_hands_over_by_time_alone(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(host(location="R1"))})
    estate.send("agent/web01/a1", {"host": section(host())}, at=25)
    estate.send("snmp/d/p1", {"all": section(host(location="R2"))}, at=26)
    assert estate.effective("web01")["location"] == "R1"
    estate.sweep(29)
    assert estate.effective("web01")["location"] == "R1"
    estate.sweep(31)
    assert (estate.effective("web01")["location"], estate.presence("web01")) == ("R2", "seen")


def test_a_value_that_is_said_again_is_kept_no_more(estate: Estate) -> None:
    for at, attributes in enumerate(({"location": "R1"}, {}, {"location": "R2"})):
        estate.send("agent/web01/a1", {"host": section(host(**attributes))}, at=at)
        kept = estate.rows(select(func.count()).select_from(kept_value))
        assert kept == [(1 if at == 1 else 0,)]
    assert estate.effective("web01")["location"] == "R2"
