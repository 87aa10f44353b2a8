"""A site's own classes: taken beside the shipped ones, and each fault told with its file, line and what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from muster.errors import DocumentError
from muster.model.ci_class import SHIPPED_CLASSES, ClassCatalogue, load_catalogue, make_catalogue, naming_attributes
from muster.model.class_check import find_faults
from muster.model.class_file import build_classes, from_values, read_folder

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
        ("[wind_turbine]", "[server]\nparent = 'device'\n[wind_turbine]", 2, "class 'server' is shipped: its parent stays as it is"),
        ("[wind_turbine]", "[server.attributes]\nmemory_bytes = {type = 'text'}\n[wind_turbine]", 2, "'memory_bytes' is a integer already"),
        ("[wind_turbine]", "[server.attributes]\nmemory_bytes = {mod = 'observed'}\n[wind_turbine]", 2, "unknown key 'mod'; did you mean 'mode'?"),
        ('type = "number"', 'type = "number"\ncomparator = "set"', 7, "comparator set compares list, and it is a number"),
        ('type = "number"', 'type = "number"\nmode = "mixed"', 7, "mode mixed accepts what is within the tolerance"),
        ('type = "number"', 'type = "number"\nmode = "union"', 7, "mode union joins the members of lists"),
        ('type = "number"', 'type = "number"\nvolatile = true\nmode = "governed"', 8, "what is volatile is never compared"),
        ("hub_height_metres]", "model]", 5, "a number, and a text in the parent"),
        ("hub_height_metres]", "zone]", 5, "the name means something else in queries"),
        ("hub_height_metres]", "'Hub Height']", 5, "small letters, digits, _ and dots"),
        ("label = {en =", "label = {de =", 2, "needs a label in English"),
        ('parent = "server"', 'parent = "server"\nfamily = "network"', 4, "is of family network, its parent 'server' of compute"),
        ('parent = "server"', 'parent = "server"\nis_dependent = true', 3, "is part of others and its parent 'server' is not"),
        ('parent = "server"', "is_dependent = true", 3, "local_key says what tells one from the next"),
        ('parent = "server"', 'name_from = ["nam"]', 3, "name_from 'nam' is no attribute"),
        ('parent = "server"', 'parent = "server"\ngoverned_when = {knd = ["a"]}', 4, "governed_when 'knd' is no attribute"),
        (
            'parent = "server"',
            'is_dependent = true\nname_from = ["hub_height_metres"]\nlocal_key = ["slto"]',
            5,
            "local_key 'slto' is no attribute",
        ),
        ('all = ["serial"]', 'all = ["serail"]', 8, "unknown identifier 'serail'; did you mean 'serial'?"),
        ('all = ["serial"]', 'all = ["ip"]', 8, "alone they are weak"),
        ('all = ["serial"]', "same_zone = true", 8, "no condition"),
        ('all = ["serial"]', "common = {dmi_uuid = 2}", 8, "a thing has one dmi_uuid"),
        (
            "[[wind_turbine.identification]]",
            "[[wind_turbine.identification]]\nrule = 'a'\nstrength = 'weak'\nall = ['serial']\n[[wind_turbine.identification]]",
            8,
            "comes after a weaker one",
        ),
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


ADDED = """[server]
label = {de = "Rechner"}
control = "tracked"

[server.attributes]
rack_unit = {type = "integer", label = {en = "Rack unit", zh-Hans = "机架单元"}, indexed = true}
memory_bytes = {mode = "observed", label = {de = "Arbeitsspeicher"}}

[virtual_machine]
identification = [{rule = "serial", strength = "strong", all = ["serial"]}]
"""


def test_a_site_adds_attributes_labels_modes_and_rules_to_shipped_classes(tmp_path: Path) -> None:
    write(tmp_path, ADDED)
    shipped, catalogue = load_catalogue(), load_catalogue(tmp_path)
    server = catalogue["server"]
    assert server.label == {**shipped["server"].label, "de": "Rechner"}
    assert server.control == "tracked"
    assert set(server.attributes) == {*shipped["server"].attributes, "rack_unit"}
    memory = shipped["server"].attributes["memory_bytes"]
    assert server.attributes["memory_bytes"] == replace(memory, mode="observed", label={**memory.label, "de": "Arbeitsspeicher"})
    assert [rule.rule for rule in catalogue["virtual_machine"].identification] == ["serial"]
    assert catalogue["hypervisor"] == shipped["hypervisor"]


def test_what_a_site_repeats_of_a_shipped_class_is_no_fault(tmp_path: Path) -> None:
    write(tmp_path, "[server]\nparent = 'host'\nattributes = {rack_unit = {type = 'integer'}}\n")
    assert load_catalogue(tmp_path)["server"].parent == "host"


def test_shipped_classes_are_without_fault() -> None:
    assert find_faults(build_classes(read_folder(SHIPPED_CLASSES))) == []


def test_every_fault_of_a_file_is_found_not_the_first_alone(tmp_path: Path) -> None:
    text = GOOD.replace('"hardware"', '"server"').replace('"number"', '"number"\ncomparator = "set"').replace('["serial"]', '["serail"]')
    write(tmp_path, text)
    found = find_faults(build_classes([*read_folder(SHIPPED_CLASSES), *read_folder(tmp_path)]))
    assert [each.line for each in found] == [9, 7]


@pytest.mark.parametrize(
    "values",
    [
        {"lathe": {"label": {"en": "Lathe"}, "name_from": ["name"], "attributes": {"name": {}}}},
        [{"name": "lathe", "label": {"en": "Lathe"}, "name_from": ["name"], "attributes": {"name": {}}}],
    ],
)
def test_classes_given_as_values_are_built_by_the_same_rules(values: Any) -> None:
    known = load_catalogue().own
    assert "lathe" in make_catalogue(from_values(values, "case.yaml", lambda _: 1), known)
    broken = [{"name": "server", "attributes": {"serial": {"type": "integer"}}}]
    with pytest.raises(DocumentError, match="'serial' is a text already"):
        make_catalogue(from_values(broken, "case.yaml", lambda _: 1), known)


def test_classes_that_come_into_force_are_seen_wherever_the_catalogue_is_held(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    assert catalogue.derive(count) == len(catalogue.names())
    write(tmp_path, GOOD.replace('"hardware"', '"server"'))
    catalogue.take_over(load_catalogue(tmp_path))
    assert "wind_turbine" in catalogue
    assert catalogue.derive(count) == len(catalogue.names())


def count(catalogue: ClassCatalogue) -> int:
    return len(catalogue.names())


def test_every_class_is_named_from_attributes_that_it_has() -> None:
    catalogue = load_catalogue()
    for name in catalogue.names():
        wanted = {attribute for naming in catalogue[name].name_from for attribute in naming_attributes(naming)}
        assert wanted <= set(catalogue[name].attributes), name
