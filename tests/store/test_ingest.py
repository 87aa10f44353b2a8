"""A report becomes records, CIs, facts and differences once, however it arrives."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from collector.reconcile.settings import Settings
from collector.store.decision import resolve_case
from collector.store.delivery import ITEMS_LIMIT
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.journal import load_entry
from collector.store.schema import ci, decision, observation_history, report, review_case, source, source_record
from collector.store.schema import section as section_table
from collector.store.source import Grant, Scope
from muster.errors import AuthorisationError, ConflictError
from muster.wire.report import Dropped, Report, Section, Source
from tests.store.sender import CATALOGUE, START, Estate, item, section, unchanged

HOST = item(
    "host",
    "server",
    attributes={"name": "web01", "os.kernel": "6.1.0-18", "boot_id": "b1"},
    machine_id="0123456789abcdef0123456789abcdef",
    hostname="web01",
    mac=["02:fc:00:00:00:01"],
    ssh_host_key=["SHA256:a"],
)


def package(name: str, version: str = "1.0") -> Any:
    attributes = {"name": name, "manager": "dpkg", "architecture": "amd64", "version": version}
    return item(f"pkg:dpkg:{name}:amd64", "software_package", owner="host", attributes=attributes)


def packages(count: int) -> list[Any]:
    return [package(f"p{number}") for number in range(count)]


# --- what a first report makes ---


def test_a_first_report_makes_a_host_with_its_contents(estate: Estate) -> None:
    receipt = estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(package("nginx"), package("curl"))})
    assert (receipt.answer.want, receipt.answer.rejected) == ([], [])
    assert estate.names() == [("server", "web01", None), ("software_package", "curl", "web01"), ("software_package", "nginx", "web01")]
    assert estate.differences() == [("new_ci", "web01", "", "open")]


def test_part_with_nothing_to_record_goes_on_record_with_its_host(database: Database) -> None:
    """A listener whose process the agent may not see has indexed values and no governed one."""
    estate = Estate(database, Context(CATALOGUE, initial_discovery="agent/web01"))
    listener = item("sock", "listening_service", owner="host", attributes={"protocol": "tcp", "address": "0.0.0.0", "port": 2024})
    estate.send("agent/web01/1", {"host": section(item("host", "server", hostname="web01", serial="S1")), "listener": section(listener)})
    assert estate.rows(select(ci.c.ci_class, ci.c.is_recorded).order_by(ci.c.ci_class)) == [("listening_service", True), ("server", True)]


def test_the_installations_own_host_goes_on_record_by_a_policy_that_shows(database: Database) -> None:
    estate = Estate(database, Context(CATALOGUE, initial_discovery="agent/web01"))
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(package("nginx"))})
    assert estate.differences() == []
    assert estate.recorded("nginx") == {"version": "1.0"}
    assert estate.rows(select(decision.c.kind, decision.c.made_by)) == [("accept", "policy:initial_discovery")]
    other = msgspec.structs.replace(HOST, identifiers={"machine_id": "f" * 32}, attributes={"name": "web02"})
    estate.send("agent/web01/a2", {"host": section(other)})
    assert estate.differences() == [("new_ci", "web02", "", "open")]


def test_one_host_seen_by_agent_ssh_and_snmp_is_one_ci_in_every_order(database: Database) -> None:
    """No DMI, and the only MAC is locally administered."""
    mac, machine = ["02:fc:00:00:00:01"], "0123456789abcdef0123456789abcdef"
    names = {"hostname": "web01", "fqdn": "web01.a.example"}
    reports = {
        "agent/web01/a1": item("host", "server", attributes={"name": "web01"}, machine_id=machine, ssh_host_key=["SHA256:a"], mac=mac, **names),
        "ssh/discovery/d1": item(
            "h", "server", attributes={"name": "web01"}, machine_id=machine, ssh_host_key=["SHA256:a"], hostname="web01", mac=mac
        ),
        "snmp/discovery/d2": item("s", "device", attributes={"name": "web01"}, sysname="web01", mac=mac, engine_id="80001f8880aabbccdd"),
    }
    for number, order in enumerate(permutations(reports)):
        estate = Estate(database)
        zone = f"z{number}"  # machine id and names are unique inside a zone; MAC and key move with it
        for text in order:
            told = reports[text].identifiers | {"mac": [f"02:fc:00:00:01:{number:02x}"]}
            told |= {"ssh_host_key": [f"SHA256:{number}"]} if "ssh_host_key" in told else {}
            kind, name, instance = text.split("/")
            estate.send(f"{kind}/{name}/{instance}{number}", {"host": section(msgspec.structs.replace(reports[text], identifiers=told))}, zone=zone)
        assert estate.rows(select(func.count()).select_from(ci).where(ci.c.zone == zone, ci.c.redirect_to.is_(None))) == [(1,)]
    assert estate.rows(select(func.count()).select_from(review_case)) == [(0,)]


def test_parts_that_two_sources_see_are_one_ci(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(package("nginx"))})
    estate.send("ssh/discovery/d1", {"host": section(HOST), "packages": section(package("nginx"), package("curl"))}, at=1)
    assert [name for _, name, _ in estate.names()] == ["web01", "curl", "nginx"]


# --- arriving again, changed, late ---


def test_the_same_report_again_gets_the_same_answer_and_changes_nothing(estate: Estate) -> None:
    bad = item("x", "nonsense")
    first = estate.send("agent/web01/a1", {"host": section(HOST, bad)}, sequence=7)
    before = estate.dump()
    again = estate.send("agent/web01/a1", {"host": section(HOST, bad)}, sequence=7, now=30)
    assert (again.answer, again.is_duplicate) == (first.answer, True)
    assert estate.dump() == before


def test_a_sequence_with_another_body_is_a_conflict(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)}, sequence=7)
    with pytest.raises(ConflictError, match="sequence 7 was used") as caught:
        estate.send("agent/web01/a1", {"host": section(package("nginx"))}, sequence=7)
    assert caught.value.code == "sequence-reused"


def test_a_digest_alone_confirms_and_touches_one_row_for_each_section(estate: Estate) -> None:
    full = {"host": section(HOST), "packages": section(*packages(50))}
    estate.send("agent/web01/a1", full)
    before = estate.dump()
    written = estate.count_rows_written(lambda: estate.send("agent/web01/a1", {name: unchanged(each) for name, each in full.items()}, at=10))
    assert estate.dump() == before
    assert written <= 2 + 2  # the sections; the report and the source
    assert {row[0] for row in estate.rows(select(section_table.c.confirmed_at))} == {START + 600_000}


def test_an_unknown_digest_is_asked_for_and_the_section_stays(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)})
    receipt = estate.send("agent/web01/a1", {"host": Section(digest="other"), "packages": Section(digest="new")}, at=10)
    assert receipt.answer.want == ["other", "new"]
    assert estate.rows(select(section_table.c.confirmed_at)) == [(START,)]


def test_a_section_with_neither_items_nor_digest_is_told(estate: Estate) -> None:
    receipt = estate.send("agent/web01/a1", {"host": Section()})
    assert [each.path for each in receipt.answer.rejected] == ["$.sections.host"]


def test_one_changed_item_writes_only_that_item(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(50))})
    changed = [*packages(49), package("p49", "2.0")]
    receipt = estate.send("agent/web01/a1", {"packages": section(*changed)}, at=10)
    assert len(receipt.changed_ci_ids) == 1
    assert estate.effective("p49")["version"] == "2.0"
    assert estate.rows(select(func.count()).select_from(observation_history)) == [(52,)]


def test_what_leaves_a_value_out_makes_no_statement_of_it(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)})
    estate.send("snmp/d/d1", {"host": section(item("s", "device", attributes={"location": "R1"}, sysname="web01", mac=["02:fc:00:00:00:01"]))}, at=1)
    assert estate.effective("web01") | {"os.kernel": "6.1.0-18", "location": "R1"} == estate.effective("web01")


def test_the_better_source_speaks_until_it_goes_stale_and_again_when_it_is_back(estate: Estate) -> None:
    snmp = item("s", "device", attributes={"os.kernel": "Y"}, sysname="web01", mac=["02:fc:00:00:00:01"])
    estate.send("agent/web01/a1", {"host": section(HOST)})
    estate.send("snmp/d/d1", {"host": section(snmp)}, at=1)
    assert estate.effective("web01")["os.kernel"] == "6.1.0-18"
    estate.send("snmp/d/d1", {"host": unchanged(section(snmp))}, at=40)
    estate.sweep(41)
    assert estate.effective("web01")["os.kernel"] == "Y"
    estate.send("agent/web01/a1", {"host": unchanged(section(HOST))}, at=42)
    assert estate.effective("web01")["os.kernel"] == "6.1.0-18"


# --- bad items ---


def test_a_bad_item_costs_only_itself(estate: Estate) -> None:
    good = packages(50)
    bad = item("bad", "software_package", owner="host", attributes={"name": "x" * 20_000, "manager": "dpkg"})
    receipt = estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*good[:25], bad, *good[25:])})
    assert [each.path for each in receipt.answer.rejected] == ["$.sections.packages.items[25].attributes.name"]
    assert len(estate.names()) == 51
    assert estate.rows(select(source.c.rejected_total)) == [(1,)]


def test_an_item_that_is_no_item_is_named_and_nothing_goes_absent_by_it(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(3))})
    for at in (10, 20, 30):
        full = section(*packages(3), digest=f"at {at}")
        receipt = estate.send_raw("agent/web01/a1", {"packages": (full, {2: {"class": "software_package"}})}, at=at)
        assert [each.path for each in receipt.answer.rejected] == ["$.sections.packages.items[2]"]
    assert estate.absent() == []


def test_of_countless_bad_items_the_first_are_told_and_all_are_counted(estate: Estate) -> None:
    bad = {number: number for number in range(1, 3_000)}
    receipt = estate.send_raw("agent/web01/a1", {"host": (section(HOST, *packages(2_999)), bad)}, at=0)
    rejected = receipt.answer.rejected
    assert (rejected[0].path, rejected[999].path, len(rejected)) == ("$.sections.host.items[1]", "$.sections.host.items[1000]", 1_001)
    assert (rejected[-1].path, rejected[-1].reason[:5]) == ("$", "1999 ")
    assert estate.rows(select(source.c.rejected_total)) == [(2_999,)]
    assert estate.names() == [("server", "web01", None)]


def test_items_over_the_limit_are_told_once_whether_good_or_bad(estate: Estate) -> None:
    bad = dict.fromkeys(range(1, ITEMS_LIMIT + 100))
    receipt = estate.send_raw("agent/web01/a1", {"host": (section(HOST, *([HOST] * len(bad))), bad)}, at=0)
    assert len(receipt.answer.rejected) == 1_001
    assert estate.rows(select(source.c.rejected_total)) == [(ITEMS_LIMIT,)]  # the bad ones within the limit, and one for all behind it


def test_a_ref_that_is_there_twice_is_refused_the_second_time(estate: Estate) -> None:
    receipt = estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(package("nginx"), package("nginx", "2"))})
    assert [each.path for each in receipt.answer.rejected] == ["$.sections.packages.items[1].ref"]
    assert estate.effective("nginx")["version"] == "1.0"


def test_an_agent_reports_one_host(estate: Estate) -> None:
    other = item("other", "server", attributes={"name": "web02"}, machine_id="f" * 32)
    receipt = estate.send("agent/web01/a1", {"host": section(HOST, other)})
    assert [each.path for each in receipt.answer.rejected] == ["$.sections.host.items[1]"]
    assert estate.names() == [("server", "web01", None)]


def test_items_outside_a_tokens_scope_are_refused_with_their_path(estate: Estate) -> None:
    inside = item("a", "network_device", attributes={"name": "a"}, serial="S1AAA", ip=["192.0.2.7"])
    outside = item("b", "network_device", attributes={"name": "b"}, serial="S2BBB", ip=["198.51.100.7"])
    server = item("c", "server", attributes={"name": "c"}, serial="S3CCC", ip=["192.0.2.8"])
    token = Grant(scope=Scope(classes=["network_device"], ranges=["192.0.2.0/24"]))
    receipt = estate.send("snmp/d/d1", {"devices": section(inside, outside, server)}, token=token)
    assert [each.path for each in receipt.answer.rejected] == ["$.sections.devices.items[1]", "$.sections.devices.items[2]"]
    with pytest.raises(AuthorisationError, match="may not report as zone 'z2'"):
        estate.send("snmp/d/d1", {"devices": section(inside)}, zone="z2", token=Grant(scope=Scope(zones=["z1"])))


def test_sequences_that_a_source_gave_up_are_kept(estate: Estate) -> None:
    estate.send_report(Report(source=Source("agent", "web01", "a1", "z1"), sequence=9, observed_at=START, dropped=[Dropped(2, 8, "spool full")]))
    dropped = msgspec.msgpack.decode(estate.rows(select(source.c.dropped))[0][0])
    assert dropped == [{"from": 2, "to": 8, "reason": "spool full", "at": START}]


# --- absence ---


def test_a_package_missed_twice_is_absent_and_comes_back_silently(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(3))})
    estate.accept_all(1)
    short = section(*packages(2))
    estate.send("agent/web01/a1", {"packages": short}, at=10)
    assert (estate.absent(), estate.differences()) == ([], [])
    estate.send("agent/web01/a1", {"packages": unchanged(short)}, at=20)
    assert (estate.absent(), estate.differences()) == (["p2"], [("absent_ci", "p2", "", "open")])
    estate.send("agent/web01/a1", {"packages": section(*packages(3))}, at=30)
    assert (estate.absent(), estate.differences()) == ([], [])


@pytest.mark.parametrize("word", [{"status": "failed"}, {"status": "skipped"}, {"complete": False}])
def test_failed_and_partial_sections_say_nothing_of_what_they_leave_out(estate: Estate, word: dict[str, Any]) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(3))})
    for at in (10, 20, 30):
        estate.send("agent/web01/a1", {"packages": section(package("p0"), **word)}, at=at)
    assert estate.absent() == []


def test_a_section_that_failed_without_items_keeps_what_it_held(estate: Estate) -> None:
    full = section(*packages(3))
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": full})
    estate.send("agent/web01/a1", {"packages": Section(status="failed", reason="dpkg-query: not found")}, at=10)
    assert estate.rows(select(section_table.c.status, section_table.c.reason).where(section_table.c.name == "packages")) == [
        ("failed", "dpkg-query: not found")
    ]
    receipt = estate.send("agent/web01/a1", {"packages": unchanged(full)}, at=20)
    assert (receipt.answer.want, estate.absent()) == ([], [])


def test_a_shallow_look_says_nothing_of_what_a_deep_one_found(estate: Estate) -> None:
    device = item("d", "network_device", attributes={"name": "sw1"}, serial="S1AAA")
    ports = [item(f"if:{n}", "interface", owner="d", attributes={"name": f"Gi{n}", "kind": "ethernet"}) for n in range(3)]
    estate.send("snmp/d/d1", {"sw1": section(device, *ports, depth=2)})
    for at in (10, 20, 30):
        estate.send("snmp/d/d1", {"sw1": section(device, depth=1)}, at=at)
    assert estate.absent() == []


def test_many_that_go_at_once_hold_the_section_until_a_person_releases_it(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(48))})
    estate.accept_all(1)
    empty = section()
    for at in (10, 20, 30):
        receipt = estate.send("agent/web01/a1", {"packages": empty if at == 10 else unchanged(empty)}, at=at)
        assert receipt.answer.want == []
    assert (estate.absent(), estate.differences(), estate.cases()) == ([], [], ["mass_loss"])
    case = estate.rows(select(review_case.c.id))[0][0]
    estate.decide(resolve_case, case, "release", now=START + 31 * 60_000)
    receipt = estate.send("agent/web01/a1", {"packages": unchanged(empty)}, at=40)
    assert receipt.answer.want == [empty.digest]
    estate.send("agent/web01/a1", {"packages": empty}, at=41)
    estate.send("agent/web01/a1", {"packages": unchanged(empty)}, at=50)
    assert (len(estate.absent()), estate.cases()) == (48, [])


def test_a_brake_ends_by_itself_when_the_items_are_back(estate: Estate) -> None:
    full = section(*packages(48))
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": full})
    estate.send("agent/web01/a1", {"packages": section()}, at=10)
    assert estate.cases() == ["mass_loss"]
    estate.send("agent/web01/a1", {"packages": full}, at=20)
    assert (estate.cases(), estate.absent()) == ([], [])


# --- owners ---


def test_a_part_that_comes_before_its_host_waits_for_it(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"packages": section(package("nginx"))})
    assert estate.names() == []
    estate.send("agent/web01/a1", {"host": section(HOST)}, at=1)
    assert estate.names() == [("server", "web01", None), ("software_package", "nginx", "web01")]


def test_a_disk_that_moves_to_another_host_is_the_same_disk(estate: Estate) -> None:
    disk = item("disk:0", "disk", owner="host", attributes={"name": "sda", "slot": "0", "vendor": "V"}, serial="D1SERIAL")
    other = msgspec.structs.replace(HOST, identifiers={"machine_id": "f" * 32}, attributes={"name": "web02"})
    estate.send("agent/web01/a1", {"host": section(HOST), "disks": section(disk)})
    before = estate.rows(select(ci.c.id).where(ci.c.ci_class == "disk"))
    estate.send("agent/web02/b1", {"host": section(other), "disks": section(disk)}, at=10)
    assert estate.rows(select(ci.c.id).where(ci.c.ci_class == "disk", ci.c.redirect_to.is_(None))) == before
    assert ("disk", "0", "web02") in estate.names()


def test_another_thing_under_a_known_ref_is_another_ci_with_its_own_parts(estate: Estate) -> None:
    first = item("10.0.0.5", "network_device", attributes={"name": "sw1"}, serial="S1AAA", sysname="sw1")
    second = item("10.0.0.5", "network_device", attributes={"name": "sw2"}, serial="S2BBB", sysname="sw2")
    port = item("if:1", "interface", owner="10.0.0.5", attributes={"name": "Gi1", "kind": "ethernet"})
    estate.send("snmp/d/d1", {"all": section(first, port)})
    estate.send("snmp/d/d1", {"all": section(second, port)}, at=10)
    assert [name for _, name, owner in estate.names() if owner is None] == ["sw1", "sw2"]
    assert ("interface", "Gi1", "sw2") in estate.names()


# --- clocks ---


def test_a_clock_that_is_far_off_is_corrected_and_the_future_is_now(estate: Estate) -> None:
    behind = START - 3_600_000
    for number in range(3):
        estate.send("agent/web01/a1", {"host": section(HOST)}, at=-60 + number, now=number, sent_at=behind + number * 60_000)
    assert estate.rows(select(section_table.c.confirmed_at)) == [(START + 120_000,)]
    estate.send("agent/web02/b1", {"host": section(HOST)}, at=600, now=5)
    assert estate.rows(select(func.max(section_table.c.confirmed_at))) == [(START + 300_000,)]


def test_the_journal_holds_the_report_as_it_came(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST)})
    with estate.database.connect() as connection:
        entry = load_entry(connection, estate.rows(select(report.c.id))[0][0])
    decoded = msgspec.msgpack.decode(entry.body, type=Report)
    assert (decoded.source.name, decoded.sections["host"].items) == ("web01", [HOST])


def test_a_source_record_has_one_active_link(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(3))})
    estate.send("ssh/d/d1", {"host": section(HOST), "packages": section(*packages(3))}, at=1)
    open_records = select(func.count()).select_from(source_record).where(source_record.c.closed_at.is_(None), source_record.c.ci_id.is_(None))
    assert estate.rows(open_records) == [(0,)]


def test_absence_takes_its_minimum_age(database: Database) -> None:
    estate = Estate(database, Context(CATALOGUE, settings=Settings(absent_min_age_seconds=1_800)))
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(3))})
    short = section(*packages(2))
    for at in (10, 20, 30):
        estate.send("agent/web01/a1", {"packages": short if at == 10 else unchanged(short)}, at=at)
        assert estate.absent() == []
    estate.send("agent/web01/a1", {"packages": unchanged(short)}, at=40)
    assert estate.absent() == ["p2"]


def test_a_disk_in_another_slot_of_its_host_is_the_same_disk(estate: Estate) -> None:
    def disk(slot: str) -> Any:
        return item(f"disk:{slot}", "disk", owner="host", attributes={"slot": slot, "vendor": "V"}, serial="D1SERIAL")

    estate.send("agent/web01/a1", {"host": section(HOST), "disks": section(disk("0"))})
    estate.accept_all(1)
    estate.send("agent/web01/a1", {"disks": section(disk("1"))}, at=10)
    estate.send("agent/web01/a1", {"disks": unchanged(section(disk("1")))}, at=20)
    assert (estate.names(), estate.differences()) == ([("disk", "1", "web01"), ("server", "web01", None)], [])


def test_an_accepted_loss_that_is_back_is_a_new_part_to_decide_on(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(3))})
    estate.accept_all(1)
    for at in (10, 20):
        estate.send("agent/web01/a1", {"packages": section(*packages(2), digest=str(at))}, at=at)
    estate.accept_all(21)
    assert estate.differences() == []
    estate.send("agent/web01/a1", {"packages": section(*packages(3))}, at=30)
    assert (estate.differences(), estate.cases()) == ([("new_ci", "p2", "", "open")], [])


def test_a_brake_ends_when_the_old_digest_is_back(estate: Estate) -> None:
    full = section(*packages(48))
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": full})
    estate.send("agent/web01/a1", {"packages": section()}, at=10)
    estate.send("agent/web01/a1", {"packages": unchanged(full)}, at=20)
    assert (estate.cases(), estate.rows(select(section_table.c.held).distinct())) == ([], [(False,)])


def test_a_list_that_loses_much_over_all_its_sections_is_held_as_a_whole(estate: Estate) -> None:
    def site(name: str, count: int) -> Any:
        return section(*(item(f"{name}{n}", "server", attributes={"name": f"{name}{n}"}, serial=f"S{name}{n}XYZ") for n in range(count)))

    estate.send("import/csv/1", {name: site(name, 4) for name in "abc"})
    for at in (10, 20):
        estate.send("import/csv/1", {name: site(name, 2) for name in "abc"}, at=at)
    assert (estate.absent(), estate.cases()) == ([], ["mass_loss"])
    case = estate.rows(select(review_case.c.id))[0][0]
    estate.decide(resolve_case, case, "release", now=START + 21 * 60_000)
    for at in (30, 40):
        estate.send("import/csv/1", {name: site(name, 2) for name in "abc"}, at=at)
    assert estate.absent() == ["a2", "a3", "b2", "b3", "c2", "c3"]


def test_a_release_waits_for_a_whole_report(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": section(HOST), "packages": section(*packages(48))})
    estate.send("agent/web01/a1", {"packages": section()}, at=10)
    estate.decide(resolve_case, estate.rows(select(review_case.c.id))[0][0], "release", now=START + 11 * 60_000)
    estate.send("agent/web01/a1", {"packages": section(package("p0"), status="failed")}, at=20)
    for at in (30, 40):
        estate.send("agent/web01/a1", {"packages": section(digest=str(at))}, at=at)
    assert (len(estate.absent()), estate.cases()) == (48, [])


def test_a_part_of_a_section_has_seen_what_it_lists_again(estate: Estate) -> None:
    both = [
        msgspec.structs.replace(HOST, ref=f"h{number}", identifiers={"serial": f"S{number}AAA"}, attributes={"name": f"w{number}"})
        for number in (1, 2)
    ]
    estate.send("snmp/d/p1", {"all": section(*both)})
    for at in (10, 20):
        estate.send("snmp/d/p1", {"all": section(both[0], complete=False, digest=f"p{at}")}, at=at)
    seen = (source_record.c.ref, source_record.c.observed_at, ci.c.seen_at)
    rows = estate.rows(select(*seen).join(ci, ci.c.id == source_record.c.ci_id).order_by(source_record.c.ref))
    assert rows == [("h1", START + 1_200_000, START + 1_200_000), ("h2", START, START)]
