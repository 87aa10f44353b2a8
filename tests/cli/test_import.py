"""Files on record, classes and pins by the command line, against a real collector."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Office

MAPPING = """id = "stock"
class = "server"
zone = "stock"
[identifiers]
serial = "Serial"
[attributes]
name = "Name"
"cpu.count" = "CPUs"
"""


@pytest.fixture(scope="module")
def files(office: Office) -> Path:
    (office.folder / "stock.toml").write_text(MAPPING, encoding="utf-8")
    (office.folder / "stock.csv").write_text("Name,Serial,CPUs\nstock-1,STK-1,8\nstock-2,STK-2,16\n", encoding="utf-8")
    return office.folder


def test_a_file_is_tried_imported_and_imported_again(office: Office, files: Path) -> None:
    told = office.read("import", "stock.csv", "--mapping", "stock.toml", "--dry-run")
    assert (told["rows"], told["new"], told["is_applied"]) == (2, 2, False)
    done = office.run("import", "stock.csv", "--mapping", "stock.toml", "--reason", "stock-taking")
    assert done.code == 0, done.err
    assert "2 new, 0 changed, 0 unchanged, 0 refused" in done.out
    again = office.run("import", "stock.csv", "--mapping", "stock.toml")
    assert "100.0 % of 2 rows are CIs that are there already (2 by native_key)" in again.out
    assert "all of it is on record already" in again.out


def test_what_is_exported_comes_back_unchanged(office: Office, files: Path) -> None:
    office.run("import", "stock.csv", "--mapping", "stock.toml")
    for form in ("csv", "json"):
        done = office.run("export", form, "zone:stock", "--file", f"back.{form}", "--mapping", "back.toml")
        assert done.code == 0, done.err
        told = office.read("import", f"back.{form}", "--mapping", "back.toml")
        assert (told["rows"], told["unchanged"], told["is_applied"]) == (2, 2, False)


def test_faulty_rows_are_told_with_row_column_and_value(office: Office, files: Path) -> None:
    (files / "bad.csv").write_text("Name,Serial,CPUs\nstock-3,STK-3,many\n,,\n", encoding="utf-8")
    done = office.run("import", "bad.csv", "--mapping", "stock.toml")
    assert done.code == 1
    assert "nothing was written: correct the rows, or --skip-bad" in done.out
    rows = [line.split() for line in done.out.splitlines() if line[:1].isdigit()]
    assert ["2", "CPUs", "'many'"] in [row[:3] for row in rows]


def test_a_wrong_mapping_is_told_with_file_and_line(office: Office, files: Path) -> None:
    (files / "wrong.toml").write_text(MAPPING.replace("[attributes]\nname", "[attributes]\nnam"), encoding="utf-8")
    done = office.run("import", "stock.csv", "--mapping", "wrong.toml")
    assert (done.code, done.out) == (1, "")
    assert "wrong.toml:7: no class of it has an attribute 'nam'; did you mean 'name'?" in done.err


def test_one_ci_is_recorded_before_anybody_has_seen_it(office: Office) -> None:
    done = office.run("ci", "record", "--class", "server", "--identifier", "serial=REC-1", "name=rec-1", "owner=kim", "--reason", "ordered")
    assert done.code == 0, done.err
    assert done.out.startswith("rec-1 is on record (number ")
    office.report("rec-2")
    again = office.run("ci", "record", "--class", "server", "--identifier", "serial=SN-rec-2", "name=rec-2")
    assert again.code == 0, again.err
    assert len(office.read("ci", "list", "name:rec-2")) == 1


def test_a_value_is_held_listed_and_released(office: Office) -> None:
    office.report("pin-1")
    [ci] = office.read("ci", "list", "name:pin-1")
    number = str(ci["number"])
    done = office.run("pin", "set", number, "location=R1", "--reason", "moving", "--owner", "kim", "--until", "2099-01-01T00:00:00Z")
    assert done.code == 0, done.err
    [held] = office.read("pin", "list", "name:pin-1")
    assert (held["attribute"], held["value"], held["owner"], held["reason"]) == ("location", "R1", "kim", "moving")
    assert office.run("pin", "set", number, "serial=X", "--reason", "r", "--owner", "kim").code == 1
    assert office.run("pin", "release", "--owner", "kim").code == 0
    assert office.read("pin", "list", "name:pin-1") == []


def test_classes_are_listed_shown_and_checked(office: Office, files: Path) -> None:
    assert {"server", "printer"} <= {each["name"] for each in office.read("class", "list")}
    assert "serial" in office.read("class", "show", "server")["attributes"]
    assert office.run("class", "show", "sever").code == 3
    site = files / "site.toml"
    site.write_text('[lathe]\nlabel = {en = "Lathe"}\nparent = "devcie"\n', encoding="utf-8")
    done = office.run("class", "check", "site.toml")
    assert done.code == 1
    assert "site.toml:3: class 'lathe': unknown parent 'devcie'; did you mean 'device'?" in done.err
    site.write_text('[lathe]\nlabel = {en = "Lathe"}\nparent = "device"\n[server.attributes]\nrack_unit = {type = "integer"}\n', encoding="utf-8")
    assert office.read("class", "check", "site.toml") == {"classes": ["lathe", "server"]}
