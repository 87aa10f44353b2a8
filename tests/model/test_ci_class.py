"""A site's own classes: taken beside the shipped ones, and each fault told with its file, line and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from muster.errors import DocumentError
from muster.model.ci_class import load_catalogue, naming_attributes

GOOD = """[wind_turbine]
label = {en = "Wind turbine"}
parent = "hardware"

[wind_turbine.attributes.hub_height_metres]
type = "number"

[[wind_turbine.identification]]
rule = "serial"
strength = "strong"
all = ["serial"]
"""


def write(folder: Path, text: str | bytes, name: str = "site.toml") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_class_of_a_site_inherits_from_a_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace('"hardware"', '"server"'))
    catalogue = load_catalogue(tmp_path)
    assert {"hub_height_metres", *catalogue["server"].attributes} == set(catalogue["wind_turbine"].attributes)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("parent =", "parnt =", 3, "unknown key 'parnt'; did you mean 'parent'?"),
        ("type =", "typ =", 6, "unknown key 'typ'; did you mean 'type'?"),
        ("strength =", "strenght =", 10, "unknown key 'strenght'; did you mean 'strength'?"),
        ('"number"', '"numbr"', 6, "type: Invalid enum value 'numbr'"),
        ('"Wind turbine"', "5", 2, "label: Expected `str`, got `int`"),
        ('"hardware"', '"sever"', 3, "unknown parent 'sever'; did you mean 'server'?"),
        ('"hardware"', '"wind_turbine"', 3, "its parents are a circle: wind_turbine > wind_turbine"),
        ("[wind_turbine]", "[server]\nlabel = {}\n[wind_turbine]", 1, "class 'server' is there already, in "),
        ('"serial"\n', '"serial\n', 9, "not TOML: "),
    ],
)
def test_fault_of_a_class_file_is_told_with_its_line_and_what_was_meant(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    text = GOOD.replace('"hardware"', '"server"') if old != '"hardware"' else GOOD
    file = write(tmp_path, text.replace(old, new, 1))
    with pytest.raises(DocumentError) as caught:
        load_catalogue(tmp_path)
    assert (caught.value.file, caught.value.line) == (str(file), line)
    assert said in caught.value.message


@pytest.mark.parametrize("text", [b"\xff", b"a = " + b"[" * 50_000, b" " * 1_048_577, b"wind_turbine = 5"])
def test_file_that_is_no_class_file_is_a_document_error(tmp_path: Path, text: bytes) -> None:
    write(tmp_path, text)
    with pytest.raises(DocumentError):
        load_catalogue(tmp_path)


def test_folder_in_place_of_a_class_file_is_a_document_error(tmp_path: Path) -> None:
    (tmp_path / "site.toml").mkdir()
    with pytest.raises(DocumentError, match="cannot be read"):
        load_catalogue(tmp_path)


def test_class_that_stands_in_two_files_is_refused_with_both(tmp_path: Path) -> None:
    text = GOOD.replace('"hardware"', '"server"')
    write(tmp_path, text, "a.toml")
    write(tmp_path, text, "b.toml")
    with pytest.raises(DocumentError, match=r"b\.toml:1: class 'wind_turbine' is there already, in .*a\.toml"):
        load_catalogue(tmp_path)


def test_every_class_is_named_from_attributes_that_it_has() -> None:
    catalogue = load_catalogue()
    for name in catalogue.names():
        wanted = {attribute for naming in catalogue[name].name_from for attribute in naming_attributes(naming)}
        assert wanted <= set(catalogue[name].attributes), name
