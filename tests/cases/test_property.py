"""Generated cases through the real store: the order of arrival, deliveries that repeat and replays change nothing of the printed state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from collector.simulation.case_format import CaseFile, Step
from collector.simulation.course import Course
from collector.simulation.replay import Pass
from collector.simulation.state import render_state
from collector.store.engine import Database
from collector.store.replay_source import find_window
from collector.store.schema import ci, link_past, source_record
from collector.store.scratch import open_scratch
from collector.store.whole_state import load_whole_state
from tests.cases.conftest import OpenStore

START = 1_772_359_200_000  # 2026-03-01T10:00:00Z
MINUTE = 60_000
SETTINGS = {"fresh_for_days": 7, "absent_min_age_seconds": 0}
# Not shrunk: an example is small as it is drawn, and each attempt is a whole course of events.
quick = settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Few values, so that they meet; each source is one agent, hypervisor or poller that knows a machine by some of them.
IDENTIFIERS = st.fixed_dictionaries(
    {},
    optional={
        "serial": st.sampled_from(["S1AAA", "S2BBB", "To be filled by O.E.M."]),
        "dmi_uuid": st.sampled_from(
            ["4c4c4544-0042-4a10-8051-b3c04f4b3132", "44454c4c-4200-104a-8051-b3c04f4b3132", "0f0e0d0c-0b0a-4908-8706-050403020100"]
        ),
        "fqdn": st.sampled_from(["a.x.example", "b.x.example"]),
        "mac": st.lists(st.sampled_from(["00:1b:21:00:00:01", "00:1b:21:00:00:02", "52:54:00:00:00:01"]), min_size=1, max_size=2, unique=True),
        "permanent_mac": st.lists(st.sampled_from(["00:1b:21:00:00:01", "00:1b:21:00:00:02"]), min_size=1, max_size=2, unique=True),
    },
)
CLASSES = st.sampled_from(["server", "virtual_machine", "device", "network_device"])
SOURCES = ("agent/a/1", "agent/b/1", "hypervisor/vc/1", "snmp/poller/1", "ssh/jump/1")


@st.composite
def reports(draw: st.DrawFn, *, most: int = 5) -> list[dict[str, Any]]:
    """One report of each of some sources, each of a host or two and perhaps a disk."""
    told = []
    for number, source in enumerate(draw(st.lists(st.sampled_from(SOURCES), min_size=2, max_size=most, unique=True))):
        kind, name, instance = source.split("/")
        hosts = 1 if kind == "agent" else draw(st.integers(1, 2))
        items: list[dict[str, Any]] = [
            {
                "ref": f"h{place}",
                "class": "server" if kind == "agent" else draw(CLASSES),
                "identifiers": draw(IDENTIFIERS),
                "attributes": {"vendor": "V", **draw(st.fixed_dictionaries({}, optional={"model": st.sampled_from(["M1", "M2"])}))},
            }
            for place in range(hosts)
        ]
        if draw(st.booleans()):
            items.append(
                {"ref": "d", "class": "disk", "owner": "h0", "identifiers": {"serial": draw(st.sampled_from(["D1", "D2"]))}, "attributes": {}}
            )
        section = {"complete": True, "interval_seconds": 600, "items": items}
        origin = {"kind": kind, "name": name, "instance": instance, "zone": "z1"}
        told.append({"source": origin, "sequence": 1, "observed_at": START + number * MINUTE, "sections": {"host": section}})
    return told


def to_case(told: list[dict[str, Any]]) -> CaseFile:
    """The reports in this order of arrival, one a minute; whenever they were observed."""
    steps = [Step(at=START + (len(told) + place) * MINUTE, report=each) for place, each in enumerate(told)]
    return CaseFile(steps=steps, settings=SETTINGS)


def run(case: CaseFile, database: Database) -> dict[str, Any]:
    course = Course(case, database)
    course.run()
    return course.read_state()


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with open_scratch() as opened:
        yield opened


@quick
@given(told=reports(), seed=st.integers(0, 1_000))
def test_order_of_arrival_changes_nothing(open_store: OpenStore, told: list[dict[str, Any]], seed: int) -> None:
    with open_store() as database:
        wanted = run(to_case(told), database)
    shuffled = list(told)
    random.Random(seed).shuffle(shuffled)
    with open_store() as database:
        assert run(to_case(shuffled), database) == wanted


@quick
@given(told=reports(), again=st.lists(st.integers(0, 4), max_size=6))
def test_deliveries_that_repeat_change_nothing(open_store: OpenStore, told: list[dict[str, Any]], again: list[int]) -> None:
    with open_store() as database:
        wanted = run(to_case(told), database)
    case = to_case(told)
    steps = [*case.steps, *(Step(redeliver=number) for number in again if number < len(told))]
    with open_store() as database:
        assert run(CaseFile(steps=steps, settings=SETTINGS), database) == wanted


@quick
@given(told=reports(), seed=st.integers(0, 1_000))
def test_each_record_has_one_link_whatever_came_before(open_store: OpenStore, told: list[dict[str, Any]], seed: int) -> None:
    """And no report lowers the number of CIs on record."""
    changed = [{**each, "sequence": 2, "observed_at": each["observed_at"] + 60 * MINUTE} for each in told]
    random.Random(seed).shuffle(changed)
    with open_store() as database:
        course = Course(to_case([*told, *changed]), database)
        course.run()
        with database.connect() as connection:
            open_refs = select(source_record.c.source_id, source_record.c.ref).where(source_record.c.closed_at.is_(None))
            doubled = connection.execute(
                open_refs.group_by(source_record.c.source_id, source_record.c.ref).having(func.count() > 1)  # two active links of one thing
            ).all()
            nowhere = connection.execute(
                select(source_record.c.ref)
                .join(ci, ci.c.id == source_record.c.ci_id)
                .where(source_record.c.closed_at.is_(None), ci.c.redirect_to.is_not(None))
            ).all()
            future = connection.execute(select(link_past.c.id).where(link_past.c.known_to > course.now_ms())).all()
    assert (doubled, nowhere, future) == ([], [], [])


@quick
@given(told=reports())
def test_replay_of_all_reports_is_the_live_state(open_store: OpenStore, told: list[dict[str, Any]]) -> None:
    with open_store() as live:
        course = Course(to_case(told), live)
        course.run()
        with open_scratch() as scratch:
            with live.connect() as connection:
                window = find_window(connection, 0)
            Pass(live, scratch, course.context, now=course.now_ms(), progress=lambda *_: None).run(window, 0)
            with scratch.connect() as connection:
                replayed = render_state(load_whole_state(connection))
        with live.connect() as connection:
            assert replayed == render_state(load_whole_state(connection))


@quick
@given(told=reports())
def test_every_effective_value_names_its_source(open_store: OpenStore, told: list[dict[str, Any]]) -> None:
    with open_store() as database:
        state = run(to_case(told), database)
    for each in state["cis"]:
        assert set(each["provenance"]) == set(each["effective"])
