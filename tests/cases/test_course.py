"""The clock of a case, and what becomes of steps that are refused."""

from __future__ import annotations

import json
from typing import Any

from collector.simulation.case_file import parse_case
from collector.simulation.course import Course
from tests.cases.conftest import OpenStore


def report(minute: int, *, name: str = "a", section: str = "host", **attributes: Any) -> dict[str, Any]:
    item = {"ref": "h", "class": "server", "identifiers": {"serial": f"S1{name.upper()}"}, "attributes": {"vendor": "V", **attributes}}
    told = {"source": {"kind": "agent", "name": name, "instance": "1", "zone": "z1"}, "sections": {section: {"complete": True, "items": [item]}}}
    return {"at": f"2026-03-01T10:{minute:02d}:00Z", "report": told}


def run(open_store: OpenStore, *steps: dict[str, Any], **case: Any) -> tuple[dict[str, Any], list[str]]:
    with open_store() as database:
        course = Course(parse_case(json.dumps({"steps": steps, **case}), "case.json"), database)
        course.run(checks=True)
        return course.read_state(), course.faults


def test_what_time_ends_it_ends_at_its_own_instant(open_store: OpenStore) -> None:
    """A pin that ends while no step happens is over at the next one, and the source that fell silent meanwhile is stale."""
    pin = {"ci": "h", "attribute": "location", "value": "R1", "reason": "audit", "owner": "kim", "expires": "2026-03-01T12:00:00Z"}
    held = {"expect": {"cis": [{"effective": {"location": "R1"}, "presence": "seen"}]}}
    over = {"at": "2026-03-05T10:00:00Z", "expect": {"cis": [{"effective": {"location": "R2"}, "presence": "stale"}]}}
    _, faults = run(open_store, report(0, location="R2"), {"operation": {"pin": pin}}, held, over, settings={"fresh_for_days": 2})
    assert faults == []


def test_step_before_the_clock_arrives_now_and_was_observed_then(open_store: OpenStore) -> None:
    state, _ = run(open_store, report(30, model="new"), report(10, model="old"))
    assert [each["effective"]["model"] for each in state["cis"]] == ["new"]


def test_rejections_of_a_report_that_comes_again_are_told_once(open_store: OpenStore) -> None:
    wrong = report(0)
    wrong["report"]["sections"]["host"]["items"].append({"ref": "x", "class": "toaster"})
    state, _ = run(open_store, wrong, {"redeliver": 0})
    assert [(each["step"], each["path"]) for each in state["rejected"]] == [(0, "$.sections.host.items[1]")]


def test_report_over_a_limit_is_refused_alone(open_store: OpenStore) -> None:
    endless = report(0)
    endless["report"]["sections"] = {f"s{place}": {"items": []} for place in range(10_001)}
    state, _ = run(open_store, endless, report(1, name="b"))
    assert [each["step"] for each in state["rejected"]] == [0]
    assert len(state["cis"]) == 1


def test_decision_on_what_is_not_there_is_refused_and_the_rest_goes_on(open_store: OpenStore) -> None:
    nothing = {"decide": {"difference": {"ci": "h", "attribute": "model"}, "decision": "accept", "by": "kim"}}
    state, _ = run(open_store, report(0), nothing, {"decide": {"difference": {"ci": "h"}, "decision": "accept", "by": "kim"}})
    assert [(each["step"], each["code"]) for each in state["refused"]] == [(1, "not-found")]
    assert [each["is_recorded"] for each in state["cis"]] == [True]


def test_reference_to_several_cis_asks_for_the_source(open_store: OpenStore) -> None:
    decide = {"decide": {"difference": {"ci": "h", "kind": "new_ci"}, "decision": "accept", "by": "kim"}}
    named = {"decide": {"difference": {"ci": {"ref": "h", "source": "agent/b/1"}, "kind": "new_ci"}, "decision": "accept", "by": "kim"}}
    state, _ = run(open_store, report(0), report(1, name="b"), decide, named)
    assert [each["code"] for each in state["refused"]] == ["several"]
    assert [each["is_recorded"] for each in state["cis"]] == [False, True]


def test_partial_report_never_makes_anything_absent(open_store: OpenStore) -> None:
    def told(minute: int, *, mode: str, has_disk: bool) -> dict[str, Any]:
        step = report(minute)
        step["report"]["mode"] = mode
        disk = {"ref": "d", "class": "disk", "owner": "h", "identifiers": {"serial": "D1"}}
        step["report"]["sections"]["disks"] = {"items": [disk] if has_disk else []}
        return step

    quiet = {"absent_min_age_seconds": 0, "absent_after_misses": 1, "mass_loss_min_items": 5, "mass_loss_ratio": 1.0}
    partial, _ = run(open_store, told(0, mode="full", has_disk=True), told(5, mode="partial", has_disk=False), settings=quiet)
    assert [each["presence"] for each in partial["cis"] if each["class"] == "disk"] == ["seen"]
