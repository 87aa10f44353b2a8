"""A replay of the journal under the same rules is the live state; under other rules it tells what would be otherwise. Nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, select

from collector.reconcile.authorise import Condition, Policy, PolicySet
from collector.simulation.case_file import parse_case
from collector.simulation.course import Course
from collector.simulation.replay import Replayed, try_rules
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.schema import metadata
from collector.store.scratch import open_scratch
from muster.model.ci_class import ClassCatalogue
from tests.cases.test_export import FIRST_OF_EACH
from tests.cases.test_scenarios import SCENARIOS, read_case

YEAR_DAYS = 366


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.connect() as connection:
        return {name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr) for name, table in metadata.tables.items()}


@contextmanager
def living(path: Path) -> Iterator[tuple[Database, Course]]:
    with open_scratch() as database:
        course = Course(read_case(path), database)
        course.run()
        yield database, course


def replay(live: Database, course: Course, context: Context | None = None, *, days: float = YEAR_DAYS) -> Replayed:
    steps: list[str] = []
    changed = context or course.context
    found = try_rules(live, course.context, changed, now=course.now_ms(), days=days, progress=lambda stage, *_: steps.append(stage))
    assert steps[-1] == "compare"
    return found


@pytest.mark.parametrize("path", FIRST_OF_EACH, ids=lambda path: path.stem)
def test_replay_under_the_same_rules_is_the_live_state(path: Path) -> None:
    with living(path) as (live, course):
        before = everything(live)
        found = replay(live, course)
        assert {name: found.comparison.counts.get(name, 0) for name in ("merges", "splits", "changes")} == {"merges": 0, "splits": 0, "changes": 0}
        assert everything(live) == before


def test_rules_without_the_serial_would_split_and_leave_the_live_store_alone() -> None:
    path = next(path for path in SCENARIOS if path.stem == "24_three_sources_in_every_order")
    with living(path) as (live, course):
        before = everything(live)
        classes = {each.name: msgspec.structs.replace(each, identification=[]) for each in course.context.catalogue}
        found = replay(live, course, Context(ClassCatalogue(classes), settings=course.context.settings))
        (split,) = found.comparison.splits
        assert (split.ci.name, len(split.parts)) == ("vm1", 3)
        assert found.comparison.counts["splits"] == 1
        assert everything(live) == before


def test_what_the_journal_holds_no_more_is_taken_as_it_stands() -> None:
    path = next(path for path in SCENARIOS if path.stem == "07_rename_keeps_the_ci")
    with living(path) as (live, course):
        with live.begin() as connection:
            connection.execute(delete(metadata.tables["report"]))
        found = replay(live, course)
        assert (found.reports, found.standing) == (0, 2)
        assert found.comparison.counts.get("splits", 0) == 0
        assert [(each.kind, each.attribute) for each in [*found.comparison.opened, *found.comparison.gone]] == []


def test_what_people_said_of_records_holds_in_the_replay() -> None:
    """Two that only a person holds apart would be one otherwise."""
    machine = {"class": "server", "identifiers": {"serial": "S1AAA"}, "attributes": {"vendor": "V"}}
    sources = [("hypervisor", "vc"), ("ssh", "jump")]
    steps: list[Any] = [
        {
            "at": f"2026-03-01T10:0{place}:00Z",
            "report": {
                "source": {"kind": kind, "name": name, "instance": "1", "zone": "z1"},
                "sections": {"host": {"complete": True, "items": [{"ref": name, **machine}]}},
            },
        }
        for place, (kind, name) in enumerate(sources)
    ]
    other = {
        **steps[1]["report"],
        "sections": {"host": {"complete": True, "items": [{"ref": "jump", **machine, "identifiers": {"serial": "S2BBB"}}]}},
    }
    steps = [steps[0], {**steps[1], "report": other}]
    steps += [{"operation": {"merge": ["vc", "jump"]}}, {"operation": {"unmerge": "jump"}}]
    with open_scratch() as live:
        course = Course(parse_case(json.dumps({"steps": steps}), "case.json"), live)
        course.run()
        assert course.refused == []
        found = replay(live, course)
        assert {name: found.comparison.counts.get(name, 0) for name in ("merges", "splits")} == {"merges": 0, "splits": 0}


def test_policy_is_tried_and_counted_before_it_is_in_force() -> None:
    path = next(path for path in SCENARIOS if path.stem == "07_rename_keeps_the_ci")
    with living(path) as (live, course):
        policies = PolicySet((Policy(id="names", action="accept", when=Condition(attributes=("name",))),))
        found = replay(live, course, Context(course.context.catalogue, settings=course.context.settings, policies=policies))
        assert found.comparison.decided == {"names": 1}
        assert [(each.kind, each.attribute, each.recorded, each.observed) for each in found.comparison.gone] == [
            ("changed_attribute", "name", "web01", "web02")
        ]


@pytest.mark.parametrize(
    "stem",
    ["04_two_clones", "17_stack_member_replaced", "33_pin_of_an_unrecorded_host", "43_new_link_is_reviewed", "44_two_sources_see_a_disposed_host"],
)
def test_what_people_decided_on_the_way_is_no_effect_of_the_rules(stem: str) -> None:
    path = next(path for path in SCENARIOS if path.stem == stem)
    with living(path) as (live, course):
        found = replay(live, course).comparison
        assert {name: number for name, number in found.counts.items() if number} == {}
        assert all(each["before"] == each["after"] for each in found.cases.values())


def test_a_host_that_was_on_record_first_is_a_new_one_by_rules_that_do_not_know_its_serial_number() -> None:
    recorded = {"class": "server", "ref": "paper", "zone": "z1", "identifiers": {"serial": "S1AAA"}, "attributes": {"vendor": "V", "name": "db1"}}
    item = {"ref": "host", "class": "server", "identifiers": {"serial": "S1AAA"}, "attributes": {"vendor": "V", "hostname": "x7"}}
    report = {"source": {"kind": "ssh", "name": "jump", "instance": "1", "zone": "z1"}, "sections": {"host": {"complete": True, "items": [item]}}}
    steps = [{"at": "2026-03-01T10:00:00Z", "operation": {"record": recorded}}, {"at": "2026-03-01T11:00:00Z", "report": report}]
    with open_scratch() as live:
        course = Course(parse_case(json.dumps({"steps": steps}), "case.json"), live)
        course.run()
        assert (course.refused, course.rejected) == ([], [])
        assert replay(live, course).comparison.counts == {"merges": 0, "splits": 0, "changes": 0, "opened": 0, "gone": 0}
        classes = {each.name: msgspec.structs.replace(each, identification=[]) for each in course.context.catalogue}
        found = replay(live, course, Context(ClassCatalogue(classes), settings=course.context.settings)).comparison
        assert [(each.kind, each.ci.name) for each in found.opened] == [("new_ci", "db1")]
