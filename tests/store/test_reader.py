"""The read side shows what the write side wrote: provenance, groups, explanations, and how fresh all is."""

from __future__ import annotations

import pytest

from collector.store.decision import Choice, accept_differences
from collector.store.reader import Reader
from collector.store.recorded import Patch, patch_recorded
from muster.clock import FakeClock
from muster.errors import InputError
from muster.wire.report import Item, RelationClaim
from tests.store.sender import CATALOGUE, PERSON, START, Estate, item, section, unchanged
from tests.store.test_decision import at, kernel, record
from tests.store.test_ingest import HOST, package, packages

SNMP = item("s", "device", attributes={"name": "web01", "os.kernel": "Y", "location": "R1"}, sysname="web01", mac=["02:fc:00:00:00:01"])


def reader(estate: Estate, minutes: int = 60) -> Reader:
    return Reader(estate.database, CATALOGUE, clock=FakeClock(at(minutes)))


def test_each_fact_names_its_source_and_what_the_others_say(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)})
    estate.send("snmp/d/d1", {"host": section(SNMP)}, at=1)
    facts = {each.attribute: each for each in reader(estate, 2).get_ci("1").facts}
    shown = facts["os.kernel"]
    assert shown.source is not None
    assert (shown.effective, shown.source.kind, shown.rule) == ("6.1.0-18", "agent", "precedence")
    assert [(each.source.kind, each.value, each.is_winner) for each in shown.candidates] == [("agent", "6.1.0-18", True), ("snmp", "Y", False)]
    assert facts["location"].source is not None
    assert facts["location"].source.kind == "snmp"


def test_a_value_dates_from_its_change_not_from_the_last_confirmation(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)})
    estate.send("agent/web01/a1", {"host": kernel("B")}, at=10)
    estate.send("agent/web01/a1", {"host": unchanged(kernel("B"))}, at=20)
    facts = {each.attribute: each.since for each in reader(estate, 21).get_ci("1").facts}
    assert (facts["os.kernel"], facts["name"]) == (at(10), START)
    assert [each.seen_at for each in reader(estate, 21).list_cis().items] == [at(20)]


def test_links_and_identifiers_explain_themselves(estate: Estate) -> None:
    estate.send(
        "agent/web01/a1", {"host": section(item("host", "server", attributes={"name": "web01"}, serial="To be filled by O.E.M.", hostname="web01"))}
    )
    detail = reader(estate, 1).get_ci("1")
    assert [(each.kind, each.state) for each in detail.identifiers if each.kind in ("hostname", "serial")] == [
        ("hostname", "active"),
        ("serial", "junk"),
    ]
    assert "Nothing known matched agent/web01/a1 host" in detail.links[0].explanation


def test_groups_collapse_one_cause_and_open_into_its_differences(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"packages": section(package("nginx"), package("curl"), *packages(4))}, at=10)
    groups = reader(estate).difference_groups().items
    assert [(each.kind, each.ci_class, each.count) for each in groups] == [("new_ci", "software_package", 4)]
    listed = reader(estate).list_differences(group=groups[0].group_key).items
    assert sorted((each.ci.name, each.owner.name) for each in listed) == [(f"p{number}", "web01") for number in range(4)]
    estate.decide(accept_differences, Choice({each.id: each.observed_token for each in listed}), now=at(11))
    assert reader(estate).difference_groups().items == []


def test_decisions_name_who_and_what(estate: Estate) -> None:
    record(estate)
    decisions = reader(estate).list_decisions().items
    assert [(each.kind, each.made_by, len(each.difference_ids)) for each in decisions] == [("accept", PERSON, 1)]


def test_history_names_the_person_behind_a_recorded_value(estate: Estate) -> None:
    record(estate)
    estate.decide(patch_recorded, "1", Patch({"owner": "ada"}), now=at(5))
    lines = reader(estate).ci_history("1", attribute="owner").items
    assert [(each.layer, each.old_value, each.new_value, each.actor) for each in lines] == [("recorded", None, "ada", PERSON)]


def test_relations_show_their_other_end_and_witnesses(estate: Estate) -> None:
    other = item("b", "network_device", attributes={"name": "sw1"}, serial="S1AAA")
    estate.send("snmp/d/d1", {"all": section(SNMP, other, relations=[RelationClaim("uses", "s", "b")])})
    detail = reader(estate, 1).get_ci("1")
    assert [(each.type, each.direction, each.other.name if each.other else None) for each in detail.relations] == [("uses", "out", "sw1")]


def test_the_overview_counts_what_is_there(estate: Estate) -> None:
    record(estate)
    estate.send("agent/web01/a1", {"host": kernel("B")}, at=10)
    overview = reader(estate, 11).overview()
    assert overview.cis == {"server": {"seen": 1}, "software_package": {"seen": 2}}
    assert overview.open_differences == {"changed_attribute": 1}
    assert overview.sources == {"reporting": 1, "silent": 0, "pending": 0, "revoked": 0}


def test_sources_show_sections_and_what_was_refused(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST, item("x", "nonsense"))})
    view = reader(estate, 1).list_sources().items[0]
    assert [(each["name"], each["status"], each["is_fresh"]) for each in view.sections] == [("host", "ok", True)]
    assert (view.rejected_total, view.last_rejections[0]["path"]) == (1, "$.sections.host.items[1]")


def test_lists_page_without_losing_or_repeating(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(23))})
    seen: list[str] = []
    cursor = None
    while True:
        page = reader(estate).list_cis("class:software_package", cursor=cursor, limit=5)
        assert page.total == 23
        seen += [each.name for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(f"p{number}" for number in range(23))
    with pytest.raises(InputError, match="not of this list"):
        reader(estate).list_cis(cursor="x", limit=5)


def test_listeners_of_one_program_have_names_that_tell_them_apart(estate: Estate) -> None:
    estate.send(
        "agent/web01/a1", {"host": section(HOST), "listening_services": section(*(_listener(each) for each in (5432, 5433)), _listener(53, ""))}
    )
    names = {each.name for each in reader(estate, 2).list_cis("class:listening_service").items}
    assert names == {"postgres tcp/5432", "postgres tcp/5433", "tcp/53"}


def _listener(port: int, process: str = "postgres") -> Item:
    attributes = {"protocol": "tcp", "address": "127.0.0.1", "port": port, "process": process or None}
    return item(
        f"sock:{port}", "listening_service", owner="host", attributes={name: value for name, value in attributes.items() if value is not None}
    )
