"""Merging and un-merging through the store: links move and come back, and nothing that anyone told or decided is lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from collector.store.decision import undo_decision
from collector.store.merge import merge_cis
from collector.store.pin import PinWish, pin_value
from collector.store.reader import Reader
from collector.store.recorded import Patch, patch_recorded
from collector.store.schema import ci, merged_ci, pin, source_record
from collector.store.service import find_cis
from collector.store.unmerge import unmerge
from muster.errors import ConflictError, InputError
from muster.wire.report import Endpoint, RelationClaim
from tests.store.picture import picture, shape
from tests.store.sender import CATALOGUE, MINUTE, START, Estate, item, section


def at(minutes: float) -> int:
    return START + round(minutes * MINUTE)


def port(name: str, *, alias: str = "") -> Any:
    return item(f"if:{name}", "interface", owner="host", attributes={"name": name, "kind": "ethernet", "alias": alias or None})


def host(name: str, **words: Any) -> Any:
    attributes = words.pop("attributes", {})
    return item("host", words.pop("ci_class", "server"), attributes={"vendor": "V", "name": name, **attributes}, **words)


def two_hosts(estate: Estate) -> tuple[str, str]:
    """One machine that two sources see by identifiers that have nothing in common; ids of what the rules make of it."""
    estate.send("agent/a/1", {"host": section(host("a", machine_id="0" * 31 + "1"), port("eth0"))})
    estate.send("snmp/d/1", {"host": section(host("b", serial="SBBBB", ci_class="device"), port("eth0", alias="up"), port("eth1"))}, at=1)
    return estate.id_of("a"), estate.id_of("b")


def redirects(estate: Estate) -> dict[str, str]:
    return dict(estate.rows(select(ci.c.id, ci.c.redirect_to).where(ci.c.redirect_to.is_not(None), ci.c.owner_ci_id.is_(None))))


def test_a_merge_moves_links_and_parts_and_leads_from_the_old_id(estate: Estate) -> None:
    left, right = two_hosts(estate)
    estate.decide(merge_cis, left, [right], now=at(2))
    assert shape(estate) == [["agent/a/1 host", "snmp/d/1 host"]]
    assert estate.names() == [("interface", "eth0", "a"), ("interface", "eth1", "a"), ("server", "a", None)]
    assert redirects(estate) == {right: left}


def test_later_reports_of_both_sides_stay_merged(estate: Estate) -> None:
    left, right = two_hosts(estate)
    estate.decide(merge_cis, left, [right], now=at(2))
    estate.send("snmp/d/1", {"host": section(host("b2", serial="SBBBB", ci_class="device"), port("eth0"), port("eth2"))}, at=3)
    estate.send("agent/a/1", {"host": section(host("a3", machine_id="0" * 31 + "1"), port("eth0"))}, at=4)
    assert shape(estate) == [["agent/a/1 host", "snmp/d/1 host"]]
    assert estate.id_of("a3") == left


def test_an_unmerge_gives_back_what_was_there_and_the_next_reports_do_not_merge_again(estate: Estate) -> None:
    left, right = two_hosts(estate)
    before = (shape(estate), estate.names(), picture(estate))
    made = estate.decide(merge_cis, left, [right], now=at(2))
    estate.decide(unmerge, made, now=at(3))
    assert (shape(estate), estate.names(), picture(estate)) == before
    assert (estate.id_of("a"), estate.id_of("b")) == (left, right)
    estate.send("snmp/d/1", {"host": section(host("b2", serial="SBBBB", machine_id="0" * 31 + "1", ci_class="device"), port("eth0"))}, at=4)
    assert len(shape(estate)) == 2


@pytest.mark.parametrize("key", ["loser", "survivor", "decision", "undo"])
def test_an_unmerge_finds_its_merge_by_whatever_names_it(estate: Estate, key: str) -> None:
    left, right = two_hosts(estate)
    made = estate.decide(merge_cis, left, [right], now=at(2))
    if key == "undo":
        estate.decide(undo_decision, made, now=at(3))
    else:
        estate.decide(unmerge, {"loser": right, "survivor": left, "decision": made}[key], now=at(3))
    assert (estate.id_of("a"), estate.id_of("b")) == (left, right)


def test_taking_an_unmerge_back_merges_again_as_often_as_people_like(estate: Estate) -> None:
    left, right = two_hosts(estate)
    made = estate.decide(merge_cis, left, [right], now=at(2))
    for minutes in (3, 5):
        parted = estate.decide(unmerge, made, now=at(minutes))
        assert len(shape(estate)) == 2
        made = estate.decide(unmerge, parted, now=at(minutes + 1))
        assert (shape(estate), redirects(estate)) == ([["agent/a/1 host", "snmp/d/1 host"]], {right: left})
    with pytest.raises(ConflictError) as caught:
        estate.decide(unmerge, parted, now=at(9))
    assert caught.value.code == "already-undone"


def test_undoing_the_first_of_two_merges_takes_only_its_own_out(estate: Estate) -> None:
    left, middle = two_hosts(estate)
    estate.send("ssh/e/1", {"host": section(host("c", asset_tag="C-1"), port("eth0"), port("eth9"))}, at=1)
    right = estate.id_of("c")
    before = picture(estate)
    first = estate.decide(merge_cis, middle, [left], now=at(2))
    second = estate.decide(merge_cis, right, [middle], now=at(3))
    assert redirects(estate) == {left: middle, middle: right}
    estate.decide(unmerge, first, now=at(4))
    assert shape(estate) == [["agent/a/1 host"], ["snmp/d/1 host", "ssh/e/1 host"]]
    assert redirects(estate) == {middle: right}
    assert ("interface", "eth0", "a") in estate.names()
    estate.decide(unmerge, second, now=at(5))
    assert (picture(estate), redirects(estate)) == (before, {})


def test_recorded_values_pins_and_tags_come_together_and_go_back(estate: Estate) -> None:
    left, right = two_hosts(estate)
    estate.accept_all(2)
    estate.decide(patch_recorded, left, Patch({"location": "R1"}, {"role": "web"}), now=at(3))
    estate.decide(patch_recorded, right, Patch({"location": "R2", "description": "second"}, {"role": "db", "team": "x"}), now=at(3))
    for attribute, value in (("model", "M9"), ("os.kernel", "9.9")):
        estate.decide(pin_value, right, PinWish(attribute, value, "known", "kim"), now=at(4))
    before = (estate.recorded("a"), estate.recorded("b"), estate.effective("b"), picture(estate), estate.rows(select(pin)))
    made = estate.decide(merge_cis, left, [right], {"location": "loser"}, now=at(5))
    assert estate.recorded("a") | {"location": "R2", "description": "second"} == estate.recorded("a")
    assert estate.effective("a")["model"] == "M9"
    estate.decide(unmerge, made, now=at(6))
    after = (estate.recorded("a"), estate.recorded("b"), estate.effective("b"), picture(estate), estate.rows(select(pin)))
    assert after == before


@pytest.mark.parametrize("choices", [{"name": "both"}, {"colour": "loser"}])
def test_a_choice_that_decides_nothing_is_refused_and_nothing_changes(estate: Estate, choices: dict[str, str]) -> None:
    left, right = two_hosts(estate)
    estate.accept_all(2)
    before = estate.dump()
    with pytest.raises(InputError):
        estate.decide(merge_cis, left, [right], choices, now=at(3))
    assert estate.dump() == before


def test_what_is_never_one_is_refused_with_its_reason(estate: Estate) -> None:
    left, right = two_hosts(estate)
    estate.send("snmp/x/1", {"host": section(host("sw", serial="SW1AA", ci_class="network_device"), port("p1"))}, at=1)
    switch = estate.id_of("sw")
    made = estate.decide(merge_cis, left, [right], now=at(2))

    def refusal(*keys: str) -> str:
        with pytest.raises(ConflictError) as caught:
            estate.decide(merge_cis, keys[0], keys[1:], now=at(3))
        return caught.value.code

    assert refusal(switch, right) == "already-merged"
    assert refusal(left, switch) == "class-family"
    assert refusal(left, left) == "same-ci"
    assert refusal(left, estate.id_of("eth0")) == "part"
    estate.decide(unmerge, made, now=at(4))
    assert refusal(left, right) == "cannot-link"
    estate.decide(patch_recorded, left, Patch(lifecycle="disposed"), now=at(5))
    assert refusal(left, right) == "disposed"


def test_ids_and_numbers_of_merged_cis_stay_known(estate: Estate) -> None:
    left, right = two_hosts(estate)
    made = estate.decide(merge_cis, left, [right], now=at(2))
    assert estate.rows(select(merged_ci.c.loser_id, merged_ci.c.survivor_id, merged_ci.c.undone_by)) == [(right, left, None)]
    parted = estate.decide(unmerge, made, now=at(3))
    assert estate.rows(select(merged_ci.c.undone_by)) == [(parted,)]
    assert not estate.rows(select(source_record.c.id).where(source_record.c.ci_id.is_(None)))


def test_a_conflict_that_nobody_decided_is_asked_until_somebody_does(estate: Estate) -> None:
    left, right = two_hosts(estate)
    estate.accept_all(2)
    for key, place in ((left, "R1"), (right, "R2")):
        estate.decide(patch_recorded, key, Patch({"location": place}), now=at(3))
    made = estate.decide(merge_cis, left, [right], {"name": "survivor"}, now=at(4))
    asked = [each for each in estate.open_values() if each[2] == "location"]
    assert asked == [(left, "changed_attribute", "location", "R1", "R2")]
    estate.send("agent/a/1", {"host": section(host("a", machine_id="0" * 31 + "1", attributes={"model": "M"}), port("eth0"))}, at=5)
    assert [each for each in estate.open_values() if each[2] == "location"] == asked
    estate.accept_all(6)
    assert estate.recorded("a")["location"] == "R2"
    assert estate.open_values() == []
    estate.decide(unmerge, made, now=at(7))
    assert (estate.recorded("a")["location"], estate.recorded("b")["location"], estate.open_values()) == ("R2", "R2", [])


def test_a_relation_between_two_that_become_one_is_hidden_and_comes_back(estate: Estate) -> None:
    left, right = two_hosts(estate)
    joined = [RelationClaim("depends_on", "host", Endpoint({"serial": "SBBBB"}))]
    seen = section(host("a", machine_id="0" * 31 + "1"), port("eth0"), relations=joined, digest="r")
    estate.send("agent/a/1", {"host": seen}, at=2)
    reader = Reader(estate.database, CATALOGUE, clock=estate.clock)
    assert [each.other.id for each in reader.get_ci(left).relations if each.other is not None] == [right]
    made = estate.decide(merge_cis, left, [right], now=at(3))
    assert reader.get_ci(right).relations == []
    assert reader.get_ci(left).redirected_from == [right]
    estate.decide(unmerge, made, now=at(4))
    assert [each.other.id for each in reader.get_ci(left).relations if each.other is not None] == [right]


def test_a_service_finds_a_merged_ci_by_whatever_it_was_called(estate: Estate) -> None:
    left, right = two_hosts(estate)
    (number,) = [row[0] for row in estate.rows(select(ci.c.number).where(ci.c.id == right))]
    estate.decide(merge_cis, left, [right], now=at(3))
    with estate.database.connect() as connection:
        found = find_cis(connection, ["b", right, str(number), "nobody"])
    assert {name: [each.id for each in cis] for name, cis in found.items()} == {"b": [left], right: [left], str(number): [left], "nobody": []}
