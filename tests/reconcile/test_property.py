"""What holds for every estate: order of arrival, repetition and partial reports change nothing; no link crosses a veto.

The estates are drawn from as much of the conflict corpus as one alphabet holds: junk and shared values, clones and reboots, renames,
exchanged parts, stacks, made-up and virtual addresses, swapped UUIDs, zones, classes that contradict each other, and sources whose
claims change over time.
"""

from __future__ import annotations

from itertools import combinations
from random import Random
from typing import Any, NamedTuple

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.reconcile.fact import Observation
from collector.reconcile.identify import cloned_agents, partition
from collector.reconcile.merge import merge
from collector.reconcile.node import record_node
from collector.reconcile.record import Constraint
from collector.reconcile.settings import Settings
from collector.reconcile.veto import VetoRules, agreements, contradictions
from muster.wire.report import Item
from tests.reconcile.estate import CATALOGUE, START, Estate, item, source

SERIALS = ["S100", "S200", "S300", "SHARED", "To be filled by O.E.M."]
UUIDS = [f"4c4c4544-0042-3510-8051-b7c04f4b400{n}" for n in range(3)] + ["44454C4C-4200-1035-8051-B7C04F4B4000"]
MACS = [f"00:1b:21:00:00:0{n}" for n in range(4)] + ["52:54:00:00:00:01", "00:00:5e:00:01:01", "02:42:ac:11:00:02"]
KEYS = ["SHA256:a", "SHA256:b", "SHA256:c"]
MACHINES = [f"{n:032x}" for n in range(10, 13)]
NAMES = ["web01", "web01.a.example", "web02", "db1.b.example"]
INSTANCES = ["i-1", "i-2"]
ENGINES = ["80001f8880aabb01"]
ADDRESSES = ["10.0.0.1", "10.0.0.2"]
BOOTS = ["x", "y", "z"]
SOURCES = [
    "agent/a/1", "agent/a/2", "agent/b/1", "agent/c/1", "ssh/d/1", "snmp/d/1", "hypervisor/vc/1", "cloud/aws/1", "import/csv/1", "snmp/e/1",
]  # fmt: skip
CLASSES = {
    "snmp": ["device", "network_device", "printer"],
    "import": ["server", "device"],
    "hypervisor": ["virtual_machine"],
    "cloud": ["virtual_machine"],
}
SINGLE = {"serial": SERIALS, "dmi_uuid": UUIDS, "machine_id": MACHINES, "hostname": NAMES, "engine_id": ENGINES}
SEVERAL = {"mac": MACS, "ssh_host_key": KEYS, "permanent_mac": MACS, "ip": ADDRESSES}
OF_KIND = {"snmp": {"chassis_id": MACS[:4]}, "hypervisor": {"hypervisor_uuid": UUIDS}, "cloud": {"cloud_instance_id": INSTANCES}}
SILENCE = 31  # minutes, after which a source that said nothing is silent


class Sent(NamedTuple):
    """One report: source, zone, the item, the minute by its own clock."""

    text: str
    zone: str
    item: Item
    at: int


def _identifiers(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    single = {name: st.sampled_from(values) for name, values in {**SINGLE, **OF_KIND.get(kind, {})}.items()}
    stack = (
        {"serial": st.sampled_from(SERIALS) | st.lists(st.sampled_from(SERIALS[:4]), min_size=2, max_size=3, unique=True)} if kind == "snmp" else {}
    )
    several = {
        name: st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(sorted)
        for name, values in SEVERAL.items()
        if name != "permanent_mac" or kind != "snmp"
    }
    return st.fixed_dictionaries({}, optional={**single, **stack, **several})


@st.composite
def streams(draw: st.DrawFn, *, most: int = 1) -> list[list[Sent]]:
    """What each of several sources sent, in its own order: at most `most` reports each.

    A report either claims something else than the one before, or comes after a silence: a mere repeat settles nothing.
    """
    found = []
    step = draw(st.sampled_from([1, 20, 1500]))
    for text in draw(st.lists(st.sampled_from(SOURCES), min_size=2, max_size=6, unique=True)):
        kind = text.split("/", 1)[0]
        ci_class = draw(st.sampled_from(CLASSES.get(kind, ["server", "virtual_machine"])))
        vendor = draw(st.sampled_from([None, "V1", "V1", "V2"]))
        zone = draw(st.sampled_from(["z1", "z1", "z1", "z2"]))
        boots = [None, *BOOTS] if kind in ("agent", "ssh") else [None]
        identifiers = draw(_identifiers(kind))
        at = draw(st.integers(0, 3)) * step
        sent: list[Sent] = []
        for _ in range(draw(st.integers(1, most))):
            boot = draw(st.sampled_from(boots))
            attributes = {"name": text, **({"vendor": vendor} if vendor else {}), **({"boot_id": boot} if boot else {})}
            report = Sent(text, zone, item("h", ci_class, attributes=attributes, **identifiers), at)
            if not sent or report.item != sent[-1].item or at - sent[-1].at > SILENCE:
                sent.append(report)
            at += draw(st.integers(1, 2)) * step
            identifiers = {**identifiers, **draw(_identifiers(kind))} if draw(st.booleans()) else identifiers
        found.append(sent)
    return found


def interleave(sent: list[list[Sent]], random: Any) -> list[Sent]:
    """One order of arrival: each source's own reports stay in order."""
    waiting = [list(each) for each in sent]
    arrived = []
    while any(waiting):
        arrived.append(random.choice([each for each in waiting if each]).pop(0))
    return arrived


estates = streams().map(lambda sent: [report for each in sent for report in each])


def run(reports: list[Sent]) -> Estate:
    estate = Estate()
    end = max(report.at for report in reports) + 5
    for report in reports:
        estate.report(report.text, report.item, at=report.at, zone=report.zone, now=end)
    estate.tick(end)
    return estate


@given(estates, st.randoms(use_true_random=False))
def test_the_same_reports_give_the_same_cmdb_in_every_order(reports: list[Sent], random: Any) -> None:
    shuffled = list(reports)
    random.shuffle(shuffled)
    assert run(reports).state() == run(shuffled).state()


@given(streams(most=4), st.randoms(use_true_random=False))
def test_sources_that_change_their_word_give_the_same_cmdb_in_every_order(sent: list[list[Sent]], random: Any) -> None:
    assert run(interleave(sent, random)).state() == run(interleave(sent, random)).state()


@given(streams(most=3))
def test_what_grows_by_one_report_at_a_time_is_what_is_decided_at_once(sent: list[list[Sent]]) -> None:
    estate = run([report for each in sent for report in each])
    before = estate.state()
    for record_id in list(estate.records):
        estate.reconcile(record_id)
    estate.refresh()
    assert estate.state() == before


@given(estates)
def test_the_same_report_again_changes_nothing(reports: list[Sent]) -> None:
    estate = run(reports)
    before = estate.state()
    for report in reports:
        estate.report(report.text, report.item, at=report.at, zone=report.zone)
    assert estate.state() == before


@given(streams(most=3))
def test_no_automatic_link_crosses_a_veto(sent: list[list[Sent]]) -> None:
    estate = run([report for each in sent for report in each])
    rules = VetoRules(estate.settings, frozenset(), cloned_agents([record.view for record in estate.records.values()]))
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


@given(estates)
def test_each_record_is_in_exactly_one_part(reports: list[Sent]) -> None:
    estate = run(reports)
    for record_id in estate.records:
        neighbourhood = estate.neighbourhood(record_id)
        parts = partition(neighbourhood, CATALOGUE, estate.settings).parts
        placed = [each for part in parts for each in part.record_ids]
        assert sorted(placed) == sorted(record.id for record in neighbourhood.records)


@given(estates, st.lists(st.sampled_from(["failed", "skipped", "partial"]), min_size=1, max_size=5))
def test_partial_reports_never_create_absence(reports: list[Sent], words: list[str]) -> None:
    estate = run(reports)
    for at, word in enumerate(words, 6):
        for report in reports:
            told = {"complete": False} if word == "partial" else {"status": word}
            estate.report(report.text, at=report.at + at, zone=report.zone, **told)
    assert all(estate.presence(ci.id) != "absent" for ci in estate.cis.values() if ci.redirect_to is None)


@given(estates)
def test_no_report_lowers_the_number_of_recorded_cis(reports: list[Sent]) -> None:
    estate = run(reports[:1])
    for difference in estate.active("new_ci"):
        estate.accept(difference.id)
    recorded = {ci.id for ci in estate.cis.values() if ci.is_recorded}
    for report in reports[1:]:
        estate.report(report.text, report.item, at=report.at, zone=report.zone)
    assert recorded <= {ci.id for ci in estate.cis.values() if ci.is_recorded and ci.redirect_to is None}


@given(estates)
def test_an_unmerge_after_a_merge_is_as_if_the_merge_had_never_been(reports: list[Sent]) -> None:
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


@given(
    st.lists(st.tuples(st.sampled_from(["ssh/d/1", "ssh/e/1", "import/f/1"]), st.integers(0, 400)), max_size=8),
    st.lists(st.integers(1, 399), min_size=1, max_size=2, unique=True),
    st.randoms(use_true_random=False),
)
def test_a_machine_whose_mainboard_is_exchanged_is_one_whichever_source_sees_it_first(
    others: list[tuple[str, int]], swaps: list[int], random: Random
) -> None:
    agent = "agent/a/1"
    told = {(at, text) for text, at in others} | {(at, agent) for at in (0, *swaps, 401)}
    waiting = {text: sorted(at for at, one in told if one == text) for _, text in told}
    estate = Estate()
    while waiting:
        text = random.choice(sorted(waiting))
        at = waiting[text].pop(0)
        board = sum(swap <= at for swap in swaps)
        estate.report(text, item("h", "server", serial="S1", dmi_uuid=UUIDS[board], permanent_mac=[MACS[board]]), at=at, interval_seconds=86_400)
        waiting = {each: left for each, left in waiting.items() if left}
    assert len(estate.shape()) == 1
    assert {kind for kind, _ in estate.open_cases()} == {"replacement"}
