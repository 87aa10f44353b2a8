"""The figures of CMDB health are counted as docs/health.md defines them, whatever order things came in, and follow every change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from collector.store.decision import Choice, accept_differences
from collector.store.health_day import load_days, save_day
from collector.store.pin import PinWish, pin_value
from collector.store.read_health import HealthMeasure
from collector.store.recorded import Patch, patch_recorded
from collector.store.schema import ci, identity_claim, recorded_claim, relation
from muster.cmdb_health import FIGURES, CmdbHealth, HealthItem, HealthScope
from muster.wire.report import Endpoint, Item, RelationClaim
from tests.store.sender import CATALOGUE, MINUTE, PERSON, START, Estate, item, section, unchanged

DAY = 24 * 60


@pytest.fixture
def measure(estate: Estate) -> HealthMeasure:
    return HealthMeasure(CATALOGUE, estate.clock)


def server(name: str, **attributes: Any) -> Item:
    return item(name, "server", serial=f"SN-{name}", attributes={"name": name, "vendor": "Dell", "model": "R650", **attributes})


def read(estate: Estate, measure: HealthMeasure, at: float = 0, **scope: str) -> CmdbHealth:
    estate.clock.advance(milliseconds=START + round(at * MINUTE) - estate.clock.now_ms())
    with estate.database.connect() as connection:
        return measure.measure(connection, HealthScope(**scope), is_fresh=True)


def behind(estate: Estate, measure: HealthMeasure, name: Any, **scope: str) -> list[HealthItem]:
    """All that stands behind a figure, in pages of two."""
    found: list[HealthItem] = []
    cursor = None
    while True:
        with estate.database.connect() as connection:
            page = measure.list_items(connection, name, HealthScope(**scope), cursor=cursor, limit=2)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def counts(health: CmdbHealth) -> dict[str, tuple[int, int | None]]:
    return {each.name: (each.count, each.of) for each in health.figures}


def lines(health: CmdbHealth, name: str) -> dict[tuple[str, ...], tuple[int, int | None]]:
    return {tuple(filter(None, (each.ci_class, each.attribute, each.kind))): (each.count, each.of) for each in health.figure(name).lines}


def record(estate: Estate, name: str, at: float = 0, **changes: Any) -> None:
    with estate.database.begin() as connection:
        patch_recorded(connection, estate.context, estate.id_of(name), Patch(changes), actor=PERSON, now=START + round(at * MINUTE))


def retire(estate: Estate, name: str, at: float) -> None:
    with estate.database.begin() as connection:
        patch_recorded(connection, estate.context, estate.id_of(name), Patch(lifecycle="retired"), actor=PERSON, now=START + round(at * MINUTE))


def test_an_empty_cmdb_has_nothing_to_measure(estate: Estate, measure: HealthMeasure) -> None:
    health = read(estate, measure)
    assert [each.name for each in health.figures] == list(FIGURES)
    assert (health.ci_total, health.oldest_unreviewed_at, health.median_unreviewed_seconds) == (0, None, None)
    assert all((each.count, each.of, each.ratio) in ((0, 0, None), (0, None, None)) for each in health.figures)


def test_correctness_is_recorded_equal_to_observed_where_both_are(estate: Estate, measure: HealthMeasure) -> None:
    first = section(server("a", **{"os.kernel": "6.1"}), server("b", **{"os.kernel": "6.1"}))
    estate.send("api/x/1", {"host": first})
    assert counts(read(estate, measure))["correctness"] == (0, 0)  # nothing is recorded yet
    estate.accept_all(at=1)
    equal, compared = counts(read(estate, measure, 1))["correctness"]
    assert equal == compared
    assert compared is not None
    assert compared >= 8  # at least name, vendor, model, os.kernel of two
    estate.send("api/x/1", {"host": section(server("a", **{"os.kernel": "6.2"}), server("b", **{"os.kernel": "6.1"}))}, at=2)
    health = read(estate, measure, 2)
    assert (counts(health)["correctness"], lines(health, "correctness")) == ((equal - 1, compared), {("server",): (equal - 1, compared)})
    (found,) = behind(estate, measure, "correctness")
    assert (found.subject, found.kind, found.attribute, found.detail) == ("a", "differs", "os.kernel", {"recorded": "6.1", "observed": "6.2"})


def test_completeness_counts_required_attributes_on_either_side(estate: Estate, measure: HealthMeasure) -> None:
    packages = [
        item(f"p{each}", "software_package", owner="h", attributes={"manager": "dpkg", "name": f"p{each}", "architecture": "amd64"}) for each in "ab"
    ]
    nameless = item("h", "server", serial="SN-h", attributes={"vendor": "Dell"})
    estate.send("api/x/1", {"host": section(nameless, *packages)})
    health = read(estate, measure)
    assert lines(health, "completeness") == {
        ("server", "name"): (0, 1),
        ("software_package", "manager"): (2, 2),
        ("software_package", "name"): (2, 2),
    }
    (found,) = behind(estate, measure, "completeness")
    assert (found.kind, found.attribute, found.ci and found.ci.ci_class) == ("missing", "name", "server")
    with estate.database.begin() as connection:
        key = str(found.ci.id) if found.ci else ""
        patch_recorded(connection, estate.context, key, Patch({"name": "h1"}), actor=PERSON, now=START + MINUTE)
    assert lines(read(estate, measure, 1), "completeness")["server", "name"] == (1, 1)
    assert behind(estate, measure, "completeness") == []


def test_freshness_leaves_out_what_nobody_expects_to_see(estate: Estate, measure: HealthMeasure) -> None:
    host = section(server("a"), item("e", "interface", owner="a", attributes={"name": "eth0"}))
    estate.send("api/x/1", {"host": host})
    estate.send("api/y/1", {"host": section(server("b"))})
    estate.accept_all(at=1)
    assert counts(read(estate, measure, 1))["freshness"] == (3, 3)
    estate.send("api/y/1", {"host": unchanged(section(server("b")))}, at=40)
    estate.sweep(at=41)
    health = read(estate, measure, 41)
    assert lines(health, "freshness") == {("interface",): (0, 1), ("server",): (1, 2)}
    assert [(each.subject, each.kind) for each in behind(estate, measure, "freshness")] == [("a", "stale"), ("eth0", "unknown")]
    retire(estate, "a", 42)
    assert lines(read(estate, measure, 42), "freshness") == {("server",): (1, 1)}  # its parts went with it
    assert behind(estate, measure, "freshness") == []


def test_parts_of_a_retired_host_come_back_with_it(estate: Estate, measure: HealthMeasure) -> None:
    estate.send("api/x/1", {"host": section(server("a"), item("e", "interface", owner="a", attributes={"name": "eth0"}))})
    estate.accept_all(at=1)
    assert read(estate, measure, 1).ci_total == 2
    retire(estate, "a", 2)
    assert read(estate, measure, 2).ci_total == 0
    with estate.database.begin() as connection:
        patch_recorded(connection, estate.context, estate.id_of("a"), Patch(lifecycle="live"), actor=PERSON, now=START + 3 * MINUTE)
    assert read(estate, measure, 3).ci_total == 2


def test_orphans_have_neither_relation_nor_owner_and_parts_are_none(estate: Estate, measure: HealthMeasure) -> None:
    port = item("e", "interface", owner="sw", attributes={"name": "Gi1"})
    switch = item("sw", "network_device", serial="SN-sw", attributes={"name": "sw"})
    link = RelationClaim("connected_to", "e", Endpoint({"serial": "SN-linked", "name": "eth0"}, "interface"))
    linked = section(server("linked"), item("n", "interface", owner="linked", attributes={"name": "eth0"}))
    estate.send("api/x/1", {"host": linked})
    estate.send("api/z/1", {"host": section(server("alone"), server("owned"))})
    estate.send("snmp/y/1", {"device": section(switch, port, relations=[link])})
    estate.accept_all(at=1)
    record(estate, "owned", 1, owner="kim")
    record(estate, "linked", 1, owner="kim")
    health = read(estate, measure, 2)
    assert lines(health, "orphans") == {
        ("network_device", "no_owner"): (1, None),
        ("server", "no_relation"): (1, None),
        ("server", "orphan"): (1, None),
    }
    assert health.figure("orphans").count == 1
    assert {each.subject: each.kind for each in behind(estate, measure, "orphans")} == {"alone": "orphan", "owned": "no_relation", "sw": "no_owner"}


def test_a_relation_to_what_is_retired_is_a_finding(estate: Estate, measure: HealthMeasure) -> None:
    estate.send("api/x/1", {"host": section(server("a"), server("b"))})
    estate.accept_all(at=1)
    with estate.database.begin() as connection:
        ends = {"from_ci_id": estate.id_of("a"), "to_ci_id": estate.id_of("b")}
        connection.execute(insert(relation).values(type="depends_on", side="recorded", claim_hash=b"x", claim=b"\xc0", valid_from=START, **ends))
    assert counts(read(estate, measure, 1))["findings"] == (0, None)
    retire(estate, "b", 2)
    (found,) = behind(estate, measure, "findings")
    assert (found.subject, found.kind, found.detail["relation"], found.detail["to"]["name"]) == ("a", "relation_to_gone", "depends_on", "b")
    retire(estate, "a", 3)
    assert behind(estate, measure, "findings") == []


def test_two_cis_with_one_strong_identifier_are_duplicates_until_decided(estate: Estate, measure: HealthMeasure) -> None:
    estate.send(
        "api/x/1", {"host": section(item("h", "server", serial="ONE", dmi_uuid="4c4c4544-0058-4b10-8032-b9c04f473411", attributes={"name": "a"}))}
    )
    estate.send("api/y/1", {"host": section(server("b"))})
    assert counts(read(estate, measure))["duplicates"] == (0, None)
    with estate.database.begin() as connection:
        connection.execute(insert(recorded_claim).values(ci_id=estate.id_of("b"), kind="dmi_uuid", scope="", value=uuid_of(estate)))
    health = read(estate, measure, 1)
    assert (health.figure("duplicates").count, lines(health, "duplicates")) == (2, {("equal_identifier",): (2, None)})
    assert [(each.subject, each.attribute) for each in behind(estate, measure, "duplicates")] == [("a", "dmi_uuid"), ("b", "dmi_uuid")]


def uuid_of(estate: Estate) -> str:
    """As the store keeps it."""
    return str(estate.rows(select(identity_claim.c.value).where(identity_claim.c.kind == "dmi_uuid"))[0][0])


def test_unreviewed_age_is_told_by_class_and_by_configuration_manager(estate: Estate, measure: HealthMeasure) -> None:
    for place, name in enumerate(("a", "b", "c")):
        estate.send(f"agent/{name}/1", {"host": section(server(name))}, at=place * 10)
    with estate.database.begin() as connection:
        accept_differences(connection, estate.context, Choice({}, group="new_ci|server|z1"), actor=PERSON, now=START + 21 * MINUTE)
    record(estate, "a", 22, owner="kim")
    record(estate, "b", 22, owner="kim")
    for place, name in enumerate(("a", "b", "c")):
        estate.send(f"agent/{name}/1", {"host": section(server(name, model="R750"))}, at=30 + place * 10)
    health = read(estate, measure, 100)
    assert counts(health)["unreviewed"] == (3, None)
    assert (health.oldest_unreviewed_at, health.median_unreviewed_seconds) == (START + 30 * MINUTE, 60 * 60)
    assert [(each.key, each.count, each.median_seconds) for each in health.unreviewed_by_manager] == [("kim", 2, 65 * 60), ("", 1, 50 * 60)]
    assert [(each.key, each.count) for each in health.unreviewed_by_class] == [("server", 3)]
    assert [each.detail["configuration_manager"] for each in behind(estate, measure, "unreviewed")] == ["kim", "kim", ""]
    assert counts(read(estate, measure, 100, owner="kim"))["unreviewed"] == (2, None)


def test_coverage_lists_addresses_that_no_ci_owns(estate: Estate, measure: HealthMeasure) -> None:
    known = server("a", ip=["10.0.0.1"])
    known.identifiers.update({"ip": ["10.0.0.1"], "mac": ["b0:7b:25:00:00:01"]})
    swept = [
        item("sweep:mac:1", "device", ip=["10.0.0.1"], mac=["b0:7b:25:00:00:01"], attributes={"name": "10.0.0.1"}),
        item("sweep:address:2", "device", ip=["10.0.0.2"], attributes={"name": "10.0.0.2"}),
    ]
    port = item("e", "interface", owner="sw", attributes={"name": "Gi1"})
    neighbour = RelationClaim("connected_to", "e", Endpoint({"chassis_id": "b0:7b:25:00:00:09", "name": "Gi9"}, "interface"))
    estate.send("api/x/1", {"host": section(known)})
    estate.send("sweep/s/1", {"one": section(swept[0]), "two": section(swept[1])})
    estate.send("snmp/y/1", {"device": section(item("sw", "network_device", serial="SN-sw", attributes={"name": "sw"}), port, relations=[neighbour])})
    health = read(estate, measure, 1)
    assert lines(health, "coverage") == {("ip",): (1, 2), ("mac",): (1, 2)}
    found = behind(estate, measure, "coverage")
    assert [(each.kind, each.subject, each.detail["seen_by"]) for each in found] == [
        ("ip", "10.0.0.2", ["sweep/s"]),
        ("mac", "b0:7b:25:00:00:09", ["connected_to of snmp/y"]),
    ]
    assert counts(read(estate, measure, 1, zone="elsewhere"))["coverage"] == (1, 2)  # a MAC address is one in every zone


def test_pins_are_told_by_when_they_end(estate: Estate, measure: HealthMeasure) -> None:
    estate.send("api/x/1", {"host": section(server("a"))})
    ends = {"vendor": None, "model": 10 * DAY, "os.name": 90 * DAY}
    with estate.database.begin() as connection:
        for attribute, end in ends.items():
            expires_at = None if end is None else START + end * MINUTE
            wish = PinWish(attribute, "held", "a wrong DMI table", "kim", expires_at)
            pin_value(connection, estate.context, estate.id_of("a"), wish, actor=PERSON, now=START + MINUTE)
    assert lines(read(estate, measure, 2), "pins") == {("ends_soon",): (1, None), ("held",): (1, None), ("without_end",): (1, None)}
    assert lines(read(estate, measure, 11 * DAY), "pins") == {("expired",): (1, None), ("held",): (1, None), ("without_end",): (1, None)}
    assert [each.attribute for each in behind(estate, measure, "pins")] == ["model", "os.name", "vendor"]


def test_a_scope_takes_a_class_with_its_descendants_a_zone_or_an_owner_with_parts(estate: Estate, measure: HealthMeasure) -> None:
    estate.send("api/x/1", {"host": section(server("a"), item("e", "interface", owner="a", attributes={"name": "eth0"}))}, zone="z1")
    estate.send("api/y/1", {"host": section(item("v", "virtual_machine", serial="SN-v", attributes={"name": "v"}))}, zone="z2")
    record(estate, "a", 1, owner="kim")
    totals = {
        (): 3, (("ci_class", "host"),): 2, (("ci_class", "interface"),): 1, (("zone", "z2"),): 1, (("owner", "kim"),): 2,
        (("owner", "kim"), ("zone", "z2")): 0, (("owner", "kim"), ("ci_class", "server")): 1,
    }  # fmt: skip
    assert {scope: read(estate, measure, 2, **dict(scope)).ci_total for scope in totals} == totals


def test_what_was_counted_block_by_block_equals_a_count_from_nothing(estate: Estate, measure: HealthMeasure) -> None:
    """Two CIs exchange their presence and nothing else: the sums over a block stay, the figures must not."""
    estate.send("api/x/1", {"host": section(server("a"), item("v", "virtual_machine", serial="SN-v", attributes={"name": "v"}))})
    with estate.database.begin() as connection:
        connection.execute(update(ci).where(ci.c.name == "a").values(presence="stale"))
    assert lines(read(estate, measure), "freshness") == {("server",): (0, 1), ("virtual_machine",): (1, 1)}
    with estate.database.begin() as connection:
        connection.execute(update(ci).where(ci.c.name == "a").values(presence="seen"))
        connection.execute(update(ci).where(ci.c.name == "v").values(presence="stale"))
    again = read(estate, measure)
    assert lines(again, "freshness") == {("server",): (1, 1), ("virtual_machine",): (0, 1)}
    assert again == read(estate, HealthMeasure(CATALOGUE, estate.clock))


NAMES = [f"h{number}" for number in range(5)]
STEPS = st.tuples(st.sampled_from(NAMES), st.sampled_from(["report", "silence", "record", "retire", "revive", "owner", "refine"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6, deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=7))
def test_after_any_life_the_kept_figures_equal_a_count_from_nothing(estate: Estate, measure: HealthMeasure, steps: list[tuple[str, str]]) -> None:
    """What is kept by block, and read again where sums moved, never misses a change; `estate` goes on from example to example."""
    for name, step in steps:
        estate.clock.advance(seconds=60)
        now = (estate.clock.now_ms() - START) / MINUTE
        known = bool(estate.rows(select(ci.c.id).where(ci.c.name == name)))
        if step in ("report", "refine"):
            told = item(name, "virtual_machine" if step == "refine" else "device", serial=f"SN-{name}", attributes={"name": name, "model": f"{now}"})
            estate.send(f"api/{name}/1", {"host": section(told)}, at=now)
        elif step == "silence":
            estate.clock.advance(seconds=7200)
            estate.sweep(at=(estate.clock.now_ms() - START) / MINUTE)
        elif known:
            patches = {
                "record": Patch({"vendor": "Dell"}), "retire": Patch(lifecycle="retired"), "revive": Patch(lifecycle="live"),
                "owner": Patch({"owner": "kim"}),
            }  # fmt: skip
            with estate.database.begin() as connection:
                patch_recorded(connection, estate.context, estate.id_of(name), patches[step], actor=PERSON, now=estate.clock.now_ms())
        with estate.database.connect() as connection:
            kept = measure.measure(connection, HealthScope(), is_fresh=True)
    with estate.database.connect() as connection:
        assert kept == HealthMeasure(CATALOGUE, estate.clock).measure(connection, HealthScope(), is_fresh=True)


def test_the_trend_keeps_the_last_figures_of_each_day_for_its_time(estate: Estate, measure: HealthMeasure) -> None:
    estate.send("api/x/1", {"host": section(server("a"))})
    with estate.database.begin() as connection:
        for at in (0, 60, DAY, 3 * DAY):
            save_day(connection, read(estate, measure, at), keep_days=2)
    with estate.database.connect() as connection:
        days = load_days(connection, 0)
    assert [(each.day - START) // (DAY * MINUTE) for each in days] == [0, 2]
    assert (days[0].ci_total, days[0].counts["freshness"], days[0].ratio("freshness"), days[0].ratio("coverage")) == (1, (1, 1), 1.0, None)
