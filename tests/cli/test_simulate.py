"""`muster simulate --empty`: exit codes, errors in one line, and the same text each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import Done, call_muster
from tests.conftest import ROOT

SCENARIO = ROOT / "tests/scenarios/07_rename_keeps_the_ci.yaml"


def simulate(folder: Path, *arguments: str, stdin: str | None = None) -> Done:
    return call_muster("simulate", *arguments, folder=folder, stdin=stdin)


def test_state_is_printed_and_equal_each_time(tmp_path: Path) -> None:
    first, again = (simulate(tmp_path, "--empty", str(SCENARIO), "--output", "json") for _ in range(2))
    assert (first.code, first.err) == (0, "")
    assert first.out == again.out
    state = json.loads(first.out)
    assert [each["id"] for each in state["cis"]] == ["ci-1", "ci-2"]
    assert {"cis", "differences", "cases", "rejected"} <= state.keys()


def test_standard_input_and_json_are_taken(tmp_path: Path) -> None:
    done = simulate(tmp_path, "--empty", "-", "-o", "yaml", stdin=json.dumps({"steps": [{"at": "2026-03-01T10:00:00Z"}]}))
    assert (done.code, done.out.startswith("cis: []")) == (0, True)


def test_raw_ids_are_the_stored_ones(tmp_path: Path) -> None:
    state = json.loads(simulate(tmp_path, "--empty", str(SCENARIO), "--output", "json", "--raw-ids").out)
    assert all(len(each["id"]) == 36 for each in state["cis"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps: [", "case.yaml:1: not YAML"),
        ("steps:\n  - at: 2026-03-01T10:00:00Z\n    report: {sections: {}}", "case.yaml:3: $.steps[0].report"),
        ("steps:\n  - at: 2026-03-01T10:00:00Z\n    report: {source: {kind: toaster, name: a, instance: i}}", "$.steps[0].report.source.kind"),
        ("steps:\n  - at: noon", "case.yaml:2: $.steps[0].at"),
    ],
)
def test_wrong_file_is_one_line_and_exit_code_1(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "case.yaml").write_text(text, encoding="utf-8")
    done = simulate(tmp_path, "--empty", "case.yaml")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert says in done.err


def test_missing_file_is_said(tmp_path: Path) -> None:
    done = simulate(tmp_path, "--empty", "none.yaml")
    assert (done.code, "none.yaml: cannot be read" in done.err) == (1, True)


def test_check_ends_with_1_where_it_is_not_as_expected(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text("steps: []\nexpect: {count: {cis: 1}}", encoding="utf-8")
    done = simulate(tmp_path, "--empty", "--check", "case.yaml")
    assert (done.code, "count of cis: 0, expected 1" in done.err) == (1, True)
    assert simulate(tmp_path, "--empty", "--check", str(SCENARIO)).code == 0


def test_command_line_that_is_wrong_is_2(tmp_path: Path) -> None:
    assert simulate(tmp_path, "--empty").code == 2
    assert simulate(tmp_path, "--days", "30", "--empty", str(SCENARIO)).code == 2
    assert simulate(tmp_path, "--classes", "x", str(SCENARIO)).code == 2


def test_schema_is_printed_without_a_collector(tmp_path: Path) -> None:
    assert json.loads(simulate(tmp_path, "--schema").out)["title"] == "Case"


def test_refused_decision_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    text = SCENARIO.read_text(encoding="utf-8").partition("expect:\n  cis:\n    - {source_records")[0]
    subject = "{ci: {source: agent/web01/a1, ref: h}, attribute: name}"
    late = f"  - decide: {{difference: {subject}, observed: web01, decision: accept, by: kim, reason: late}}\n"
    (tmp_path / "case.yaml").write_text(text + late, encoding="utf-8")
    state = json.loads(simulate(tmp_path, "--empty", "case.yaml", "--output", "json").out)
    (refused,) = state["refused"]
    assert (refused["code"], refused["current"]) == ("observed-moved", "web02")
    assert [each["state"] for each in state["differences"] if each["attribute"] == "name"] == ["open"]


def test_database_that_is_used_is_refused(tmp_path: Path) -> None:
    used = f"sqlite:///{tmp_path}/used.db"
    assert simulate(tmp_path, "--empty", str(SCENARIO), "--database", used).code == 0
    done = simulate(tmp_path, "--empty", str(SCENARIO), "--database", used)
    assert (done.code, "runs in an empty one" in done.err) == (1, True)


def test_replay_on_a_database_needs_no_collector(tmp_path: Path) -> None:
    used = f"sqlite:///{tmp_path}/used.db"
    assert simulate(tmp_path, "--empty", str(SCENARIO), "--database", used).code == 0
    done = simulate(tmp_path, "--days", "366", "--database", used, "--output", "json")
    assert done.code == 0, done.err
    counts = json.loads(done.out)["comparison"]["counts"]
    assert (counts.get("merges", 0), counts.get("splits", 0)) == (0, 0)
    assert simulate(tmp_path, "--days", "30", "--database", f"sqlite:///{tmp_path}/none.db").code == 1
