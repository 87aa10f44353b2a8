"""Case files that are wrong are refused with one line that says where and what to do; what is right is read whole."""

from __future__ import annotations

import json

import pytest

from collector.simulation.case_check import duration_ms
from collector.simulation.case_file import parse_case, to_settings
from collector.simulation.case_format import MAXIMUM_STEPS, to_json_schema
from muster.errors import DocumentError
from tests.conftest import ROOT

REPORT = "report: {source: {kind: agent, name: a, instance: i}, sections: {host: {items: [{ref: h, class: server}]}}}"
HEAD = f"steps:\n  - at: 2026-03-01T10:00:00Z\n    {REPORT}\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("steps: [", 1, "not YAML"),
        ("", 1, "empty"),
        ("- a", 1, "a list `steps`"),
        ("steps: {}", 1, "a list `steps`"),
        ("steps: []\nstesp: []", 2, "unknown key 'stesp'; did you mean 'steps'?"),
        ("steps:\n  - att: 1", 2, "unknown key 'att'; did you mean 'at'?"),
        ("steps:\n  - at: yesterday", 2, "no RFC 3339 instant"),
        ("steps:\n  - at: 2026-03-01T10:00:00", 2, "has no time zone"),
        ("steps:\n  - name: nothing", 2, "nothing happens"),
        ("steps:\n  - redeliver: 0", 2, "does not lie before this one"),
        ("steps:\n  - at: 2026-03-01T10:00:00Z\n  - redeliver: 0", 3, "step 0 is no report"),
        ("settings: {fresh_for_day: 7}\nsteps: []", 1, "unknown key 'fresh_for_day'; did you mean 'fresh_for_days'?"),
        ("settings: {fresh_for_days: 0}\nsteps: []", 1, "$.settings.fresh_for_days"),
        ("steps: []\nclasses:\n  - {name: kiosk, label: {en: Kiosk}, paren: device}", 3, "unknown key 'paren'; did you mean 'parent'?"),
        ("steps: []\nclasses:\n  - {name: kiosk, label: {en: Kiosk}, parent: devise}", 3, "did you mean 'device'?"),
        ("steps: []\nclasses:\n  - {parent: server}", 3, "a class is a table with its `name`"),
        (f"{HEAD}  - decide: {{difference: {{ci: {{ref: g}}}}, decision: accept}}", 4, "no report of this case has an item of ref 'g'"),
        (f"{HEAD}  - decide: {{decision: accept}}", 4, "one of difference, case, step"),
        (f"{HEAD}  - decide: {{case: clone, decision: accept}}", 4, "no decision on a case"),
        (f"{HEAD}  - decide: {{difference: {{ci: h}}, decision: link}}", 4, "link needs `to`"),
        (f"{HEAD}  - decide: {{difference: {{ci: h}}, decision: acept}}", 4, "Invalid enum value 'acept'"),
        (f"{HEAD}  - operation: {{advance: soon}}", 4, "no duration"),
        (f"{HEAD}  - operation: {{}}", 4, "an operation is one of"),
        (f"{HEAD}  - operation: {{retire: h, advance: PT1H}}", 4, "an operation is one of"),
        (f"{HEAD}    redeliver: 0", 4, "a step does one thing"),
        (f"{HEAD}  - operation: {{record: {{attributes: {{}}}}}}", 4, "give `class` for a new CI"),
        (f"{HEAD}  - operation: {{pin: {{ci: h, attribute: location, value: R1, expires: 2026-03-01}}}}", 4, "has no time zone"),
        ('{\n"steps": [{"at": "x"}]}', 2, "no RFC 3339 instant"),
        ('{"steps": [], "steps": []}', 1, "key 'steps' stands twice"),
        ('{"steps": [{"at": NaN}]}', 1, "NaN is no number"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_case(text, "case.yaml")
    assert says in str(caught.value)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"case.yaml:{line}: ")
    assert "\n" not in str(caught.value)


def test_a_million_steps_are_refused_before_they_are_read() -> None:
    with pytest.raises(DocumentError, match=f"the limit is {MAXIMUM_STEPS}"):
        parse_case(json.dumps({"steps": [{"at": 1}] * 1_000_000}), "case.json")


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"nested too deeply|not YAML"):
        parse_case('{"steps": ' + "[" * 100_000, "case.json")


def test_settings_are_spelled_as_in_the_documentation() -> None:
    case = parse_case("settings: {absent_after_misses: 3, fresh_for_days: 7, mass_loss_ratio: 0.5}\nsteps: []", "case.yaml")
    settings = to_settings(case)
    assert (settings.absent_after_misses, settings.fresh_for_days, settings.mass_loss_ratio) == (3, 7, 0.5)


def test_json_and_yaml_are_read_the_same() -> None:
    value = {"steps": [{"at": "2026-03-01T10:00:00+08:00"}, {"operation": {"advance": "P1DT2H"}}]}
    assert parse_case(json.dumps(value), "case.json") == parse_case("steps: [{at: '2026-03-01T10:00:00+08:00'}, {operation: {advance: P1DT2H}}]", "c")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT2H", 7200), ("P1D", 86_400), ("P1DT30M", 88_200), ("PT1.5H", None), ("P", None), ("PT", None), ("90m", 5400), ("", None)],
)
def test_durations_are_iso_8601_or_short(text: str, seconds: int | None) -> None:
    assert duration_ms(text) == (None if seconds is None else seconds * 1000)


def test_the_schema_holds_every_key_of_the_documentation() -> None:
    schema = json.dumps(to_json_schema())
    page = (ROOT / "docs/cases.md").read_text(encoding="utf-8")
    assert all(f'"{word}"' in schema for word in ("settings", "redeliver", "advance", "expires", "unmerge", "identifiers", "orders"))
    assert "muster simulate --schema" in page
