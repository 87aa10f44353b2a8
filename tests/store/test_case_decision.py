"""What people answer to cases, what came between a merge and its un-merge, records split off, and CIs deleted: all of it can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from collector.reconcile.case import ACTIONS
from collector.store.case_decision import MemberChoice
from collector.store.decision import Choice, accept_differences, resolve_case, undo_decision
from collector.store.merge import merge_cis
from collector.store.merge_later import assign_later
from collector.store.pin import PinWish, pin_value
from collector.store.recorded import Patch, patch_recorded
from collector.store.schema import ci, decision, made_later, pin, review_case, tombstone
from collector.store.split import split_records
from collector.store.tombstone import delete_ci, find_tombstones
from collector.store.unmerge import unmerge
from muster.errors import ConflictError, InputError, NotFoundError
from tests.store.picture import picture, records, shape
from tests.store.sender import Estate, item, section
from tests.store.test_identity import U
from tests.store.test_merge import at, host, port, two_hosts


def open_case(estate: Estate, kind: str) -> str:
    return str(estate.rows(select(review_case.c.id).where(review_case.c.kind == kind, review_case.c.state == "open"))[0][0])


def rma(estate: Estate) -> tuple[str, str]:
    """A switch that was exchanged under its name and address; ids of the old and the new hardware."""

    def seen(serial: str) -> Any:
        return section(
            item("10.0.0.1", "network_device", attributes={"vendor": "V", "name": "core1"}, serial=serial, sysname="core1", ip=["10.0.0.1"])
        )

    estate.send("snmp/d/1", {"host": seen("SOLD1")})
    estate.accept_all(1)
    old = estate.id_of("core1")
    estate.decide(patch_recorded, old, Patch({"location": "R1", "owner": "kim"}, {"role": "core"}), now=at(2))
    estate.send("snmp/d/1", {"host": seen("SNEW1")}, at=60)
    (new,) = [row[0] for row in estate.rows(select(ci.c.id).where(ci.c.id != old, ci.c.redirect_to.is_(None)))]
    return old, new


def recorded_of(estate: Estate, ci_id: str) -> dict[str, Any]:
    from collector.store.content import decode
    from collector.store.schema import content

    found = estate.rows(select(content.c.body).join(ci, ci.c.recorded_hash == content.c.hash).where(ci.c.id == ci_id))
    return decode(found[0][0]) if found else {}


def test_new_hardware_takes_the_role_and_the_old_keeps_what_it_is(estate: Estate) -> None:
    old, new = rma(estate)
    before = (recorded_of(estate, old), recorded_of(estate, new), shape(estate))
    made = estate.decide(resolve_case, open_case(estate, "replacement"), "replace", now=at(61), reason="RMA 7")
    taken = recorded_of(estate, new)
    assert (taken["name"], taken["location"], taken["owner"], taken.get("serial")) == ("core1", "R1", "kim", None)
    assert recorded_of(estate, old) == before[0]
    assert estate.rows(select(ci.c.lifecycle).where(ci.c.id == old)) == [("live",)]
    estate.decide(undo_decision, made, now=at(62))
    assert (recorded_of(estate, old), recorded_of(estate, new), shape(estate)) == before


@pytest.mark.parametrize("kind", sorted(ACTIONS))
def test_each_kind_has_its_answers_and_no_others(kind: str) -> None:
    assert "dismiss" in ACTIONS[kind]  # type: ignore[index]  # a kind
    assert ("release" in ACTIONS[kind]) == (kind in ("mass_loss", "quarantine"))  # type: ignore[index]  # a kind


def test_one_of_a_case_is_merged_with_the_member_that_is_named(estate: Estate) -> None:
    estate.send("agent/a/1", {"host": section(host("a", serial="SAAAA", dmi_uuid=U[0]))})
    estate.send("agent/b/1", {"host": section(host("b", serial="SBBBB", dmi_uuid=U[1]))})
    estate.send("ssh/d/1", {"host": section(host("c", serial="SAAAA", dmi_uuid=U[1]))}, at=1)
    case, left, newcomer = open_case(estate, "contradiction"), estate.id_of("a"), estate.id_of("c")
    with pytest.raises(InputError, match="member"):
        estate.decide(resolve_case, case, "same", now=at(2), choice=MemberChoice(estate.id_of("b"), (left, newcomer)))
    made = estate.decide(resolve_case, case, "same", now=at(2), choice=MemberChoice(left, (left, newcomer)))
    assert ["agent/a/1 host", "ssh/d/1 host"] in shape(estate)
    assert estate.rows(select(review_case.c.state).where(review_case.c.id == case)) == [("resolved",)]
    estate.decide(undo_decision, made, now=at(3))
    assert len(shape(estate)) == 3


def test_a_shared_value_that_a_person_trusts_identifies_again(estate: Estate) -> None:
    for number in range(3):
        estate.send(f"agent/pc{number}/a", {"host": section(host(f"pc{number}", serial="SN-0000-X", dmi_uuid=U[number]))})
    made = estate.decide(resolve_case, open_case(estate, "quarantine"), "release", now=at(2))
    estate.send("snmp/d/1", {"host": section(host("pc", serial="SN-0000-X", ci_class="device"))}, at=3)
    assert "quarantine" not in estate.cases()
    estate.decide(undo_decision, made, now=at(4))
    assert "quarantine" in estate.cases()


def test_what_was_made_after_a_merge_is_listed_and_given_to_whom_it_belongs(estate: Estate) -> None:
    left, right = two_hosts(estate)
    estate.accept_all(2)
    made = estate.decide(merge_cis, left, [right], {"name": "survivor"}, now=at(3))
    estate.decide(patch_recorded, left, Patch({"location": "R7"}), now=at(4), reason="moved")
    estate.decide(pin_value, left, PinWish("model", "M7", "label", "kim"), now=at(4))
    estate.send("snmp/d/1", {"host": section(host("b", serial="SBBBB", ci_class="device", attributes={"contact": "x"}), port("eth0"))}, at=5)
    parted = estate.decide(unmerge, made, now=at(6))
    columns = (made_later.c.id, made_later.c.kind, made_later.c.ci_id, made_later.c.decision_id)
    listed = {kind: (number, whose) for number, kind, whose, under in estate.rows(select(*columns)) if under == parted}
    assert {kind: whose for kind, (_, whose) in listed.items()} == {"recorded": left, "pin": left}
    estate.decide(assign_later, listed["recorded"][0], right, now=at(7))
    estate.decide(assign_later, listed["pin"][0], right, now=at(7))
    assert (recorded_of(estate, left).get("location"), recorded_of(estate, right)["location"]) == (None, "R7")
    assert estate.rows(select(pin.c.ci_id, pin.c.attribute)) == [(right, "model")]
    with pytest.raises(ConflictError) as caught:
        estate.decide(assign_later, listed["pin"][0], left, now=at(8))
    assert caught.value.code == "already-decided"


def test_what_was_accepted_from_one_sides_source_goes_to_that_side(estate: Estate) -> None:
    left, right = two_hosts(estate)
    estate.accept_all(2)
    made = estate.decide(merge_cis, left, [right], {"name": "survivor"}, now=at(3))
    seen = host("b", serial="SBBBB", ci_class="device", attributes={"model": "M2"})
    estate.send("snmp/d/1", {"host": section(seen, port("eth0"), port("eth1"))}, at=4)
    estate.decide(patch_recorded, left, Patch({"model": "M1"}), now=at(5))
    (asked,) = [key for key in estate.open_tokens() if key]
    estate.decide(accept_differences, Choice({asked: None}), now=at(6))
    assert recorded_of(estate, left)["model"] == "M2"
    estate.decide(unmerge, made, now=at(7))
    assert recorded_of(estate, right)["model"] == "M2"
    assert recorded_of(estate, left).get("model") != "M2"


def test_records_that_were_never_of_a_ci_are_split_off_for_good(estate: Estate) -> None:
    estate.send("agent/a/1", {"host": section(host("a", serial="SAAAA"), port("eth0"))})
    estate.send("snmp/d/1", {"host": section(host("b", serial="SAAAA", ci_class="device"), port("eth0"), port("eth9"))}, at=1)
    whole = estate.id_of("a")
    before = picture(estate)
    with pytest.raises(NotFoundError, match="agent/a/1 host"):
        estate.decide(split_records, whole, ["ssh/x/1"], now=at(2))
    with pytest.raises(ConflictError) as caught:
        estate.decide(split_records, whole, ["agent/a/1", "snmp/d/1"], now=at(2))
    assert caught.value.code == "nothing-left"
    made = estate.decide(split_records, whole, ["snmp/d/1"], now=at(2))
    assert shape(estate) == [["agent/a/1 host"], ["snmp/d/1 host"]]
    assert sorted(records(estate).values()) == [
        ["agent/a/1 host"], ["agent/a/1 if:eth0"], ["snmp/d/1 host"], ["snmp/d/1 if:eth0"], ["snmp/d/1 if:eth9"],
    ]  # fmt: skip
    estate.send("snmp/d/1", {"host": section(host("b2", serial="SAAAA", ci_class="device"), port("eth0"))}, at=3)
    assert len(shape(estate)) == 2
    estate.send("snmp/d/1", {"host": section(host("b", serial="SAAAA", ci_class="device"), port("eth0"), port("eth9"))}, at=4)
    estate.decide(undo_decision, made, now=at(5))
    assert (shape(estate), picture(estate)[0][0][2]) == ([["agent/a/1 host", "snmp/d/1 host"]], before[0][0][2])


def test_a_deleted_ci_leaves_a_tombstone_and_its_device_points_to_it(estate: Estate) -> None:
    seen = section(host("a", serial="SAAAA"), port("eth0"))
    estate.send("snmp/d/1", {"host": seen})
    estate.accept_all(1)
    gone = estate.id_of("a")
    made = estate.decide(delete_ci, gone, now=at(2), reason="sold")
    assert (estate.names(), estate.differences("open")) == ([], [])
    assert [row[0] for row in estate.rows(select(tombstone.c.name).order_by(tombstone.c.number))] == ["a", "eth0"]
    with pytest.raises(ConflictError) as caught:
        estate.decide(delete_ci, gone, now=at(3))
    assert caught.value.code == "deleted"
    estate.send("snmp/d/1", {"host": seen}, at=4)
    back = estate.id_of("a")
    assert back != gone
    assert estate.rows(select(ci.c.is_recorded).where(ci.c.id == back)) == [(False,)]
    with estate.database.connect() as connection:
        assert find_tombstones(connection, [back]) == {back: [gone]}
    assert estate.rows(select(decision.c.reason).where(decision.c.id == made)) == [("sold",)]


def test_a_deletion_that_is_taken_back_brings_all_of_it_back(estate: Estate) -> None:
    seen = section(host("a", serial="SAAAA"), port("eth0"))
    estate.send("snmp/d/1", {"host": seen})
    estate.accept_all(1)
    before = (picture(estate), estate.id_of("a"))
    made = estate.decide(delete_ci, before[1], now=at(2))
    estate.decide(undo_decision, made, now=at(3))
    assert (picture(estate), estate.id_of("a")) == before
    estate.send("snmp/d/1", {"host": seen}, at=4)
    assert (picture(estate), estate.id_of("a")) == before
