"""Identity through the store: as the pure engine decides it in memory, in any order of arrival, and as people correct it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from collector.reconcile.settings import Settings
from collector.store.decision import adopt_suggestion, resolve_case, undo_decision
from collector.store.edit import Context
from collector.store.engine import Database, open_database
from collector.store.recorded import Patch
from collector.store.recording import record_ci
from collector.store.schema import ci, identity_claim, metadata, quarantined_value, review_case, source, source_record
from collector.store.source import Grant
from collector.store.token import create_token
from muster.errors import ConflictError, InputError
from tests.reconcile.test_property import Sent, interleave, run, streams
from tests.store.sender import CATALOGUE, PERSON, START, Estate, item, section
from tests.store.test_decision import at

U = [f"4c4c4544-0042-3510-8051-b7c04f4b4{number:03d}" for number in range(20)]
MACS = [f"00:1b:21:00:00:{number:02x}" for number in range(20)]


def host(name: str, *, attributes: dict[str, Any] | None = None, **identifiers: Any) -> Any:
    return item("host", "server", attributes={"vendor": "V", "name": name} | (attributes or {}), **identifiers)


def shape(estate: Estate) -> list[list[str]]:
    """CIs by what their records are."""
    joined = source_record.join(source, source.c.id == source_record.c.source_id)
    columns = (source_record.c.ci_id, source.c.kind, source.c.name, source.c.instance, source_record.c.ref)
    found: dict[str, list[str]] = {}
    for ci_id, kind, name, instance, ref in estate.rows(select(*columns).select_from(joined).where(source_record.c.owner_record_id.is_(None))):
        found.setdefault(ci_id, []).append(f"{kind}/{name}/{instance} {ref}")
    return sorted(sorted(each) for each in found.values())


def state(estate: Estate) -> list[Any]:
    """Everything that people see, independent of ids and order of arrival."""
    records = {row[0]: row[1] for row in estate.rows(select(source_record.c.id, source_record.c.ci_id))}
    names: dict[str, list[str]] = {}
    joined = source_record.join(source, source.c.id == source_record.c.source_id)
    columns = (source_record.c.id, source.c.kind, source.c.name, source.c.instance, source_record.c.ref, source_record.c.first_seen_at)
    for record_id, kind, name, instance, ref, first_seen_at in estate.rows(select(*columns).select_from(joined)):
        names.setdefault(records[record_id] or "", []).append(f"{kind}/{name}/{instance} {ref} {first_seen_at}")
    known = {ci_id: tuple(sorted(each)) for ci_id, each in names.items()}
    rows = estate.rows(select(ci.c.id, ci.c.ci_class, ci.c.is_provisional, ci.c.presence).where(ci.c.redirect_to.is_(None)))
    cis = sorted(
        (known.get(ci_id, ()), ci_class, is_provisional, presence, sorted(map(repr, estate.effective_of(ci_id).items())))
        for ci_id, ci_class, is_provisional, presence in rows
    )
    differences = sorted((known.get(ci_id, ()), kind, attribute, repr(old), repr(new)) for ci_id, kind, attribute, old, new in estate.open_values())
    is_open = (review_case.c.state == "open") & (review_case.c.kind != "mass_loss")  # a whole zone's silence is no matter of identity
    cases = sorted((kind, key) for kind, key in estate.rows(select(review_case.c.kind, review_case.c.case_key).where(is_open)))
    quarantined = sorted(estate.rows(select(quarantined_value.c.kind, quarantined_value.c.scope, quarantined_value.c.value)))
    return [cis, differences, cases, quarantined]


def emptied(database: Database) -> Estate:
    """The store without anything in it."""
    with database.begin() as connection:
        if database.is_sqlite:
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    return Estate(database)


@pytest.fixture(scope="module")
def sqlite_store(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("generated") / "store.db"
    shutil.copyfile(migrated_sqlite, path)
    database = open_database(f"sqlite:///{path}")
    yield database
    database.close()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=streams(most=3), random=st.randoms(use_true_random=False))
def test_any_order_of_the_same_reports_gives_what_the_engine_decides_in_memory(sqlite_store: Database, sent: list[list[Sent]], random: Any) -> None:
    in_memory, *in_store = (interleave(sent, random) for _ in range(3))
    expected = run(in_memory).state()
    end = max(report.at for each in sent for report in each) + 5
    for reports in in_store:
        estate = emptied(sqlite_store)
        for report in reports:
            told = msgspec.structs.replace(section(report.item), interval_seconds=600)
            estate.send(report.text, {"host": told}, at=report.at, now=end, zone=report.zone)
        estate.sweep(end)
        assert state(estate) == expected


@pytest.mark.parametrize("order", list(permutations(("agent/a/2", "agent/b/1", "hypervisor/vc/1"))))
def test_two_machines_of_one_name_have_one_case_whoever_reports_last(estate: Estate, order: tuple[str, ...]) -> None:
    seen = {
        "agent/a/2": item("h", "server", serial="S100"),
        "agent/b/1": item("h", "server", serial="S200", hostname="web01", ip=["10.0.0.1"]),
        "hypervisor/vc/1": item("h", "virtual_machine", serial="S100", hostname="web01.a.example", ip=["10.0.0.1"]),
    }
    for text_ in order:
        estate.send(text_, {"host": section(seen[text_])})
    assert estate.rows(select(review_case.c.case_key).where(review_case.c.state == "open")) == [("replacement|namesakes|serial:S100|S200",)]


def test_a_learned_placeholder_is_one_case_and_no_merge(estate: Estate) -> None:
    for number in range(3):
        estate.send(f"agent/pc{number}/a", {"host": section(host(f"pc{number}", serial="SN-0000-X", dmi_uuid=U[number]))})
        assert len(shape(estate)) == number + 1
    assert estate.cases() == ["quarantine"]
    states = estate.rows(select(identity_claim.c.state).where(identity_claim.c.kind == "serial").distinct())
    assert states == [("quarantined",)]


def test_a_clone_that_reports_in_turn_with_its_original_is_held_apart(estate: Estate) -> None:
    for minutes in range(0, 60, 10):
        for boot, number in (("x", 0), ("y", 1)):
            seen = host("web01", machine_id="0123456789abcdef0123456789abcdef", dmi_uuid=U[number], mac=[MACS[number]], attributes={"boot_id": boot})
            answer = estate.send("agent/web01/a1", {"host": section(seen)}, at=minutes + 5 * number).answer
            assert answer.settings == ({"enrol_again": True} if boot == "y" else {})
    assert (len(shape(estate)), estate.cases()) == (2, ["clone"])
    assert sorted(row[0] for row in estate.rows(select(ci.c.is_provisional))) == [False, True]


def test_one_strong_identifier_against_another_leaves_both_hosts_as_they_are(estate: Estate) -> None:
    estate.send("agent/a/1", {"host": section(host("a", serial="SAAAA", dmi_uuid=U[0]))})
    estate.send("agent/b/1", {"host": section(host("b", serial="SBBBB", dmi_uuid=U[1]))})
    before = [estate.effective("a"), estate.effective("b")]
    estate.send("ssh/d/1", {"host": section(host("c", serial="SAAAA", dmi_uuid=U[1]))}, at=1)
    assert [estate.effective("a"), estate.effective("b")] == before
    assert (len(shape(estate)), estate.cases()) == (3, ["contradiction"])


def two_claimants(estate: Estate) -> str:
    """Two hosts that one weak look cannot tell apart; the case's id."""
    estate.send("agent/a/1", {"host": section(host("a", dmi_uuid=U[0]))})
    estate.send("ssh/d/1", {"host": section(host("b", dmi_uuid=U[0], serial="SBBBB"))})
    estate.send("agent/b/1", {"host": section(host("c", serial="SBBBB", dmi_uuid=U[1]))}, at=1)
    return str(estate.rows(select(review_case.c.id).where(review_case.c.state == "open"))[0][0])


def test_a_person_says_that_two_are_one_and_takes_it_back(estate: Estate) -> None:
    mac = ["02:fc:00:00:00:01"]
    port = item("if:1", "interface", owner="host", attributes={"name": "eth0", "kind": "ethernet"})
    estate.send("agent/a/1", {"host": section(host("a", machine_id="0" * 31 + "1", mac=mac), port)})
    estate.send("snmp/d/1", {"host": section(item("host", "device", attributes={"name": "a2"}, sysname="a2", serial="S1AAA"), port)}, at=1)
    before = (shape(estate), estate.names(), state(estate))
    assert len(before[0]) == 2
    left, right = (estate.id_of(name) for name in ("a", "a2"))
    made = estate.decide(adopt_suggestion, right, left, now=at(2))
    assert (len(shape(estate)), [each[0] for each in estate.names()]) == (1, ["interface", "server"])
    estate.send("snmp/d/1", {"host": section(item("host", "device", attributes={"name": "a3"}, sysname="a3", serial="S1AAA"), port)}, at=3)
    assert len(shape(estate)) == 1
    estate.send("snmp/d/1", {"host": section(item("host", "device", attributes={"name": "a2"}, sysname="a2", serial="S1AAA"), port)}, at=4)
    estate.decide(undo_decision, made, now=at(5))
    assert (shape(estate), estate.names()) == before[:2]
    assert (estate.id_of("a"), estate.id_of("a2")) == (left, right)


def test_a_near_miss_is_adopted_by_what_was_recorded_before_and_stays(estate: Estate) -> None:
    made = estate.decide(record_ci, "network_device", Patch({"name": "core1"}), now=at(0), zone="z1")
    seen = item("10.0.0.1", "network_device", attributes={"name": "core1", "model": "M"}, sysname="core1", ip=["10.0.0.1"])
    estate.send("snmp/d/1", {"core1": section(seen)}, at=1)
    found = estate.rows(select(ci.c.id).where(ci.c.id != made.id))[0][0]
    estate.decide(adopt_suggestion, found, made.id, now=at(2))
    changed = msgspec.structs.replace(seen, attributes={"name": "core1", "model": "N"})
    estate.send("snmp/d/1", {"core1": section(changed)}, at=3)
    assert estate.rows(select(ci.c.id).where(ci.c.redirect_to.is_(None))) == [(made.id,)]
    assert estate.rows(select(source_record.c.ci_id, source_record.c.link_made_by)) == [(made.id, PERSON)]


def test_cases_are_decided_once_and_by_what_fits_them(estate: Estate) -> None:
    case = two_claimants(estate)
    with pytest.raises(InputError, match="no action"):
        estate.decide(resolve_case, case, "revive", now=at(2))
    made = estate.decide(resolve_case, case, "dismiss", now=at(2), reason="lab")
    with pytest.raises(ConflictError, match="dismissed"):
        estate.decide(resolve_case, case, "confirm", now=at(3))
    estate.decide(undo_decision, made, now=at(4))
    assert len(estate.rows(select(review_case.c.id).where(review_case.c.id == case, review_case.c.state == "open"))) == 1


def test_a_retired_host_that_reports_again_is_a_case_and_stays_retired(estate: Estate) -> None:
    other = item("other", "server", attributes={"name": "web02"}, dmi_uuid=U[1])
    seen = section(host("web01", dmi_uuid=U[0]), other)
    estate.send("import/csv/1", {"all": seen})
    estate.accept_all(1)
    for minutes in (10, 20):
        estate.send("import/csv/1", {"all": section(other)}, at=minutes)
    assert estate.differences() == [("absent_ci", "web01", "", "open")]
    estate.accept_all(21)
    lifecycle = select(ci.c.lifecycle).where(ci.c.name == "web01")
    assert estate.rows(lifecycle) == [("retired",)]
    estate.send("import/csv/1", {"all": seen}, at=30)
    assert (estate.cases(), estate.rows(lifecycle)) == (["resurrection"], [("retired",)])


def test_a_neighbourhood_over_its_limit_links_nothing_new_and_says_so(database: Database) -> None:
    estate = Estate(database, Context(CATALOGUE, settings=Settings(neighbourhood_limit=3)))
    for number in range(5):
        estate.send(f"ssh/d{number}/1", {"host": section(host("web01", dmi_uuid=U[0], serial="S1AAA"))})
    assert "ambiguity" in estate.cases()


def test_an_agent_with_a_new_spool_is_the_same_host_and_no_clone(estate: Estate) -> None:
    with estate.database.begin() as connection:
        token_id = create_token(connection, START, kind="source", name="agent/web01").id
    seen = host("web01", machine_id="0123456789abcdef0123456789abcdef", ssh_host_key=["SHA256:a"])
    estate.send("agent/web01/a1", {"host": section(seen)}, token=Grant(token_id))
    estate.send("agent/web01/a2", {"host": section(seen)}, at=1, token=Grant(token_id, 1))
    assert (len(shape(estate)), estate.cases()) == (1, [])
    # The one before is alive after all: two machines hold one enrolment.
    other = host("web02", machine_id="0123456789abcdef0123456789abcdef", ssh_host_key=["SHA256:a"], dmi_uuid=U[1])
    estate.send("agent/web01/a1", {"host": section(other)}, at=2, token=Grant(token_id, 1))
    assert "clone" in estate.cases()
