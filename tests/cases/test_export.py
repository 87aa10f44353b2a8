"""A case exported from a store tells nothing private and comes to the same links when it is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collector.simulation.case_file import parse_case, to_catalogue
from collector.simulation.course import Course
from collector.simulation.export import Site, build_case
from collector.store.case_lookup import find_record_cis
from collector.store.case_material import iterate_reports, load_material, load_sources
from collector.store.engine import Database
from collector.store.scratch import open_scratch
from muster.model.junk import shipped_junk
from tests.cases.test_scenarios import SCENARIOS, read_case

PRIVATE = ("web01", "a.example", "S1", "4c4c4544", "aa:00:01", "kim", "known")


def export(database: Database, course: Course, ref: str) -> dict[str, Any]:
    with database.connect() as connection:
        ci_id = find_record_cis(connection, ref)[0]
        material = load_material(connection, ci_id)
        ids = {each.source_id for each in material.records}
        site = Site(course.context.catalogue, shipped_junk(), course.context.settings)
        return build_case(material, load_sources(connection, ids), iterate_reports(connection, ids), site)


def first_ref(path: Path) -> str | None:
    for step in read_case(path).steps:
        for section in (step.report or {}).get("sections", {}).values():
            for item in section.get("items") or []:
                if "owner" not in item:
                    return str(item["ref"])
    return None


def shape(state: dict[str, Any]) -> tuple[Any, ...]:
    """What must be the same: how many records of which kind of source each host or device has, its class, and the open questions."""
    hosts = [each for each in state["cis"] if each["owner"] is None]
    cis = sorted(
        (
            each["class"],
            each["is_recorded"],
            each["is_provisional"],
            tuple(sorted(record["source"].split("/")[0] for record in each["source_records"])),
        )
        for each in hosts
    )
    return cis, sorted((each["kind"], len(each["members"]), each["state"]) for each in state["cases"] if each["kind"] != "mass_loss")


FIRST_OF_EACH = list({path.name[:2]: path for path in reversed(SCENARIOS) if first_ref(path)}.values())[::-1]


@pytest.mark.parametrize("path", FIRST_OF_EACH, ids=lambda path: path.stem)
def test_exported_case_comes_to_the_same_links(path: Path) -> None:
    case = read_case(path)
    with open_scratch() as database:
        course = Course(case, database)
        course.run()
        exported = export(database, course, str(first_ref(path)))
        state = course.read_state()
    again = parse_case(json.dumps(exported), "exported.json")
    with open_scratch() as database:
        repeated = Course(again, database)
        repeated.run()
        other = repeated.read_state()
    assert repeated.refused == []
    kept = {record["source"].split("/")[0] for each in other["cis"] for record in each["source_records"]}
    assert kept, "the export tells of no record"
    involved = shape(other)[0]
    assert all(each in shape(state)[0] for each in involved)
    assert shape(other)[1] == [each for each in shape(state)[1] if each in shape(other)[1]]
    assert len(to_catalogue(again).names()) == len(course.context.catalogue.names())


def test_nothing_private_is_left(tmp_path: Path) -> None:
    text = (
        (SCENARIOS[0].parent / "07_rename_keeps_the_ci.yaml")
        .read_text(encoding="utf-8")
        .replace("fqdn: web01", "mac: '00:50:56:aa:00:01', fqdn: web01")
    )
    case = parse_case(text, "case.yaml")
    with open_scratch() as database:
        course = Course(case, database)
        course.run()
        exported = json.dumps(export(database, course, "h"))
    assert [word for word in PRIVATE if word in exported] == []
    assert "00:50:56" in exported, "the maker of an interface stays"
