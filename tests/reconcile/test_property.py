"""What holds for every estate: order of arrival, repetition and partial reports change nothing; no link crosses a veto."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.reconcile.fact import Observation
from collector.reconcile.identify import partition
from collector.reconcile.merge import merge
from collector.reconcile.node import record_node
from collector.reconcile.settings import Settings
from collector.reconcile.veto import VetoRules, agreements, contradictions
from tests.reconcile.estate import CATALOGUE, START, Estate, item, source

SERIALS = ["S100", "S200", "S300", "SHARED"]
UUIDS = [f"4c4c4544-0042-3510-8051-b7c04f4b400{n}" for n in range(3)]
MACS = [f"00:1b:21:00:00:0{n}" for n in range(4)]
KEYS = ["SHA256:a", "SHA256:b", "SHA256:c"]
MACHINES = [f"{n:032x}" for n in range(10, 13)]
NAMES = ["web01", "web01.a.example", "web02", "db1.b.example"]
SOURCES = ["agent/a/1", "agent/b/1", "agent/c/1", "ssh/d/1", "snmp/d/1", "hypervisor/vc/1", "import/csv/1", "snmp/e/1"]
CLASSES = {"snmp": ["device", "network_device"], "import": ["server", "device"]}


@st.composite
def _identifiers(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, values in (("serial", SERIALS), ("dmi_uuid", UUIDS), ("machine_id", MACHINES), ("hostname", NAMES)):
        value = draw(st.none() | st.sampled_from(values))
        if value is not None:
            found[kind] = value
    for kind, values in (("mac", MACS), ("ssh_host_key", KEYS), ("permanent_mac", MACS)):
        chosen = draw(st.lists(st.sampled_from(values), max_size=2, unique=True))
        if chosen:
            found[kind] = sorted(chosen)
    return found


@st.composite
def estates(draw: st.DrawFn) -> list[tuple[str, str, Any, int]]:
    """One report of each of several sources: (source, zone, item, minute)."""
    reports = []
    for text in draw(st.lists(st.sampled_from(SOURCES), min_size=2, max_size=6, unique=True)):
        ci_class = draw(st.sampled_from(CLASSES.get(text.split("/", 1)[0], ["server", "virtual_machine"])))
        vendor = draw(st.sampled_from([None, "V1", "V2"]))
        attributes = {"name": text, **({"vendor": vendor} if vendor else {})}
        zone = draw(st.sampled_from(["z1", "z1", "z1", "z2"]))
        reports.append((text, zone, item("h", ci_class, attributes=attributes, **draw(_identifiers())), draw(st.integers(0, 3))))
    return reports


def run(reports: list[tuple[str, str, Any, int]]) -> Estate:
    estate = Estate()
    for text, zone, each, at in reports:
        estate.report(text, each, at=at, zone=zone)
    estate.tick(5)
    return estate


@given(estates(), st.randoms(use_true_random=False))
def test_the_same_reports_give_the_same_cmdb_in_every_order(reports: list[tuple[str, str, Any, int]], random: Any) -> None:
    shuffled = list(reports)
    random.shuffle(shuffled)
    assert run(reports).state() == run(shuffled).state()


@given(estates())
def test_what_grows_by_one_report_at_a_time_is_what_is_decided_at_once(reports: list[tuple[str, str, Any, int]]) -> None:
    estate = run(reports)
    before = estate.shape()
    for record_id in list(estate.records):
        estate.reconcile(record_id)
    assert estate.shape() == before


@given(estates())
def test_the_same_report_again_changes_nothing(reports: list[tuple[str, str, Any, int]]) -> None:
    estate = run(reports)
    before = estate.state()
    for text, zone, each, at in reports:
        estate.report(text, each, at=at, zone=zone)
    assert estate.state() == before


@given(estates())
def test_no_automatic_link_crosses_a_veto(reports: list[tuple[str, str, Any, int]]) -> None:
    estate = run(reports)
    rules = VetoRules(estate.settings, frozenset())
    nodes = {r.view.id: record_node(r.view.id, estate.view(r), CATALOGUE, {}) for r in estate.records.values()}
    for left, right in combinations(nodes, 2):
        if estate.records[left].view.ci_id == estate.records[right].view.ci_id:
            one, other = nodes[left], nodes[right]
            assert rules.absolute(one, other) == ()
            assert not contradictions(one, other) or len(_agreed_around(estate, left, nodes)) >= 2 or agreements(one, other)


def _agreed_around(estate: Estate, record_id: int, nodes: dict[int, Any]) -> frozenset[str]:
    """Independent strong identifiers that agree somewhere in the record's CI."""
    ci_id = estate.records[record_id].view.ci_id
    members = [nodes[r.view.id] for r in estate.records.values() if r.view.ci_id == ci_id]
    return frozenset().union(*(agreements(one, other) for one, other in combinations(members, 2)))


@given(estates())
def test_each_record_is_in_exactly_one_part(reports: list[tuple[str, str, Any, int]]) -> None:
    estate = run(reports)
    for record_id in estate.records:
        neighbourhood = estate.neighbourhood(record_id)
        parts = partition(neighbourhood, CATALOGUE, estate.settings).parts
        placed = [each for part in parts for each in part.record_ids]
        assert sorted(placed) == sorted(record.id for record in neighbourhood.records)


@given(estates(), st.lists(st.sampled_from(["failed", "skipped", "partial"]), min_size=1, max_size=5))
def test_partial_reports_never_create_absence(reports: list[tuple[str, str, Any, int]], words: list[str]) -> None:
    estate = run(reports)
    for at, word in enumerate(words, 6):
        for text, zone, _, _ in reports:
            told = {"complete": False} if word == "partial" else {"status": word}
            estate.report(text, at=at, zone=zone, **told)
    assert all(estate.presence(ci.id) != "absent" for ci in estate.cis.values() if ci.redirect_to is None)


@given(estates())
def test_no_report_lowers_the_number_of_recorded_cis(reports: list[tuple[str, str, Any, int]]) -> None:
    estate = run(reports[:1])
    for difference in estate.active("new_ci"):
        estate.accept(difference.id)
    recorded = {ci.id for ci in estate.cis.values() if ci.is_recorded}
    for text, zone, each, at in reports[1:]:
        estate.report(text, each, at=at, zone=zone)
    assert recorded <= {ci.id for ci in estate.cis.values() if ci.is_recorded and ci.redirect_to is None}


@given(estates())
def test_an_unmerge_after_a_merge_is_as_if_the_merge_had_never_been(reports: list[tuple[str, str, Any, int]]) -> None:
    from collector.reconcile.record import Constraint

    estate = run(reports)
    before = estate.shape()
    left, right = sorted(estate.records)[:2]
    # Where a case waits, "these two are not one" is news that may decide it for a third.
    assume(estate.records[left].view.ci_id != estate.records[right].view.ci_id and not estate.open_cases())
    estate.constraints.append(Constraint(kind="must_link", left_record_id=left, right_record_id=right, created_at=1))
    estate.reconcile(left)
    estate.constraints.append(Constraint(kind="cannot_link", left_record_id=left, right_record_id=right, created_at=2))
    estate.reconcile(left)
    for record_id in list(estate.records):
        estate.reconcile(record_id)
    assert estate.shape() == before


VALUES = st.none() | st.sampled_from(["", "a", "b"]) | st.integers(0, 3)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SOURCES), st.integers(0, 3), st.booleans(), st.booleans(),
            st.dictionaries(st.sampled_from(["name", "model", "location", "owner", "memory_bytes"]), VALUES),
        ),
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_merging_does_not_depend_on_the_order_and_every_value_names_its_source(entries: list[Any], random: Any) -> None:
    observations = [
        Observation(
            record_id=at, source=source(text), ref="h", observed_at=START + seen, confirmed_at=START + seen, is_fresh=fresh, is_complete=complete,
            attributes=attributes,
        )
        for at, (text, seen, fresh, complete, attributes) in enumerate(entries)
    ]  # fmt: skip
    shuffled = list(observations)
    random.shuffle(shuffled)
    merged = merge(CATALOGUE["server"], observations, {}, Settings(), START)
    again = merge(CATALOGUE["server"], shuffled, {}, Settings(), START)
    assert merged.values == again.values
    assert sorted(map(msgspec.json.encode, merged.losers)) == sorted(map(msgspec.json.encode, again.losers))
    for name, value in merged.values.items():
        assert name != "owner"
        assert value.source is not None
        assert any(each.source == value.source and each.attributes.get(name) == value.value for each in observations)
