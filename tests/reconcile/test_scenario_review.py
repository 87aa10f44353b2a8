"""Precedence, time, absence, pins and review of the conflict corpus, through every pure function in turn."""

from __future__ import annotations

import pytest

from collector.reconcile.authorise import Condition, Policy, PolicySet
from collector.reconcile.compare import value_token
from collector.reconcile.fact import Pin
from collector.reconcile.settings import Settings
from muster.errors import ConfigurationError, ConflictError
from tests.reconcile.estate import DAY, HOUR, MINUTE, START, Estate, item
from tests.reconcile.test_scenario_identification import MACS, U

SNMP_MACS = ["00:1b:21:aa:00:01"]


def server(**attributes: object) -> object:
    told = {"vendor": "V", "name": "web01", **attributes}
    return item("host", "server", serial="S1", dmi_uuid=U[0], hostname="web01", mac=SNMP_MACS, attributes=told)


def packages(*names: str, version: str = "1") -> list[object]:
    return [
        item(f"pkg:{name}", "software_package", owner="host", manager="dpkg", name=name, architecture="amd64",
             attributes={"manager": "dpkg", "name": name, "architecture": "amd64", "version": version})
        for name in names
    ]  # fmt: skip


def accepted(**attributes: object) -> Estate:
    estate = Estate()
    estate.report("agent/web01/a1", server(**attributes))
    estate.accept(estate.active("new_ci")[0].id)
    assert estate.active() == []
    return estate


def test_memory_within_its_tolerance_is_no_difference() -> None:  # 25
    estate = accepted(memory_bytes=34_359_738_368)
    estate.report("agent/web01/a1", server(memory_bytes=34_252_364_186), at=10)
    assert estate.active() == []
    estate.report("agent/web01/a1", server(memory_bytes=17_179_869_184), at=20)
    assert [d.attribute for d in estate.active()] == ["memory_bytes"]


def test_the_best_fresh_source_is_in_force_and_hands_back() -> None:  # 26
    estate = accepted(**{"os.version": "12"})
    snmp = item("h", "device", sysname="web01", mac=SNMP_MACS, attributes={"os.version": "11"})
    estate.report("snmp/d/d1", snmp, at=1)
    assert estate.effective("agent/web01/a1")["os.version"] == "12"
    estate.report("snmp/d/d1", snmp, at=60)
    assert estate.effective("agent/web01/a1")["os.version"] == "11"
    assert [(d.attribute, d.recorded, d.observed) for d in estate.active()] == [("os.version", "12", "11")]
    estate.report("agent/web01/a1", server(**{"os.version": "12"}), at=61)
    assert estate.effective("agent/web01/a1")["os.version"] == "12"
    assert estate.active() == []
    assert estate.ci_of("agent/web01/a1").recorded["os.version"] == "12"


def test_late_reports_never_overwrite() -> None:  # 27
    estate = accepted(location="R1")
    estate.report("agent/web01/a1", server(location="R9"), at=30)
    before = estate.state()
    for at in (5, 10, 15):
        estate.report("agent/web01/a1", server(location=f"R{at}"), at=at)
    assert estate.state() == before


@pytest.mark.parametrize("word", [{"status": "failed"}, {"status": "skipped"}, {"complete": False}])
def test_what_an_incomplete_section_leaves_out_stays(word: dict[str, object]) -> None:  # 28
    estate = accepted()
    estate.report("agent/web01/a1", *packages(*"abcdefgh"), section="package", at=1)
    for at in range(2, 9):
        estate.report("agent/web01/a1", section="package", at=at, **word)
    assert {estate.presence(ci.id) for ci in estate.cis.values()} == {"seen"}
    assert estate.case_kinds() == []


def test_absence_after_counted_misses_and_a_silent_return() -> None:  # 29
    estate = accepted()
    estate.report("agent/web01/a1", *packages("nginx", "curl"), section="package", at=1)
    for difference in estate.active("new_ci"):
        estate.accept(difference.id)
    nginx = estate.ci_of("agent/web01/a1", "pkg:nginx").id
    estate.report("agent/web01/a1", *packages("curl"), section="package", at=10)
    assert (estate.presence(nginx), estate.active()) == ("seen", [])
    estate.report("agent/web01/a1", *packages("curl"), section="package", at=20)
    assert estate.presence(nginx) == "absent"
    assert [(d.kind, d.ci_id) for d in estate.active()] == [("absent_ci", nginx)]
    estate.report("agent/web01/a1", *packages("nginx", "curl"), section="package", at=30)
    assert (estate.presence(nginx), estate.active()) == ("seen", [])
    assert [d.state for d in estate.differences.values() if d.kind == "absent_ci"] == ["self_resolved"]


def test_mass_loss_is_held_in_one_case() -> None:  # 30
    estate = accepted()
    ports = [item(f"if:{n}", "interface", owner="host", name=f"Gi1/0/{n}", attributes={"name": f"Gi1/0/{n}", "kind": "ethernet"}) for n in range(48)]
    estate.report("agent/web01/a1", *ports, section="network", at=1)
    for at in (5, 10, 15):
        estate.report("agent/web01/a1", section="network", at=at)
    assert {estate.presence(ci.id) for ci in estate.cis.values()} == {"seen"}
    assert estate.case_kinds() == ["mass_loss"]
    estate.report("agent/web01/a1", *ports, section="network", at=20)
    assert {estate.presence(ci.id) for ci in estate.cis.values()} == {"seen"}
    assert estate.case_kinds() == []


def test_a_released_mass_loss_applies() -> None:
    estate = accepted()
    estate.report("agent/web01/a1", *packages(*"abcdefgh"), section="package", at=1)
    estate.report("agent/web01/a1", section="package", at=10)
    for at in (20, 30):
        estate.report("agent/web01/a1", section="package", at=at, is_released=True)
    assert sorted(estate.presence(ci.id) for ci in estate.cis.values()) == ["absent"] * 8 + ["seen"]


def test_a_shallow_look_says_nothing_of_what_was_seen_deeper() -> None:  # 31
    estate = accepted()
    estate.report("snmp/d/d1", item("host", "network_device", serial="S9", attributes={"vendor": "Q"}), at=1)
    port = item("if:1", "interface", owner="host", name="Gi1", attributes={"name": "Gi1"})
    estate.report("snmp/d/d1", port, section="network", at=1, depth=2)
    for at in range(2, 8):
        estate.report("snmp/d/d1", section="network", at=at, depth=1)
    assert estate.presence(estate.ci_of("snmp/d/d1", "if:1").id) == "seen"


def test_a_silent_source_makes_stale_and_unknown_never_absent() -> None:  # 32
    estate = accepted()
    estate.report("agent/web01/a1", *packages("nginx"), section="package", at=1)
    estate.tick(120)
    host, nginx = estate.ci_of("agent/web01/a1"), estate.ci_of("agent/web01/a1", "pkg:nginx")
    assert (estate.presence(host.id), estate.presence(nginx.id)) == ("stale", "unknown")
    assert estate.active("absent_ci") == []


def test_a_pin_holds_until_it_expires() -> None:  # 33, 34
    estate = Estate()
    recorded = estate.record_ci("server", {"name": "web01", "model": "R1"}, serial="S1")
    estate.cis[recorded].pins["model"] = Pin("R1", "as delivered", "kim", START + 30 * DAY)
    for day in range(29):
        estate.report("agent/web01/a1", server(model="R2"), at=day * DAY // MINUTE)
        assert estate.effective("agent/web01/a1")["model"] == "R1"
    assert [(d.attribute, d.observed, d.state, len(d.trail)) for d in estate.active()] == [("model", "R2", "pinned", 1)]
    estate.report("agent/web01/a1", server(model="R2"), at=31 * DAY // MINUTE)
    assert [(d.attribute, d.observed, d.state, len(d.trail)) for d in estate.active()] == [("model", "R2", "open", 1)]


def test_a_rejected_value_does_not_ask_again_and_another_does() -> None:  # 35
    estate = accepted(model="M1")
    estate.report("agent/web01/a1", server(model="M2"), at=10)
    estate.reject(estate.active()[0].id)
    for at in range(20, 120, 10):
        estate.report("agent/web01/a1", server(model="M2"), at=at)
    assert [(d.observed, d.state) for d in estate.active()] == [("M2", "rejected")]
    estate.report("agent/web01/a1", server(model="M3"), at=130)
    assert [(d.observed, d.state) for d in estate.active()] == [("M3", "open")]
    estate.report("agent/web01/a1", server(model="M2"), at=140)
    assert [(d.observed, d.state) for d in estate.active()] == [("M2", "rejected")]
    estate.report("agent/web01/a1", server(model="M1"), at=150)
    assert estate.active() == []


def test_acceptance_carries_the_value_that_was_seen() -> None:  # 36
    estate = accepted(model="M1")
    estate.report("agent/web01/a1", server(model="M2"), at=10)
    seen = value_token("M2")
    difference = estate.active()[0].id
    estate.report("agent/web01/a1", server(model="M3"), at=20)
    with pytest.raises(ConflictError, match="observed is now 'M3'") as refused:
        estate.accept(difference, seen)
    assert (refused.value.code, refused.value.current) == ("observed-moved", "M3")
    estate.accept(difference, value_token("M3"))
    assert estate.ci_of("agent/web01/a1").recorded["model"] == "M3"
    assert estate.active() == []


def test_ignored_until_an_instant_comes_back() -> None:
    estate = accepted(model="M1")
    estate.report("agent/web01/a1", server(model="M2"), at=10)
    estate.ignore(estate.active()[0].id, until=100)
    estate.report("agent/web01/a1", server(model="M2"), at=50)
    assert [d.state for d in estate.active()] == ["ignored"]
    estate.report("agent/web01/a1", server(model="M2"), at=110)
    assert [d.state for d in estate.active()] == ["open"]


def test_undo_takes_an_acceptance_back() -> None:
    estate = accepted(model="M1")
    before = dict(estate.ci_of("agent/web01/a1").recorded)
    estate.report("agent/web01/a1", server(model="M2"), at=10)
    estate.accept(estate.active()[0].id)
    estate.undo_last()
    assert estate.ci_of("agent/web01/a1").recorded == before
    assert [(d.recorded, d.observed) for d in estate.active()] == [("M1", "M2")]


def test_letter_case_and_the_order_of_a_set_are_no_difference() -> None:  # 38
    estate = accepted(vendor="V", hostname="WEB01", mac=[MACS[0], MACS[1]])
    estate.report("agent/web01/a1", server(vendor="v", hostname="web01", mac=[MACS[1], MACS[0]]), at=10)
    assert estate.active() == []


def test_a_value_that_flips_is_one_flapping_difference_with_a_trail() -> None:  # 39
    estate = accepted(model="X")
    for hour in range(24):
        estate.report("agent/web01/a1", server(model="Y" if hour % 2 else "X"), at=hour * HOUR // MINUTE)
    assert len([d for d in estate.differences.values() if d.kind == "changed_attribute"]) == 1
    only = estate.active("changed_attribute")[0]
    assert (only.state, len(only.trail)) == ("open", 23)
    estate.report("agent/web01/a1", server(model="X"), at=24 * 60)
    estate.report("agent/web01/a1", server(model="X"), at=50 * 60)
    assert estate.active() == []


def test_a_disk_that_moves_stays_the_same_ci() -> None:  # 40
    estate = Estate()

    def disk(serial: str) -> object:
        return item(f"disk:{serial}", "disk", owner="host", serial=serial, slot="sda", attributes={"vendor": "Seagate", "slot": "sda"})

    for name, number in (("a", 0), ("b", 1)):
        host = item("host", "server", serial=f"S{number}", dmi_uuid=U[number], attributes={"vendor": "V", "name": name})
        estate.report(f"agent/{name}/{name}1", host)
    estate.report("agent/a/a1", disk("ZD1"), section="hardware", at=1)
    moved = estate.ci_of("agent/a/a1", "disk:ZD1")
    for difference in estate.active("new_ci"):
        estate.accept(difference.id)
    estate.report("agent/b/b1", disk("ZD1"), section="hardware", at=10)
    estate.report("agent/a/a1", section="hardware", at=11)
    estate.report("agent/a/a1", section="hardware", at=21)
    estate.report("agent/b/b1", disk("ZD1"), section="hardware", at=22)
    assert estate.ci_of("agent/b/b1", "disk:ZD1") is moved
    assert moved.owner == estate.ci_of("agent/b/b1").id
    assert estate.active() == []


def test_a_part_waits_for_its_host() -> None:  # 41
    estate = Estate()
    estate.report("agent/web01/a1", item("fs:/", "filesystem", owner="host", mount_point="/", attributes={"mount_point": "/"}), section="filesystem")
    assert estate.cis == {}
    estate.report("agent/web01/a1", server(), at=1)
    assert estate.ci_of("agent/web01/a1", "fs:/").owner == estate.ci_of("agent/web01/a1").id


def test_an_upgrade_changes_one_package() -> None:  # 42
    estate = accepted()
    estate.report("agent/web01/a1", *packages("nginx", version="1.24"), section="package", at=1)
    estate.accept(estate.active("new_ci")[0].id)
    estate.report("agent/web01/a1", *packages("nginx", version="1.26"), section="package", at=10)
    assert [(d.attribute, d.recorded, d.observed) for d in estate.active()] == [("version", "1.24", "1.26")]


def test_agent_and_ssh_share_their_parts() -> None:
    estate = accepted()
    estate.report("agent/web01/a1", *packages("nginx"), section="package", at=1)
    estate.report("ssh/d/d1", item("web01", "server", serial="S1", dmi_uuid=U[0], attributes={"vendor": "V"}), at=2)
    via_ssh = [item(f"pkg:{n}", "software_package", owner="web01", manager="dpkg", name=n, architecture="amd64") for n in ("nginx", "curl")]
    estate.report("ssh/d/d1", *via_ssh, section="package", at=2)
    assert estate.ci_of("ssh/d/d1", "pkg:nginx") is estate.ci_of("agent/web01/a1", "pkg:nginx")
    assert len(estate.cis) == 3


def test_one_bad_item_costs_only_itself() -> None:  # 49
    estate = accepted()
    bad = [
        item("x", "sevrer"),
        item("y", "server", attributes={"model": "x" * 10_000_000}),
        item("c1", "interface", owner="c2", name="c1"),
        item("c2", "interface", owner="c1", name="c2"),
        item("o", "software_package", name="x"),
        item("n", "interface", owner="host"),
        item("t", "interface", owner="host", name="t", attributes={"mtu": "big"}),
    ]
    good = packages(*(f"p{n}" for n in range(50)))
    estate.report("agent/web01/a1", *bad, *good, section="package", at=1)
    assert len(estate.cis) == 51
    assert [each.path for each in estate.rejected] == [
        "$.items[0]", "$.items[1].attributes.model", "$.items[2]", "$.items[3]", "$.items[4]", "$.items[5]", "$.items[6].attributes.mtu",
    ]  # fmt: skip
    assert estate.rejected[0].reason == "unknown class 'sevrer'; did you mean 'server'?"


def test_a_policy_for_one_source_puts_only_its_host_on_record() -> None:
    policy = Policy(id="own", action="accept", when=Condition(kinds=("new_ci",), sources=("agent/web01/a1",)))
    estate = Estate(policies=PolicySet([policy]))
    estate.report("agent/web01/a1", server(model="M1"))
    estate.report("agent/other/b1", item("host", "server", serial="S2", attributes={"name": "other"}))
    assert [estate.ci_of(text).is_recorded for text in ("agent/web01/a1", "agent/other/b1")] == [True, False]
    assert estate.ci_of("agent/web01/a1").recorded["model"] == "M1"
    assert [d.kind for d in estate.active()] == ["new_ci"]


def test_a_policy_accepts_small_changes_of_one_attribute() -> None:
    policy = Policy(id="memory", action="accept", when=Condition(attributes=("memory_bytes",), maximum_change_ratio=0.2, query="name:web*"))
    estate = Estate(policies=PolicySet([policy]))
    estate.report("agent/web01/a1", server(memory_bytes=1000))
    estate.accept(estate.active()[0].id)
    estate.report("agent/web01/a1", server(memory_bytes=880), at=10)
    assert (estate.active(), estate.ci_of("agent/web01/a1").recorded["memory_bytes"]) == ([], 880)
    estate.report("agent/web01/a1", server(memory_bytes=300), at=20)
    assert [d.observed for d in estate.active()] == [300]


@pytest.mark.parametrize("policies", [
    [Policy(id="a", action="accept"), Policy(id="a", action="review")],
    [Policy(id="a", action="ignore")],
    [Policy(id="a", action="accept", when=Condition(query="class:("))],
])  # fmt: skip
def test_a_broken_policy_fails_loudly(policies: list[Policy]) -> None:
    with pytest.raises(ConfigurationError, match="policy 'a'"):
        PolicySet(policies)


def test_an_invalid_lifetime_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="interval 0"):
        Settings().fresh_for_ms(0)
