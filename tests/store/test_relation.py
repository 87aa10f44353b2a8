"""Relations find their ends whenever these appear, end when they are no longer claimed, and follow what moves."""

from __future__ import annotations

from sqlalchemy import select

from collector.store.reader import Reader
from collector.store.recorded import Patch, patch_recorded
from collector.store.schema import ci, history, relation
from muster.clock import FakeClock
from muster.wire.report import Endpoint, RelationClaim
from tests.store.sender import CATALOGUE, START, Estate, item, section, unchanged

SWITCH_A = item("a", "network_device", attributes={"name": "sw-a"}, serial="S1AAA", chassis_id="00:1b:21:00:00:0a")
SWITCH_B = item("b", "network_device", attributes={"name": "sw-b"}, serial="S2BBB", chassis_id="00:1b:21:00:00:0b")


def port(owner: str, name: str) -> object:
    return item(f"{owner}/if:{name}", "interface", owner=owner, attributes={"name": name, "kind": "ethernet"})


def link(local: str, chassis: str, name: str) -> RelationClaim:
    return RelationClaim("connected_to", local, Endpoint({"chassis_id": chassis, "name": name}, "interface"))


def relations(estate: Estate) -> list[tuple[str, str | None, str | None]]:
    """Type and names of both ends of the relations in force, in no order of ends."""
    left, right = ci.alias(), ci.alias()
    joined = relation.outerjoin(left, left.c.id == relation.c.from_ci_id).outerjoin(right, right.c.id == relation.c.to_ci_id)
    rows = estate.rows(select(relation.c.type, left.c.name, right.c.name).select_from(joined).where(relation.c.valid_to.is_(None)))
    return sorted((kind, *sorted(ends, key=lambda each: (each is None, each))) for kind, *ends in rows)


def test_an_end_that_is_not_known_yet_is_found_when_it_appears(estate: Estate) -> None:
    claim = link("a/if:1", "00:1b:21:00:00:0b", "2")
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, port("a", "1"), relations=[claim])})
    assert relations(estate) == [("connected_to", "1", None)]
    estate.send("snmp/d/d2", {"b": section(SWITCH_B, port("b", "2"))}, at=1)
    assert relations(estate) == [("connected_to", "1", "2")]
    assert [row[0] for row in estate.rows(select(history.c.attribute).where(history.c.layer == "relation"))] == ["connected_to"]


def test_both_ends_see_one_link_with_two_witnesses(estate: Estate) -> None:
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, port("a", "1"), relations=[link("a/if:1", "00:1b:21:00:00:0b", "2")])})
    estate.send("snmp/d/d2", {"b": section(SWITCH_B, port("b", "2"), relations=[link("b/if:2", "00:1b:21:00:00:0a", "1")])}, at=1)
    ends = estate.rows(select(relation.c.from_ci_id, relation.c.to_ci_id))
    assert len(ends) == 2
    assert len(set(ends)) == 1
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(START + 60_000))
    assert [[each.instance for each in found.sources] for found in reader.part_relations("1")] == [["d1", "d2"]]
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, port("a", "1"), relations=[])}, at=2)
    assert [[each.instance for each in found.sources] for found in reader.part_relations("1")] == [["d2"]]
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, port("a", "1"), relations=[])}, at=3)
    assert relations(estate) == [("connected_to", "1", "2")]


def test_a_silent_witness_of_a_link_counts_no_more(estate: Estate) -> None:
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, port("a", "1"), relations=[link("a/if:1", "00:1b:21:00:00:0b", "2")])})
    estate.send("snmp/d/d2", {"b": section(SWITCH_B, port("b", "2"), relations=[link("b/if:2", "00:1b:21:00:00:0a", "1")])}, at=25)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(START + 40 * 60_000))
    assert [[each.instance for each in found.sources] for found in reader.part_relations("1")] == [["d2"]]
    late = Reader(estate.database, CATALOGUE, clock=FakeClock(START + 600 * 60_000))
    assert [[each.instance for each in found.sources] for found in late.part_relations("1")] == [["d1", "d2"]]  # what was last known


def test_witnesses_that_name_different_ends_of_a_port_dispute_it(estate: Estate) -> None:
    switch_c = item("c", "network_device", attributes={"name": "sw-c"}, serial="S3CCC", chassis_id="00:1b:21:00:00:0c")
    estate.send("snmp/d/d3", {"c": section(switch_c, port("c", "3"))})
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, port("a", "1"), relations=[link("a/if:1", "00:1b:21:00:00:0b", "2")])})
    estate.send("snmp/d/d2", {"b": section(SWITCH_B, port("b", "2"), relations=[link("b/if:2", "00:1b:21:00:00:0c", "3")])}, at=1)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(START + 120_000))
    assert [each.is_disputed for each in reader.part_relations(estate.id_of("sw-b"))] == [True, True]
    assert [each.is_disputed for each in reader.part_relations(estate.id_of("sw-a"))] == [False]
    assert [each.is_disputed for each in reader.get_ci(estate.id_of("2")).relations] == [True, True]


def test_a_relation_to_what_is_retired_says_so(estate: Estate) -> None:
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, port("a", "1"), relations=[link("a/if:1", "00:1b:21:00:00:0b", "2")])})
    estate.send("snmp/d/d2", {"b": section(SWITCH_B, port("b", "2"))}, at=1)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(START + 120_000))
    key = estate.id_of("sw-a")
    assert [each.is_to_retired for each in reader.part_relations(key)] == [False]
    estate.decide(patch_recorded, estate.id_of("sw-b"), Patch(lifecycle="retired"), now=START + 120_000)
    assert [each.is_to_retired for each in reader.part_relations(key)] == [True]


def test_link_of_a_port_is_one_relation_with_all_who_claim_it(estate: Estate) -> None:
    """Also while its other end is not known."""
    claim = link("a/if:1", "00:1b:21:00:00:0b", "2")
    for at, source in enumerate(("snmp/d/d1", "snmp/d/d2")):
        estate.send(source, {"a": section(SWITCH_A, port("a", "1"), relations=[claim])}, at=at)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(START + 600_000))
    (pending,) = reader.part_relations("1")
    assert (pending.other, [each.instance for each in pending.sources]) == (None, ["d1", "d2"])
    estate.send("snmp/d/d3", {"b": section(SWITCH_B, port("b", "2"))}, at=2)
    (found,) = reader.part_relations("1")
    assert (found.own and found.own.name, found.other and found.other.name, found.other_owner and found.other_owner.name) == ("1", "2", "sw-b")
    assert len(found.sources) == 2


def test_what_a_whole_section_no_longer_claims_has_ended(estate: Estate) -> None:
    first, second = RelationClaim("backs_up_to", "a", "b"), RelationClaim("uses", "a", "b")
    estate.send("snmp/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=[first, second])})
    estate.send("snmp/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=[first], complete=False)}, at=1)
    assert [each[0] for each in relations(estate)] == ["backs_up_to", "uses"]
    estate.send("snmp/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=[first])}, at=2)
    assert [each[0] for each in relations(estate)] == ["backs_up_to", "uses"]
    estate.send("snmp/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=[first])}, at=3)
    assert [each[0] for each in relations(estate)] == ["backs_up_to"]
    assert estate.rows(select(relation.c.valid_to).where(relation.c.type == "uses")) == [(START + 120_000,)]


def test_a_confirmation_counts_a_miss_on(estate: Estate) -> None:
    claim = RelationClaim("uses", "a", "b")
    estate.send("snmp/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=[claim])})
    without = section(SWITCH_A, SWITCH_B, relations=[])
    estate.send("snmp/d/d1", {"all": without}, at=1)
    estate.send("snmp/d/d1", {"all": unchanged(without)}, at=2)
    assert relations(estate) == []


def test_a_relation_that_is_back_is_counted_anew(estate: Estate) -> None:
    claim = RelationClaim("uses", "a", "b")
    for minute, claims in enumerate(([claim], [], [claim], [])):
        estate.send("snmp/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=claims)}, at=minute)
    assert [each[0] for each in relations(estate)] == ["uses"]


def test_many_links_lost_at_once_are_held_in_one_case(estate: Estate) -> None:
    ports = [port("a", str(number)) for number in range(6)]
    links = [link(f"a/if:{number}", "00:1b:21:00:00:0b", str(number)) for number in range(6)]
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, *ports, relations=links)})
    for minute in (1, 2, 3):
        estate.send("snmp/d/d1", {"a": section(SWITCH_A, *ports, relations=[])}, at=minute)
    assert (len(relations(estate)), estate.cases()) == (6, ["mass_loss"])
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, *ports, relations=links)}, at=4)
    assert (len(relations(estate)), estate.cases()) == (6, [])


def test_an_inferred_dependency_lives_by_its_own_days(estate: Estate) -> None:
    claim = RelationClaim("depends_on", "a", "b")
    day = 24 * 60
    hosts = section(SWITCH_A, SWITCH_B, relations=[claim])
    for minute in (0, 1, day, day + 1):
        estate.send("agent/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=[claim], digest=None)}, at=minute)
    assert estate.rows(select(relation.c.seen_days)) == [(2,)]
    estate.send("agent/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=[])}, at=day + 2)
    estate.send("agent/d/d1", {"all": section(SWITCH_A, SWITCH_B, relations=[])}, at=day + 3)
    estate.sweep(10 * day)
    assert len(relations(estate)) == 1
    estate.sweep(16 * day)
    assert relations(estate) == []
    assert hosts.relations == [claim]


def test_an_unknown_type_of_relation_is_refused_with_what_was_meant(estate: Estate) -> None:
    receipt = estate.send(
        "snmp/d/d1", {"a": section(SWITCH_A, SWITCH_B, relations=[RelationClaim("run_on", "a", "b"), RelationClaim("uses", "a", "b")])}
    )
    assert [(each.path, each.reason) for each in receipt.answer.rejected] == [
        ("$.sections.a.relations[0].type", "unknown relation 'run_on'; did you mean 'runs_on'?")
    ]
    assert [each[0] for each in relations(estate)] == ["uses"]


def test_what_people_record_no_source_states(estate: Estate) -> None:
    receipt = estate.send("snmp/d/d1", {"a": section(SWITCH_A, SWITCH_B, relations=[RelationClaim("owned_by", "a", "b")])})
    assert [each.path for each in receipt.answer.rejected] == ["$.sections.a.relations[0].type"]


def test_a_circle_of_containment_is_refused_and_nothing_else(estate: Estate) -> None:
    claims = [RelationClaim("member_of", "a", "b"), RelationClaim("uses", "a", "b")]
    estate.send("snmp/d/d1", {"a": section(SWITCH_A, SWITCH_B, relations=claims)})
    receipt = estate.send("snmp/d/d2", {"b": section(SWITCH_A, SWITCH_B, relations=[RelationClaim("member_of", "b", "a")])}, at=1)
    assert [each.path for each in receipt.answer.rejected] == ["$.sections.b.relations[0]"]
    assert [each[0] for each in relations(estate)] == ["member_of", "uses"]


def test_an_older_word_on_a_parent_only_fills_history(estate: Estate) -> None:
    guest = item("vm", "virtual_machine", attributes={"name": "vm1"}, dmi_uuid="4c4c4544-0042-3510-8051-b7c04f4b4001")
    estate.send("hypervisor/vc/h2", {"h2": section(SWITCH_B, guest, relations=[RelationClaim("runs_on", "vm", "b")])}, at=5)
    estate.send("hypervisor/vc/h1", {"h1": section(SWITCH_A, guest, relations=[RelationClaim("runs_on", "vm", "a")])}, at=1, now=6)
    assert relations(estate) == [("runs_on", "sw-b", "vm1")]
    assert sorted(estate.rows(select(relation.c.valid_from, relation.c.valid_to))) == [(START + 60_000, START + 300_000), (START + 300_000, None)]


def test_a_guest_runs_on_one_host_at_a_time(estate: Estate) -> None:
    guest = item("vm", "virtual_machine", attributes={"name": "vm1"}, dmi_uuid="4c4c4544-0042-3510-8051-b7c04f4b4001")
    estate.send("hypervisor/vc/h1", {"h1": section(SWITCH_A, guest, relations=[RelationClaim("runs_on", "vm", "a")])})
    estate.send("hypervisor/vc/h2", {"h2": section(SWITCH_B, guest, relations=[RelationClaim("runs_on", "vm", "b")])}, at=1)
    assert relations(estate) == [("runs_on", "sw-b", "vm1")]


def test_a_relation_to_itself_is_refused(estate: Estate) -> None:
    receipt = estate.send("snmp/d/d1", {"a": section(SWITCH_A, relations=[RelationClaim("uses", "a", "a"), RelationClaim("uses", "a", "b")])})
    assert [each.path for each in receipt.answer.rejected] == ["$.sections.a.relations[0]"]


def test_a_relation_follows_its_ref_to_another_ci(estate: Estate) -> None:
    claim = RelationClaim("uses", "a", "b")
    estate.send("snmp/d/d1", {"a": section(SWITCH_A), "b": section(SWITCH_B), "links": section(relations=[claim])})
    other = item("a", "network_device", attributes={"name": "sw-c"}, serial="S3CCC", chassis_id="00:1b:21:00:00:0c")
    estate.send("snmp/d/d1", {"a": section(other)}, at=1)
    assert relations(estate) == [("uses", "sw-b", "sw-c")]
