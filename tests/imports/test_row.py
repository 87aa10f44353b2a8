"""Rows become wishes as the mapping says; every fault has its row, column and value."""

from __future__ import annotations

from typing import Any

import pytest

from collector.imports.mapping import ImportMapping, parse_mapping
from collector.imports.reading import read_wishes
from collector.imports.row import RowFault, Wish, read_row
from collector.imports.table import Row
from muster.errors import DocumentError, InputError
from muster.model.ci_class import load_catalogue

CATALOGUE = load_catalogue()
MAPPING = """id = "all"
class = {column = "Type", values = {Server = "server", VM = "virtual_machine"}, default = "server"}
zone = {column = "Site"}
lifecycle = {column = "State", values = {"In use" = "live", Store = "in_stock"}}

[identifiers]
serial = "Serial"
mac = {column = "MACs", separator = ","}

[attributes]
name = "Name"
memory_bytes = {column = "RAM", factor = 1073741824}
"cpu.count" = "CPUs"
boot_time = "Boot"
owner = {column = "Owner", clears = true}
environment = {constant = "production"}
ip = "IPs"

[tags]
role = "Role"

[format]
decimal = ","
thousands = "."
date = "%d.%m.%Y %H:%M"
time_zone = "Europe/Berlin"
"""


def mapping(text: str = MAPPING) -> ImportMapping:
    return parse_mapping(text.replace('boot_time = "Boot"\n', ""), "m.toml", CATALOGUE)


def read(**cells: Any) -> Wish | list[RowFault]:
    return read_row(Row(7, {"Name": "web01", **cells}), mapping(), CATALOGUE)


def test_cells_are_read_as_the_mapping_says() -> None:
    wish = read(
        Type="VM",
        Site="berlin",
        State="In use",
        Serial=" S1 ",
        MACs="52:54:00:00:00:01, 52:54:00:00:00:02",
        RAM="1.024,5",
        CPUs="8",
        Role="web",
        IPs="10.0.0.1;10.0.0.2",
    )
    assert isinstance(wish, Wish)
    assert (wish.row, wish.ci_class.name, wish.zone, wish.lifecycle, wish.tags) == (7, "virtual_machine", "berlin", "live", {"role": "web"})
    assert wish.values == {
        "serial": "S1",
        "mac": ["52:54:00:00:00:01", "52:54:00:00:00:02"],
        "name": "web01",
        "memory_bytes": 1100048498688,
        "cpu.count": 8,
        "owner": None,
        "environment": "production",
        "ip": ["10.0.0.1", "10.0.0.2"],
    }


@pytest.mark.parametrize("cells", [{"Owner": ""}, {"Owner": "-"}, {"Owner": None}])
def test_an_empty_cell_says_nothing_unless_it_clears(cells: dict[str, Any]) -> None:
    wish = read(**cells, RAM="", Role="")
    assert isinstance(wish, Wish)
    assert wish.values == {"name": "web01", "owner": None, "environment": "production"}
    assert wish.tags == {}


def test_every_fault_of_a_row_is_told_at_once() -> None:
    faults = read(RAM="much", CPUs="1,5", State="lost")
    assert isinstance(faults, list)
    assert [(each.row, each.column, each.value) for each in faults] == [(7, "RAM", "'much'"), (7, "CPUs", "'1,5'"), (7, "State", "'lost'")]
    assert faults[2].message == "'lost' is none of In use, Store; add it to values, or give a default"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("class =", "clas =", 2, "unknown key 'clas'; did you mean 'class'?"),
        ('"server", VM', '"sever", VM', 2, "unknown class 'sever'; did you mean 'server'?"),
        ("serial =", "serail =", 7, "unknown identifier 'serail'; did you mean 'serial'?"),
        ("owner =", "onwer =", 15, "no class of it has an attribute 'onwer'; did you mean 'owner'?"),
        ("separator =", "seperator =", 8, "unknown key 'seperator'; did you mean 'separator'?"),
        ('{constant = "production"}', "{}", 16, "attributes.environment: give a column or a constant"),
        ('decimal = ","', 'decimal = "x"', 23, "Invalid enum value 'x'"),
        ('id = "all"', 'id = "All!"', 1, "id"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_line(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_mapping(
            MAPPING.replace('boot_time = "Boot"\n', 'boot_id = "Boot"\n').replace('boot_id = "Boot"\n', "\n").replace(old, new, 1),
            "m.toml",
            CATALOGUE,
        )
    assert (caught.value.file, caught.value.line) == ("m.toml", line)
    assert said in str(caught.value)


def test_a_mapping_may_be_yaml() -> None:
    found = parse_mapping("id: hosts\nclass: server\nattributes: {name: Host}\n", "m.yaml", CATALOGUE)
    assert (found.id, found.ci_class, found.attributes) == ("hosts", "server", {"name": "Host"})
    with pytest.raises(DocumentError, match=r"m\.yaml:3: no class of it has an attribute 'nam'"):
        parse_mapping("id: hosts\nclass: server\nattributes: {nam: Host}\nkey: [Host]\n", "m.yaml", CATALOGUE)


def test_a_column_that_the_file_lacks_is_told_before_any_row() -> None:
    found = parse_mapping('id = "h"\nclass = "server"\n[attributes]\nname = "Hostname"\n', "m.toml", CATALOGUE)
    with pytest.raises(InputError, match=r"attributes\.name: the file has no column 'Hostname'; did you mean 'Host name'\?"):
        read_wishes(b"Host name,Serial\na,b\n", found, CATALOGUE)


def test_a_number_beyond_all_bounds_is_a_fault_of_its_row() -> None:
    found = read_row(Row(2, {"Serial": "A12345", "Name": "web01", "RAM": 10**400}), mapping(), CATALOGUE)
    assert isinstance(found, list)
    assert "is too large a number" in found[0].message


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_date_that_utc_does_not_have_is_a_fault_of_its_row(text: str) -> None:
    zoned = mapping(MAPPING.replace('boot_time = "Boot"', 'boot_time = {column = "Boot", date = "%Y-%m-%dT%H:%M:%S%z"}'))
    found = read_row(Row(2, {"Serial": "A12345", "Name": "web01", "Boot": text}), zoned, CATALOGUE)
    assert isinstance(found, list)
    assert "no calendar has in UTC" in found[0].message


def test_a_date_pattern_that_names_a_part_twice_is_told() -> None:
    twice = mapping(MAPPING.replace('boot_time = "Boot"', 'boot_time = {column = "Boot", date = "%d %d"}'))
    found = read_row(Row(2, {"Serial": "A12345", "Name": "web01", "Boot": "1 1"}), twice, CATALOGUE)
    assert isinstance(found, list)
    assert "is no date as %d %d writes it" in found[0].message
