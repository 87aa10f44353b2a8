"""Every case of tests/scenarios: what it expects holds, on both databases and, where it says so, in every order of its reports."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.simulation.case_file import parse_case
from collector.simulation.case_format import CaseFile
from collector.simulation.course import START_MS, Course
from muster.instant import parse_instant
from tests.cases.conftest import OpenStore
from tests.conftest import ROOT

SCENARIOS = sorted((ROOT / "tests/scenarios").glob("*.yaml"))
ORDERS_LIMIT = int(os.environ.get("MUSTER_ORDERS", "6"))  # of one case: all of three reports, of more a seeded sample; the soak has 24


@cache
def read_case(path: Path) -> CaseFile:
    return parse_case(path.read_text(encoding="utf-8"), path.name)


def run(case: CaseFile, open_store: OpenStore, *, checks: bool) -> tuple[dict[str, Any], list[str]]:
    with open_store() as database:
        course = Course(case, database)
        course.run(checks=checks)
        return course.read_state(), course.faults


def instant(at: Any) -> int:
    return at if isinstance(at, int) else parse_instant(at)


def lasting(state: dict[str, Any]) -> dict[str, Any]:
    """Without cases that resolved themselves: in another order nothing showed them at any moment."""
    return {**state, "cases": [each for each in state["cases"] if each["state"] != "resolved"]}


def orders(case: CaseFile) -> Iterator[CaseFile]:
    """The same reports, observed when they were and with the sequences that they had, in every other order of arrival.

    They all arrive when the last was observed: no clock runs ahead, so each report keeps its instant.
    """
    dated: list[dict[str, Any]] = []
    places: list[int] = []
    sequences: dict[str, int] = {}
    at: Any = START_MS
    for place, step in enumerate(case.steps):
        at = at if step.at is None else step.at
        if step.report is not None:
            source = str(step.report["source"])
            sequences[source] = step.report.get("sequence", sequences.get(source, 0) + 1)
            dated.append({"observed_at": at, "sequence": sequences[source], **step.report})
            places.append(place)
    last = max((each["observed_at"] for each in dated), key=instant)
    found = list(itertools.islice(itertools.permutations(range(len(dated))), 1, 5041))
    if len(found) > ORDERS_LIMIT:
        found = random.Random(7).sample(found, ORDERS_LIMIT)
    for order in found:
        steps = list(case.steps)
        for place, chosen in zip(places, order, strict=True):
            steps[place] = msgspec.structs.replace(steps[place], at=last, report=dated[chosen], expect=None)
        yield msgspec.structs.replace(case, steps=steps)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_case_comes_out_as_it_expects(path: Path, open_store: OpenStore) -> None:
    case = read_case(path)
    assert case.expect is not None, "a scenario says what it expects"
    _, faults = run(case, open_store, checks=True)
    assert faults == []


@pytest.mark.parametrize("path", [path for path in SCENARIOS if read_case(path).orders], ids=lambda path: path.stem)
def test_case_comes_out_the_same_in_every_order(path: Path, open_store: OpenStore) -> None:
    case = read_case(path)
    wanted, _ = run(case, open_store, checks=False)
    for other in orders(case):
        state, _ = run(other, open_store, checks=False)
        assert lasting(state) == lasting(wanted), [str(step.report["source"]) for step in other.steps if step.report is not None]
