"""The identification scenarios of the conflict corpus, through every pure function in turn."""

from __future__ import annotations

from itertools import permutations

import pytest

from collector.reconcile.explain import explain_link, render
from collector.reconcile.record import Constraint
from tests.reconcile.estate import DAY, MINUTE, START, Estate, item

U = [f"4c4c4544-0042-3510-8051-b7c04f4b4{number:03d}" for number in range(20)]
MACS = [f"00:1b:21:00:00:{number:02x}" for number in range(20)]
MACHINE = "0123456789abcdef0123456789abcdef"


def host(name: str = "web01", **identifiers: object) -> object:
    return item("host", "server", attributes={"vendor": "V", "name": name}, **identifiers)


def test_one_host_seen_by_agent_ssh_and_snmp_without_dmi_is_one_ci_in_every_order() -> None:
    mac = ["02:fc:00:00:00:01"]
    keys = ["SHA256:one", "SHA256:two"]
    reports = {
        "agent/web01/a1": item(
            "host", "server", machine_id=MACHINE, ssh_host_key=keys, hostname="web01", fqdn="web01.a.example", mac=mac, ip=["192.0.2.2"],
            attributes={"name": "web01", "boot_id": "b1"},
        ),
        "ssh/discovery/d1": item(
            "host", "server", machine_id=MACHINE, ssh_host_key=keys[:1], hostname="web01", mac=mac, attributes={"name": "web01", "boot_id": "b1"}
        ),
        "snmp/discovery/d1": item("host", "device", sysname="web01", mac=mac, engine_id="80001f8880aabbccdd", ip=["192.0.2.2"]),
    }  # fmt: skip
    states = []
    for order in permutations(reports):
        estate = Estate()
        for text in order:
            estate.report(text, reports[text])
        assert estate.shape() == [sorted(f"{text} host" for text in reports)]
        assert estate.case_kinds() == []
        states.append(estate.state())
    assert all(state == states[0] for state in states)


def test_snmp_alone_with_another_mac_set_is_not_joined() -> None:
    estate = Estate()
    estate.report("agent/web01/a1", host(hostname="web01", mac=["02:fc:00:00:00:01"]))
    estate.report("snmp/d/d1", item("host", "device", sysname="web01", mac=["02:fc:00:00:00:02"]))
    assert len(estate.shape()) == 2


def test_placeholder_serials_identify_nothing() -> None:  # 1
    estate = Estate()
    for number in range(5):
        estate.report(f"agent/pc{number}/a", host(f"pc{number}", serial="To be filled by O.E.M.", dmi_uuid=U[number], mac=[MACS[number]]))
    assert len(estate.shape()) == 5
    assert estate.case_kinds() == []
    claims = [claim for claim in estate.records[1].view.claims if claim.kind == "serial"]
    assert [(claim.raw, claim.state, claim.why) for claim in claims] == [("To be filled by O.E.M.", "junk", "junk:placeholder")]


def test_an_unknown_placeholder_is_learned_from_the_second_holder_on() -> None:  # 2
    estate = Estate()
    for number in range(3):
        estate.report(f"agent/pc{number}/a", host(f"pc{number}", serial="SN-0000-X", dmi_uuid=U[number]))
        assert len(estate.shape()) == number + 1
        assert len(estate.open_cases()) == (1 if number else 0)
    assert estate.open_cases() == [("quarantine", "quarantine|serial:v:SN0000X")]
    assert estate.cases["case-1"][0].record_ids == tuple(sorted(estate.records))


def test_empty_identifiers_never_match() -> None:  # 3
    estate = Estate()
    for number in range(2):
        estate.report(f"agent/pc{number}/a", host(f"pc{number}", serial="", dmi_uuid=" ", mac=[MACS[number]]))
    assert len(estate.shape()) == 2


def test_a_clone_that_reports_in_turn_with_its_original_is_held_apart() -> None:  # 4
    estate = Estate()

    def send(boot: str, number: int, at: int) -> None:
        estate.report(
            "agent/web01/a1",
            item("host", "server", machine_id=MACHINE, dmi_uuid=U[number], mac=[MACS[number]], attributes={"boot_id": boot, "name": "web01"}),
            at=at,
        )  # fmt: skip

    for at in range(0, 60, 10):
        send("x", 0, at)
        send("y", 1, at + 5)
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["clone"]
    assert sorted(ci.is_provisional for ci in estate.cis.values()) == [False, True]
    original = estate.cis["ci-1"]
    assert not original.is_provisional
    assert {r.item.identifiers["dmi_uuid"] for r in estate.records.values() if r.view.ci_id == "ci-1"} == {U[0]}


def test_a_clone_without_other_hardware_identity_is_told_by_interleaved_boots() -> None:
    estate = Estate()
    for at, boot in enumerate("xyxyxy"):
        estate.report(
            "agent/web01/a1",
            item("host", "virtual_machine", machine_id=MACHINE, mac=[MACS[0 if boot == "x" else 1]], attributes={"boot_id": boot}),
            at=at * 10,
        )
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["clone"]


def test_a_reboot_is_no_veto() -> None:
    estate = Estate()
    for at, boot in enumerate(["x", "x", "y", "y"]):
        web01 = item("host", "server", machine_id=MACHINE, mac=[MACS[0]], attributes={"boot_id": boot, "boot_time": START + at * MINUTE})
        estate.report("agent/web01/a1", web01, at=at * 10)
    assert len(estate.shape()) == 1
    assert estate.case_kinds() == []


def test_only_the_enrolment_agrees_so_it_is_another_machine() -> None:  # 5
    estate = Estate()
    estate.report("agent/web01/a1", host(machine_id=MACHINE, dmi_uuid=U[0], mac=[MACS[0]]))
    estate.report("agent/web01/a1", host(machine_id=MACHINE, dmi_uuid=U[1], mac=[MACS[1]]), at=300)
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["clone"]


def test_rename_keeps_the_ci_and_a_new_box_with_the_old_name_is_new() -> None:  # 7
    estate = Estate()
    estate.report("agent/web01/a1", host("web01", serial="S1", hostname="web01", mac=[MACS[0]]))
    first = estate.ci_of("agent/web01/a1").id
    estate.accept(estate.active("new_ci")[0].id)
    estate.report("agent/web01/a1", host("web02", serial="S1", hostname="web02", mac=[MACS[0]]), at=10)
    assert estate.ci_of("agent/web01/a1").id == first
    assert [(d.attribute, d.recorded, d.observed) for d in estate.active("changed_attribute")] == [("name", "web01", "web02")]
    estate.report("agent/new/b1", host("web01", serial="T1", hostname="web01", mac=[MACS[1]]), at=20)
    assert estate.ci_of("agent/new/b1").id != first


def test_the_same_short_name_in_two_domains_is_two() -> None:  # 8
    estate = Estate()
    estate.report("agent/db1a/a", host("db1", serial="S1", fqdn="db1.a.example", hostname="db1"))
    estate.report("agent/db1b/b", host("db1", serial="S2", fqdn="db1.b.example", hostname="db1"))
    assert len(estate.shape()) == 2


def test_an_address_that_moves_joins_nobody() -> None:  # 9, 10
    estate = Estate()
    estate.report("agent/a/a", host("a", serial="S1", mac=[MACS[0]], ip=["10.0.0.5"]))
    estate.report("agent/b/b", host("b", serial="S2", mac=[MACS[1]], ip=["10.0.0.5"]), at=300)
    estate.report("snmp/d/z2", item("h", "network_device", serial="S3", ip=["10.0.0.5"]), zone="z2", at=300)
    assert len(estate.shape()) == 3


def test_mainboard_swap_keeps_the_ci_and_opens_a_replacement_case() -> None:  # 11
    estate = Estate()
    estate.report("agent/a/a1", host(serial="S1", dmi_uuid=U[0], mac=[MACS[0]]))
    estate.report("agent/a/a1", host(serial="S1", dmi_uuid=U[1], mac=[MACS[1]]), at=300)
    assert len(estate.shape()) == 1
    assert estate.case_kinds() == ["replacement"]


def test_mainboard_swap_with_a_new_disk_is_a_provisional_ci_and_a_case() -> None:  # 11, variant
    estate = Estate()
    estate.report("agent/a/a1", host(serial="S1", dmi_uuid=U[0], mac=[MACS[0]]))
    estate.report("agent/a/a2", host(serial="S1", dmi_uuid=U[1], mac=[MACS[1]]), at=300)
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["replacement"]
    assert estate.ci_of("agent/a/a2").is_provisional
    assert not estate.ci_of("agent/a/a1").is_provisional


@pytest.mark.parametrize("ref", ["core1", "core1-new"])
def test_exchanged_hardware_with_the_same_name_is_a_new_ci_and_a_replacement_case(ref: str) -> None:  # 12
    estate = Estate()
    names = {"sysname": "core1", "ip": ["10.0.0.1"]}
    estate.report("snmp/d/d1", item("core1", "network_device", serial="S1", attributes={"vendor": "Cisco"}, **names))
    estate.report("snmp/d/d1", item(ref, "network_device", serial="S2", attributes={"vendor": "Cisco"}, **names), at=60)
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["replacement"]


def test_two_machines_of_one_name_have_one_case_whoever_reports_last() -> None:  # 12, seen by two sources and called by two names
    seen = {
        "agent/a/2": item("h", "server", serial="S100", hostname="web01", ip=["10.0.0.1"]),
        "agent/b/1": item("h", "server", serial="S200", hostname="web01", ip=["10.0.0.1"]),
        "hypervisor/vc/1": item("h", "virtual_machine", serial="S100", hostname="web01.a.example", ip=["10.0.0.1"]),
    }
    for order in permutations(seen):
        estate = Estate()
        for text in order:
            estate.report(text, seen[text])
        assert estate.open_cases() == [("replacement", "replacement|namesakes|serial:S100|S200")], order


@pytest.mark.parametrize("first", ["agent/a/2", "agent/b/1"])
def test_a_case_of_two_machines_of_one_name_is_gone_when_either_takes_its_word_back(first: str) -> None:  # 12
    estate = Estate()
    for text, serial in (("agent/a/2", "S100"), ("agent/b/1", "S200")):
        estate.report(text, item("h", "server", serial=serial, hostname="web01", ip=["10.0.0.1"]))
    assert estate.case_kinds() == ["replacement"]
    estate.report(first, item("h", "server", hostname="web01", ip=["10.0.0.1"]), at=5)
    assert estate.case_kinds() == []


def test_a_byte_swapped_uuid_is_the_same_uuid() -> None:  # 13
    estate = Estate()
    estate.report("agent/a/a1", host(dmi_uuid="00112233-4455-6677-8899-aabbccddeeff"))
    estate.report("hypervisor/vc/v", item("vm-1", "server", dmi_uuid="33221100-5544-7766-8899-AABBCCDDEEFF"))
    assert len(estate.shape()) == 1


def test_a_shared_dock_joins_nobody() -> None:  # 14
    estate = Estate()
    estate.report("agent/l1/a", host("l1", serial="S1", permanent_mac=[MACS[5], MACS[0]]))
    estate.report("agent/l1/a", host("l1", serial="S1", permanent_mac=[MACS[0]]), at=60)
    estate.report("agent/l2/b", host("l2", serial="S2", permanent_mac=[MACS[5], MACS[1]]), at=90)
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == []


def test_a_stack_is_its_member_serials_and_survives_the_exchange_of_one() -> None:  # 17
    estate = Estate()

    def scan(*serials: str, at: int) -> None:
        stack = item("stack", "network_device", serial=list(serials), sysname="stack1", attributes={"vendor": "Cisco"})
        members = [
            item(f"m{number}", "chassis_module", owner="stack", serial=serial, slot=str(number), attributes={"vendor": "Cisco", "slot": str(number)})
            for number, serial in enumerate(serials, 1)
        ]
        estate.report("snmp/d/d1", stack, at=at)
        estate.report("snmp/d/d1", *members, at=at, section="chassis")

    scan("A1A", "B1B", "C1C", at=0)
    scan("A1A", "B1B", "C1C", at=10)
    assert len(estate.shape()) == 1
    assert len(estate.cis) == 4
    estate.accept(estate.active("new_ci")[0].id)
    scan("A1A", "D1D", "C1C", at=20)
    assert len(estate.shape()) == 1
    assert estate.case_kinds() == []
    assert sorted(d.kind for d in estate.active()) == ["absent_ci", "new_ci"]


def test_a_pre_recorded_ci_is_found_by_its_serial() -> None:  # 20
    estate = Estate()
    recorded = estate.record_ci("server", {"name": "WEB01", "serial": "S1"}, serial="S1")
    estate.report("agent/web01/a1", host("web01", serial=" s1 ", fqdn="web01.a.example", hostname="web01"))
    assert estate.ci_of("agent/web01/a1").id == recorded
    assert estate.active() == []


def test_a_class_of_another_family_is_never_joined() -> None:  # 21
    estate = Estate()
    estate.report("snmp/d/d1", item("h", "network_device", serial="S1", attributes={"vendor": "V"}))
    estate.report("agent/a/a1", host(serial="S1"))
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["class_conflict"]


def test_a_name_only_suggests_and_a_person_adopts() -> None:  # 22
    estate = Estate()
    recorded = estate.record_ci("network_device", {"name": "core1"})
    core = item("h", "network_device", sysname="core1", ip=["10.0.0.1"])
    estate.report("snmp/d/d1", core)
    record = next(iter(estate.records.values()))
    assert record.view.ci_id != recorded
    assert record.evidence is not None
    assert [(each.rule, each.ci_id) for each in record.evidence.suggestions] == [("name", recorded)]
    estate._change(record.view.id, ci_id=recorded, linked_by="person")
    estate.reconcile(record.view.id)
    estate.report("snmp/d/d1", core, at=60)
    assert estate.ci_of("snmp/d/d1", "h").id == recorded
    assert estate.case_kinds() == []


def test_one_strong_identifier_of_each_of_two_is_a_contradiction() -> None:  # 23
    for order in permutations(range(3)):
        estate = Estate()
        reports = [
            ("agent/a/a1", host("a", serial="SA1", dmi_uuid=U[0])),
            ("agent/b/b1", host("b", serial="SB1", dmi_uuid=U[1])),
            ("agent/x/x1", host("x", serial="SA1", dmi_uuid=U[1])),
        ]
        for at in order:
            estate.report(*reports[at])
        assert len(estate.shape()) == 3
        assert estate.case_kinds() == ["contradiction"]


def test_agent_snmp_and_hypervisor_of_one_machine_are_one_ci_in_all_orders() -> None:  # 24
    reports = {
        "agent/vm1/a": item(
            "host", "virtual_machine", dmi_uuid=U[0], mac=[MACS[0]], hostname="vm1", fqdn="vm1.a.example",
            attributes={"name": "vm1", "os.name": "Debian", "memory_bytes": 34_252_000_000},
        ),
        "snmp/d/d1": item("h9", "device", sysname="vm1.a.example", mac=[MACS[0]], attributes={"os.name": "Linux"}),
        "hypervisor/vc/v": item(
            "vm-42", "virtual_machine", hypervisor_uuid=U[0], dmi_uuid=U[0], attributes={"name": "vm1 (prod)", "memory_bytes": 34_359_738_368}
        ),
    }  # fmt: skip
    states = []
    for order in permutations(reports):
        estate = Estate()
        for text in order:
            estate.report(text, reports[text])
        assert len(estate.shape()) == 1
        states.append(estate.state())
    assert all(state == states[0] for state in states)


def test_two_machines_with_one_uuid_at_one_manager_are_a_clone_case() -> None:
    estate = Estate()
    estate.report(
        "hypervisor/vc/v",
        item("vm-1", "virtual_machine", hypervisor_uuid=U[1], dmi_uuid=U[0]),
        item("vm-2", "virtual_machine", hypervisor_uuid=U[2], dmi_uuid=U[0]),
    )
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["clone"]


def test_one_uuid_in_two_zones_is_two_virtual_machines() -> None:
    estate = Estate()
    estate.report("hypervisor/vc/v", item("vm-1", "virtual_machine", hypervisor_uuid=U[1], dmi_uuid=U[0]))
    estate.report("hypervisor/dr/w", item("vm-1", "virtual_machine", hypervisor_uuid=U[1], dmi_uuid=U[0]), zone="z2")
    assert len(estate.shape()) == 2


def test_an_imported_view_between_two_machines_is_ambiguous_and_never_takes_the_first() -> None:
    for order in permutations(range(3)):
        estate = Estate()
        reports = [
            ("agent/a/a1", item("host", "server", serial="S1", dmi_uuid=U[0], attributes={"vendor": "V1"})),
            ("agent/b/b1", item("host", "server", serial="S1", dmi_uuid=U[1], attributes={"vendor": "V2"})),
            ("import/csv/i", item("row1", "server", serial="S1")),
        ]
        for at in order:
            estate.report(*reports[at])
        assert len(estate.shape()) == 3
        assert estate.case_kinds() == ["ambiguity"]


def test_a_replaced_network_card_keeps_what_was_joined_by_it() -> None:
    estate = Estate()
    estate.report("agent/web01/a1", host(hostname="web01", machine_id=MACHINE, mac=[MACS[0]]))
    estate.report("snmp/d/d1", item("h", "device", sysname="web01", mac=[MACS[0]]), at=5)
    assert len(estate.shape()) == 1
    estate.report("agent/web01/a1", host(hostname="web01", machine_id=MACHINE, mac=[MACS[1]]), at=10)
    assert len(estate.shape()) == 1
    estate.report("snmp/d/d1", item("h", "device", sysname="web01", mac=[MACS[1]]), at=15)
    assert len(estate.shape()) == 1
    assert estate.case_kinds() == []


def test_another_device_under_a_known_address_is_a_new_record() -> None:
    estate = Estate()
    estate.report("ssh/d/d1", item("10.0.0.5", "server", machine_id=MACHINE, ssh_host_key=["SHA256:a"], hostname="a", mac=[MACS[0]]))
    estate.report("ssh/d/d1", item("10.0.0.5", "server", machine_id="f" * 31 + "0", ssh_host_key=["SHA256:b"], hostname="b", mac=[MACS[1]]), at=60)
    assert len(estate.shape()) == 2


def test_a_person_decides_against_and_for_every_rule() -> None:
    estate = Estate()
    estate.report("agent/a/a1", host(serial="S1", dmi_uuid=U[0]))
    estate.report("snmp/d/d1", item("h", "device", serial="S1", attributes={"vendor": "V"}))
    assert len(estate.shape()) == 1
    one, two = sorted(estate.records)
    estate.constraints.append(Constraint(kind="cannot_link", left_record_id=one, right_record_id=two, created_at=1))
    estate.reconcile(one)
    assert len(estate.shape()) == 2
    assert "duplicate" not in estate.case_kinds()
    estate.constraints.append(Constraint(kind="must_link", left_record_id=one, right_record_id=two, created_at=2))
    estate.reconcile(one)
    assert len(estate.shape()) == 1


def test_a_retired_ci_that_reports_is_a_resurrection() -> None:  # 44
    estate = Estate()
    estate.report("agent/a/a1", host(serial="S1"))
    ci = estate.ci_of("agent/a/a1")
    ci.lifecycle, ci.lifecycle_since_at = "retired", estate.now
    estate.report("agent/a/a1", host(serial="S1", mac=[MACS[0]]), at=60)
    assert estate.ci_of("agent/a/a1") is ci
    assert ci.lifecycle == "retired"
    assert estate.case_kinds() == ["resurrection"]


def test_a_disposed_ci_is_never_taken_up_again() -> None:  # 45
    estate = Estate()
    estate.report("agent/a/a1", host(serial="S1"))
    ci = estate.ci_of("agent/a/a1")
    ci.lifecycle, ci.lifecycle_since_at = "disposed", estate.now
    estate.report("snmp/d/d1", item("h", "device", serial="S1", attributes={"vendor": "V"}), at=60)
    assert estate.ci_of("snmp/d/d1", "h") is not ci
    assert estate.ci_of("agent/a/a1") is ci
    assert estate.case_kinds() == ["resurrection"]


def test_another_agent_of_a_host_is_joined_when_the_old_one_was_silent_for_a_week() -> None:
    estate = Estate()
    old = {"serial": "S1", "dmi_uuid": U[0], "mac": [MACS[0]]}
    estate.report("agent/a/a1", host(**old))
    estate.report("agent/b/b1", host(**old), at=60)
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["clone"]
    estate.report("agent/b/b1", host(**old, hostname="a"), at=60 + 8 * DAY // MINUTE)
    assert len(estate.shape()) == 1
    assert estate.case_kinds() == []


def test_an_agent_installed_again_under_its_name_is_joined_and_a_clone_where_both_report() -> None:
    estate = Estate()
    old = {"serial": "S1", "dmi_uuid": U[0], "mac": [MACS[0]]}
    estate.report("agent/a/a1", host(**old))
    estate.report("agent/a/a2", host(**old), at=60)
    assert len(estate.shape()) == 1
    assert estate.case_kinds() == []
    estate.report("agent/a/a1", host(**old, hostname="a"), at=90)
    estate.report("agent/a/a2", host(**old, hostname="a"), at=95)
    assert len(estate.shape()) == 2
    assert estate.case_kinds() == ["clone"]


def test_every_link_answers_why() -> None:
    estate = Estate()
    estate.report("agent/a/a1", host(serial="S1", dmi_uuid=U[0], mac=["00:00:5e:00:01:01"]))
    estate.report("snmp/d/d1", item("h", "device", serial="S1", attributes={"vendor": "V"}))
    record = next(r for r in estate.records.values() if r.view.source.kind == "snmp")
    assert record.evidence is not None
    assert [render(line) for line in explain_link(record.evidence, "snmp/d/d1", "h")] == [
        "Rule serial (strong) matched snmp/d/d1 h with agent/a/a1 host.",
        "Both have serial S1 in v.",
    ]
    agent = next(r for r in estate.records.values() if r.view.source.kind == "agent")
    assert agent.evidence is not None
    assert "mac 00:00:5e:00:01:01 was not used: it is a virtual address that moves between machines." in [
        render(line) for line in explain_link(agent.evidence, "agent/a/a1", "host")
    ]
