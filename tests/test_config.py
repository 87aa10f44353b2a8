"""Settings from file, environment and flags: which goes before which, and how what is wrong is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from collector.settings import ENVIRONMENT_PREFIX, CollectorSettings
from muster.config import Configuration, find_key_line, list_settings, load_configuration, parse_toml
from muster.errors import ConfigurationError, DocumentError
from tests.conftest import ROOT


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""

    depth: int = 1


class Sample(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of every kind."""

    name: Annotated[str, Meta(description="what it is called")] = "plain"
    pace_seconds: Annotated[float, Meta(gt=0)] = 1.0
    is_open: bool = False
    zones: tuple[str, ...] = ()
    inner: Inner = Inner()


def load(*arguments: str, environment: dict[str, str] | None = None) -> Configuration[Sample]:
    return load_configuration(Sample, program="sample", prefix="SAMPLE_", arguments=arguments, environment=environment or {})


def write(folder: Path, text: str) -> str:
    file = folder / "sample.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_flag_goes_before_environment_before_file_before_default(tmp_path: Path) -> None:
    file = write(tmp_path, 'name = "file"\npace_seconds = 2.5\nis_open = true\n')
    loaded = load("--config", file, "--name", "flag", environment={"SAMPLE_NAME": "environment", "SAMPLE_PACE_SECONDS": "3"})
    assert loaded.settings == Sample(name="flag", pace_seconds=3.0, is_open=True)
    assert loaded.origins == {
        "name": "flag --name", "pace_seconds": "environment SAMPLE_PACE_SECONDS", "is_open": f"{file}:3", "zones": "default", "inner": "default",
    }  # fmt: skip


def test_file_is_named_by_the_environment_too(tmp_path: Path) -> None:
    assert load(environment={"SAMPLE_CONFIG": write(tmp_path, 'name = "file"\n')}).settings.name == "file"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("off", False), ("1", True), ("no", False)])
def test_environment_says_yes_and_no_as_people_do(text: str, value: object) -> None:
    assert load(environment={"SAMPLE_IS_OPEN": text}).settings.is_open is value


def test_lists_are_separated_by_commas_and_switches_have_a_no() -> None:
    loaded = load("--zones", "berlin, paris", "--no-is-open", environment={"SAMPLE_IS_OPEN": "yes"})
    assert (loaded.settings.zones, loaded.settings.is_open) == (("berlin", "paris"), False)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("nme = 1\n", 1, "unknown key 'nme'; did you mean 'name'?"),
        ("\n\n[inner]\ndeep = 1\n", 4, "unknown key 'deep'; did you mean 'depth'?"),
        ('name = "a"\npace_seconds = "fast"\n', 2, "pace_seconds: Expected `float`, got `str`"),
        ("pace_seconds = 0.0\n", 1, "pace_seconds: Expected `float` > 0.0"),
        ("[inner]\n\ndepth = true\n", 3, "inner.depth: Expected `int`, got `bool`"),
        ('name = "a"\nname = \n', 2, "not TOML"),
        ('zones = ["a", 7]\n', 1, "zones: Expected `str`, got `int`"),
        ("zones = " + "[" * 50_000, 1, "nested too deeply"),
    ],
)
def test_fault_of_the_file_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(DocumentError) as caught:
        load("--config", file)
    assert (caught.value.file, caught.value.line) == (file, line)
    assert said in str(caught.value)


def test_file_that_is_not_there_is_a_fault_not_a_default(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        load("--config", str(tmp_path / "none.toml"))


def test_unknown_variable_and_flag_are_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'SAMPLE_NAME'"):
        load(environment={"SAMPLE_NAMES": "x"})
    with pytest.raises(ConfigurationError, match="did you mean '--pace-seconds'"):
        load("--pace-second", "1")


def test_value_that_does_not_fit_names_where_it_came_from() -> None:
    with pytest.raises(ConfigurationError, match="environment SAMPLE_PACE_SECONDS: 'fast'"):
        load(environment={"SAMPLE_PACE_SECONDS": "fast"})


def test_password_on_the_command_line_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load("--name", "postgresql://kim:hidden@db/x")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "line"), [(("a",), 1), (("t",), 3), (("t", "b"), 4), (("t", "u", "c"), 6), (("t", "none"), 3), (("none",), 1), (("q",), 2)]
)  # fmt: skip
def test_line_of_a_key_is_found_in_tables(path: tuple[str, ...], line: int) -> None:
    assert find_key_line('a = 1\n"q" = 2 # a\n[t]\nb = 1\n[t.u]\n  c = [1]\n', path) == line


def test_every_setting_of_the_collector_is_in_the_installation_guide_with_its_default() -> None:
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \|", text, re.MULTILINE))
    expected = {each.name: "table" if each.is_table else f"`{shown(each.default)}`" for each in list_settings(CollectorSettings)}
    assert rows == expected
    assert ENVIRONMENT_PREFIX in text


def test_every_setting_of_the_collector_says_what_it_means() -> None:
    assert [each.name for each in list_settings(CollectorSettings) if not each.help] == []


def shown(value: object) -> str:
    return (
        {True: "true", False: "false", "": '""'}.get(value, str(value))
        if isinstance(value, bool | str)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


@pytest.mark.parametrize("key", ["a." * 50_000 + "a = 1", "x = {" + "a . " * 300 + "b = 1}", "[" + '"a".' * 300 + "b]"])
def test_a_key_of_endless_parts_is_refused_before_it_is_read(key: str) -> None:
    with pytest.raises(DocumentError, match="over 200 parts") as raised:
        parse_toml(f"ok = 1\n{key}\n", "settings.toml")
    assert raised.value.line == 2
