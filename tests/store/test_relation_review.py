"""Relations stand on record beside what sources see, differ, are decided and are taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from collector.store.decision import Choice, accept_differences, undo_decision
from collector.store.merge import merge_cis
from collector.store.reader import Reader
from collector.store.recorded import Patch, patch_recorded
from collector.store.recorded_relation import RelationWish
from collector.store.relation_decision import relate
from collector.store.schema import ci, difference, relation
from muster.clock import FakeClock
from muster.errors import ConflictError, InputError
from muster.wire.report import RelationClaim
from tests.store.sender import CATALOGUE, MINUTE, START, Estate, item, section

H1 = item("h1", "hypervisor", attributes={"name": "h1"}, serial="H1AAA")
H2 = item("h2", "hypervisor", attributes={"name": "h2"}, serial="H2BBB")
VM = item("vm", "virtual_machine", attributes={"name": "vm1"}, dmi_uuid="4c4c4544-0042-3510-8051-b7c04f4b4001")


def runs_on(host: str) -> RelationClaim:
    return RelationClaim("runs_on", "vm", host)


def on_record(estate: Estate) -> list[tuple[str, str, str]]:
    left, right = ci.alias(), ci.alias()
    joined = relation.join(left, left.c.id == relation.c.from_ci_id).join(right, right.c.id == relation.c.to_ci_id)
    query = select(relation.c.type, left.c.name, right.c.name).select_from(joined)
    return sorted(estate.rows(query.where(relation.c.valid_to.is_(None), relation.c.side == "recorded")))


def report(estate: Estate, host: str, *, at: int, source: str = "ssh/x/x1") -> None:
    estate.send(source, {"all": section(H1, H2, VM, relations=[runs_on(host)])}, at=at)


def write(estate: Estate, kind: str, begins: str, ends: str, *, at: int = 30, is_removed: bool = False) -> str:
    wish = RelationWish(type=kind, from_key=estate.id_of(begins), to_key=estate.id_of(ends))
    with estate.database.begin() as connection:
        return relate(connection, estate.context, wish, actor="person:ada", now=START + at * MINUTE, is_removed=is_removed)


def test_an_accepted_host_brings_its_relations_with_it(estate: Estate) -> None:
    report(estate, "h1", at=0)
    estate.accept_all(1)
    assert on_record(estate) == [("runs_on", "vm1", "h1")]
    report(estate, "h1", at=10)
    assert estate.differences() == []


def test_another_parent_is_one_difference_and_accepted_it_takes_the_place(estate: Estate) -> None:
    report(estate, "h1", at=0)
    estate.accept_all(1)
    report(estate, "h2", at=10)
    assert estate.differences() == [("new_relation", "vm1", "runs_on", "open")]
    made = estate.decide(accept_differences, Choice(estate.open_tokens()), now=START + 11 * MINUTE)
    assert (estate.differences(), on_record(estate)) == ([], [("runs_on", "vm1", "h2")])
    estate.decide(undo_decision, made, now=START + 12 * MINUTE)
    assert (estate.differences(), on_record(estate)) == ([("new_relation", "vm1", "runs_on", "open")], [("runs_on", "vm1", "h1")])


def test_a_move_that_one_manager_makes_is_no_difference(estate: Estate) -> None:
    report(estate, "h1", at=0, source="hypervisor/vc/v1")
    estate.accept_all(1)
    report(estate, "h2", at=10, source="hypervisor/vc/v1")
    assert estate.differences() == []
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(START + 11 * MINUTE))
    seen = [each.other.name for each in reader.get_ci(estate.id_of("vm1")).relations if each.side == "observed" and each.other]
    assert seen == ["h2"]


def test_a_move_within_a_cluster_is_no_difference(estate: Estate) -> None:
    cluster = item("c", "hypervisor", attributes={"name": "cluster"}, serial="CCC11")
    members = [RelationClaim("member_of", each, "c") for each in ("h1", "h2")]
    for minute, host in ((0, "h1"), (10, "h2")):
        estate.send("ssh/x/x1", {"all": section(H1, H2, VM, cluster, relations=[runs_on(host), *members])}, at=minute)
        if minute == 0:
            estate.accept_all(1)
    assert estate.differences() == []


def test_what_ended_is_a_difference_and_accepted_it_is_off_the_record(estate: Estate) -> None:
    report(estate, "h1", at=0)
    estate.accept_all(1)
    for minute in (10, 20):
        estate.send("ssh/x/x1", {"all": section(H1, H2, VM, relations=[])}, at=minute)
    assert estate.differences() == [("absent_relation", "vm1", "runs_on", "open")]
    estate.accept_all(21)
    assert (estate.differences(), on_record(estate)) == ([], [])


def test_people_write_relations_and_take_them_off_and_back(estate: Estate) -> None:
    report(estate, "h1", at=0)
    estate.accept_all(1)
    made = write(estate, "backs_up_to", "h1", "h2")
    assert ("backs_up_to", "h1", "h2") in on_record(estate)
    assert estate.differences() == []  # no source ever claimed it: nothing is said of it
    with pytest.raises(ConflictError):
        write(estate, "backs_up_to", "h1", "h2")
    estate.decide(undo_decision, made, now=START + 31 * MINUTE)
    assert ("backs_up_to", "h1", "h2") not in on_record(estate)
    write(estate, "runs_on", "vm1", "h2", at=32)
    assert on_record(estate) == [("runs_on", "vm1", "h2")]
    write(estate, "runs_on", "vm1", "h2", at=33, is_removed=True)
    assert on_record(estate) == []


def test_a_recorded_relation_must_fit_its_type(estate: Estate) -> None:
    report(estate, "h1", at=0)
    with pytest.raises(ConflictError) as refused:
        write(estate, "backs_up_to", "h1", "h2")
    assert refused.value.code == "not-recorded"
    estate.accept_all(1)
    with pytest.raises(InputError, match="unknown relation 'back_up_to'; did you mean 'backs_up_to'"):
        write(estate, "back_up_to", "h1", "h2")
    with pytest.raises(InputError, match="ends at supplier"):
        write(estate, "supplied_by", "h1", "h2")
    write(estate, "member_of", "h1", "h2")
    with pytest.raises(InputError, match="cannot be inside itself"):
        write(estate, "member_of", "h2", "h1")


def test_a_relation_to_what_was_retired_is_found(estate: Estate) -> None:
    report(estate, "h1", at=0)
    estate.accept_all(1)
    with estate.database.begin() as connection:
        patch_recorded(connection, estate.context, estate.id_of("h1"), Patch(lifecycle="retired"), actor="person:ada", now=START + 2 * MINUTE)
    assert estate.rows(select(difference.c.id).where(difference.c.kind == "absent_relation")) == []
    assert on_record(estate) == [("runs_on", "vm1", "h1")]


def test_a_silent_zone_of_300_hosts_is_one_case_that_ends_by_itself(estate: Estate) -> None:
    hosts = [item(f"d{number}", "network_device", attributes={"name": f"sw{number}"}, serial=f"N{number:04}") for number in range(300)]
    full = section(*hosts)
    estate.send("snmp/z1/p1", {"all": full})
    estate.send(
        "agent/other/o1", {"host": section(item("h", "server", attributes={"name": "other"}, serial="OTHER"), interval_seconds=86_400)}, zone="z2"
    )
    estate.sweep(120)
    assert estate.rows(select(ci.c.presence).where(ci.c.zone == "z1").distinct()) == [("stale",)]
    assert (estate.cases(), estate.absent()) == (["mass_loss"], [])
    estate.send("snmp/z1/p1", {"all": full}, at=125)
    assert (estate.cases(), estate.presence("sw7")) == ([], "seen")


def test_a_relation_between_two_that_were_merged_says_that_they_are_one(estate: Estate) -> None:
    report(estate, "h1", at=0)
    estate.accept_all(1)
    one, other = estate.id_of("h1"), estate.id_of("h2")
    number = dict(estate.rows(select(ci.c.id, ci.c.number)))[one]
    estate.decide(merge_cis, one, [other], now=START + 2 * MINUTE)
    for ends in ((one, other), (other, str(number))):
        wish = RelationWish(type="uses", from_key=ends[0], to_key=ends[1])
        with pytest.raises(InputError, match=rf"one CI since they were merged: number {number}; a relation joins two"):
            estate.decide(relate, wish, now=START + 3 * MINUTE)
    with pytest.raises(InputError, match="both ends are one CI; a relation joins two"):
        estate.decide(relate, RelationWish(type="uses", from_key=one, to_key=str(number)), now=START + 4 * MINUTE)
