"""What commands print: for people, for programs, and never as a command to a terminal or a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from muster.cli.figure import say_duration, say_mean, say_percent
from muster.cli.output import Output, clean, column, counted, instant, render_columns, render_csv, render_value, show_list, to_text
from muster.errors import MusterError
from tests.cli.command import call_muster
from tests.conftest import ROOT

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@given(VALUES)
def test_json_and_yaml_give_back_what_went_in_and_hold_no_control_character(value: object) -> None:
    as_json, as_yaml = render_value(value, Output.JSON), render_value(value, Output.YAML)
    assert json.loads(as_json) == value
    assert yaml.safe_load(as_yaml) == value
    assert not any((ord(each) < 32 and each != "\n") or 0x7F <= ord(each) < 0xA0 for each in as_json)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1))
def test_columns_hold_one_line_for_each_row_whatever_a_device_is_called(rows: list[list[str]]) -> None:
    shown = render_columns(rows)
    assert shown.count("\n") == len(rows)
    assert not any(ord(each) < 32 and each != "\n" for each in shown)


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")), min_size=1, max_size=3), min_size=1))
def test_no_field_of_csv_begins_as_a_formula(rows: list[list[str]]) -> None:
    parsed = list(csv.reader(io.StringIO(render_csv(["a"], rows), newline="")))[1:]
    for given_row, row in zip(rows, parsed, strict=True):
        for text, field in zip(given_row, row, strict=False):
            assert field in {text, f"'{text}"}
            assert field[:1] not in {"=", "@", "\t"}


@pytest.mark.parametrize(
    ("text", "expected"), [("=1+1", "'=1+1"), ("-5", "-5"), ("-", "-"), ("+49 30 1", "'+49 30 1"), ("-cmd", "'-cmd"), ("web-1", "web-1")]
)
def test_numbers_stay_numbers_in_csv(text: str, expected: str) -> None:
    assert render_csv(["x"], [[text]]).splitlines()[1] == expected


def test_wide_characters_take_two_columns() -> None:
    assert render_columns([["商城", "up"], ["shop", "up"]]) == "商城  up\nshop  up\n"


def test_escape_sequences_are_shown_and_not_obeyed() -> None:
    assert clean("a\x1b[31mb\u202ec") == "a\\x1b[31mb\\x202ec"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "-"), ("", "-"), (True, "yes"), (0, "0"), (["a", 1], "a, 1"), ([], "-"), ({"a": 1}, '{"a": 1}'), ([{"a": 1}], '[{"a": 1}]')],
)
def test_value_in_a_field(value: object, expected: str) -> None:
    assert to_text(value) == expected


def test_list_tells_on_standard_error_when_there_are_more(capsys: pytest.CaptureFixture[str]) -> None:
    show_list([{"name": "web-1", "ci": {"class": "server"}}], [column("name"), column("class", "ci", "class"), column("none")], Output.TABLE, total=3)
    shown = capsys.readouterr()
    assert shown.out == "name   class   none\nweb-1  server  -\n"
    assert shown.err == "1 of 3 shown; --limit 0 shows all\n"


def test_figures_are_cut_and_never_rounded_up() -> None:
    assert say_percent({"numerator": 2_589_407, "denominator": 2_592_000}) == "99.8999 %"
    assert say_percent({"numerator": 1, "denominator": 1}) == "100.0000 %"
    assert (say_percent(None), say_mean(None)) == (None, None)
    assert say_mean({"numerator": -7, "denominator": 2}) == "-3 ms"
    assert [say_duration(each) for each in (0, 63 * 3_600_000 + 60_000, 1001)] == ["0 s", "63 h 1 min", "1 s 1 ms"]
    assert instant(0) == "1970-01-01T00:00:00Z"


def test_every_error_has_an_exit_code_of_its_kind() -> None:
    from muster import errors
    from muster.cli.output import exit_code

    codes = {
        errors.NotFoundError("x"): 3, errors.AuthenticationError("x"): 4, errors.AuthorisationError("x"): 4, errors.UnavailableError("x"): 5,
        errors.ConflictError("x"): 6, errors.ConfigurationError("x"): 1, errors.InputError("x"): 1, MusterError("x"): 1,
    }  # fmt: skip
    assert {error: exit_code(error) for error in codes} == codes


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [("service", "schema"), ("agent", "--once", "--print")])
def test_full_disk_is_one_line_and_no_fault_in_muster(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "muster", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60, check=False
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "No space left on device" in done.stderr


def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call_muster("up", "--listen", "127.0.0.1:0", "--state-directory", str(tmp_path / "file" / "var"), folder=tmp_path)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "Not a directory; check path" in done.err


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "finding", "0 findings"),
        (1, "finding", "1 finding"),
        (2, "CI", "2 CIs"),
        (2, "class", "2 classes"),
        (1, "policy", "1 policy"),
        (3, "policy", "3 policies"),
    ],
)
def test_a_number_has_its_noun_in_the_singular_or_the_plural(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said
