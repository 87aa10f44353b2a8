"""`muster availability compute`: from a file and from standard input, in each form; every fault is one clear line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.services.availability import compute
from muster.cli.availability import parse_case_text, to_text_instants
from tests.cli.command import run_muster
from tests.conftest import ROOT
from tests.services.sample import HOUR, make_case

PAGE = (ROOT / "docs/services.md").read_text(encoding="utf-8")
CASE = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL).group(1)  # type: ignore[union-attr]  # the page holds one


def test_documented_case_gives_the_documented_answer(tmp_path: Path) -> None:
    (tmp_path / "march.json").write_text(CASE, encoding="utf-8")
    done = run_muster("availability", "compute", "march.json", "--output", "table", folder=tmp_path)
    shown = "".join(f"    {line}\n" for line in done.out.splitlines())
    assert (done.code, done.err) == (0, "")
    assert shown in PAGE


def test_documented_fault_is_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "march.json").write_text(CASE.replace('["db", {', '["dbx", {'), encoding="utf-8")
    done = run_muster("availability", "compute", "march.json", folder=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert f"    {done.err}" in PAGE


def test_result_is_the_engine_s_in_json_and_yaml(tmp_path: Path) -> None:
    expected = compute(json.loads(CASE))
    plain = run_muster("availability", "compute", "-", folder=tmp_path, stdin=CASE)
    assert json.loads(plain.out) == expected
    as_yaml = yaml.safe_dump(json.loads(CASE))
    other = run_muster("availability", "compute", "-", "--output", "yaml", folder=tmp_path, stdin=as_yaml)
    assert yaml.safe_load(other.out) == expected


def test_csv_has_one_row_for_each_figure(tmp_path: Path) -> None:
    done = run_muster("availability", "compute", "-", "-o", "csv", folder=tmp_path, stdin=CASE)
    rows = dict(list(csv.reader(io.StringIO(done.out)))[1:])
    assert (rows["availability"], rows["verdict"], rows["downtime"]) == ("99.6428 %", "breached", "45 min")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CASE.replace("2026-03-12T16:30:00Z", "yesterday"),
         "standard input:13: $.components.web-1[1].at: 'yesterday' is no RFC 3339 instant; write for example 2026-03-01T10:00:00Z"),
        (CASE.replace('"at_least": 1', '"at_least": 3'), "standard input:19: $.expression.all[1].at_least: at_least is 3; of 2 it can be 1 to 2"),
        (CASE.replace('"target"', '"taget"'), "standard input:21: $.taget: unknown key 'taget'; did you mean 'target'?"),
        (CASE.replace('["db", {', '["a\\u009b31m\\nb", {'), r"standard input:19: $.expression.all[0]: unknown component 'a\x9b31m\nb'"),
        ("[]", "standard input:1: no case: a mapping with window, components and expression must stand here"),
        ("", "standard input:1: the document is empty"),
        ("a: [", "standard input:1: not YAML: expected the node content, but found '<stream end>'"),
        ('{"window": {}, "window": {}}', "standard input:1: key 'window' stands twice"),
        ("{" * 5000, "standard input:1: "),
        ('{"target": ' + "9" * 5000 + "}", "standard input:1: "),
    ],
)  # fmt: skip
def test_fault_is_one_line_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    done = run_muster("availability", "compute", "-", folder=tmp_path, stdin=text)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"muster: {message}")
    assert done.err.count("\n") == 1


def test_file_that_is_absent_or_no_text_is_one_line(tmp_path: Path) -> None:
    assert (
        run_muster("availability", "compute", "absent.json", folder=tmp_path).err
        == "muster: absent.json: cannot be read: No such file or directory\n"
    )
    (tmp_path / "case.json").write_bytes(b"\xff\xfe{}")
    assert run_muster("availability", "compute", "case.json", folder=tmp_path).err == "muster: case.json:1: not UTF-8 text; save the file as UTF-8\n"
    (tmp_path / "case.json").write_text('{"window":\n\n ]')
    assert run_muster("availability", "compute", "case.json", folder=tmp_path).err == "muster: case.json:3: not JSON: Expecting value\n"


def test_wrong_use_says_how_and_exits_2(tmp_path: Path) -> None:
    for arguments in (("availability", "compute"), ("availability", "compute", "-", "-o", "xml"), ("nothing",)):
        done = run_muster(*arguments, folder=tmp_path)
        assert (done.code, done.out) == (2, "")
        assert "Usage: muster" in done.err


def test_exported_case_with_text_instants_computes_the_same() -> None:
    case: dict[str, Any] = make_case(0, 10 * HOUR, (HOUR, 2 * HOUR), planned_downtime=[{"from": 3 * HOUR, "to": 4 * HOUR}])
    written = to_text_instants(case)
    assert written["window"] == {"from": "1970-01-01T00:00:00.000Z", "to": "1970-01-01T10:00:00.000Z"}
    assert compute(parse_case_text(json.dumps(written), "case.json")) == compute(case)
