"""A file on record: recognised like any report, one decision, undone as one; a repeated import changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from collector.imports.mapping import parse_mapping
from collector.imports.row import read_row
from collector.imports.table import read_table
from collector.store.decision import resolve_case, undo_decision
from collector.store.imported import ImportJob, ImportReport, run_import
from collector.store.schema import ci, decision, history, imported_row, relation, review_case
from tests.store.sender import CATALOGUE, Estate, item, section
from tests.store.test_decision import at
from tests.store.test_recording import report

MAPPING = """id = "servers"
class = "server"
zone = "z1"
[identifiers]
serial = "Serial"
[attributes]
name = "Name"
owner = "Owner"
memory_bytes = {column = "RAM", factor = 1073741824}
[tags]
role = "Role"
"""
FILE = "Name,Serial,Owner,RAM,Role\nweb01,S1,kim,32,web\nweb02,S2,lee,64,web\ndb01,S3,kim,,\n"


def run(estate: Estate, text: str = FILE, mapping: str = MAPPING, *, minute: float = 1, **options: Any) -> ImportReport:
    wanted = parse_mapping(mapping, "m.toml", CATALOGUE)
    table = read_table(text.encode(), wanted.format)
    job = ImportJob(wanted, [read_row(row, wanted, CATALOGUE) for row in table.rows], "servers.csv", **options)
    return estate.decide(run_import, job, now=at(minute))  # type: ignore[no-any-return]  # what it gives


def names(estate: Estate) -> list[str]:
    return [each[1] for each in estate.names()]


def test_rows_are_put_on_record_as_one_decision(estate: Estate) -> None:
    told = run(estate)
    assert (told.rows, told.new, told.changed, told.refused, told.is_applied) == (3, 3, 0, 0, True)
    assert names(estate) == ["db01", "web01", "web02"]
    assert estate.recorded("web01") == {"name": "web01", "serial": "S1", "owner": "kim", "memory_bytes": 32 << 30}
    assert estate.rows(select(decision.c.kind)) == [("import",)]
    assert estate.differences() == []


def test_a_repeated_import_changes_nothing(estate: Estate) -> None:
    run(estate)
    before = estate.dump()
    told = run(estate, minute=5)
    assert (told.linked, told.unchanged, told.new, told.changed, told.is_applied) == ({"native_key": 3}, 3, 0, 0, False)
    assert estate.dump() == before
    assert estate.count_rows_written(lambda: run(estate, minute=6)) == 0


def test_a_dry_run_tells_the_match_rate_and_writes_nothing(estate: Estate) -> None:
    report(estate)
    before = estate.dump()
    told = run(estate, is_dry_run=True, minute=5)
    assert (told.linked, told.new, told.changed, told.is_applied) == ({"serial": 1}, 2, 1, False)
    assert estate.dump() == before


@pytest.mark.parametrize("import_first", [True, False])
def test_import_and_report_of_one_server_are_one_ci_in_either_order(estate: Estate, *, import_first: bool) -> None:
    steps = [lambda: run(estate, minute=0 if import_first else 5), lambda: report(estate)]
    for step in steps if import_first else reversed(steps):
        step()
    assert len(estate.names()) == 3
    assert estate.differences("open") == []
    assert estate.recorded("web01")["owner"] == "kim"


def test_undoing_an_import_takes_all_of_it_back(estate: Estate) -> None:
    report(estate)
    made = run(estate, minute=5).decision_id
    estate.decide(undo_decision, made, now=at(6))
    assert estate.rows(select(ci.c.lifecycle, func.count()).where(ci.c.is_recorded.is_(True)).group_by(ci.c.lifecycle)) == []
    assert estate.rows(select(ci.c.lifecycle).where(ci.c.name == "web02")) == [("disposed",)]
    assert estate.rows(select(imported_row)) == []
    assert [each[:2] for each in estate.differences("open")] == [("new_ci", "web01")]
    told = run(estate, minute=7)
    assert (told.linked, told.new) == ({"serial": 1}, 2)


def test_one_refused_row_keeps_all_out_unless_bad_ones_are_skipped(estate: Estate) -> None:
    text = FILE + "web03,S4,kim,much,web\n,,,,\nweb01,S9,kim,,\n"
    told = run(estate, text)
    assert not told.is_applied
    assert estate.names() == []
    assert [(each.row, each.column, each.value) for each in told.faults] == [(5, "RAM", "'much'"), (6, "", "")]
    told = run(estate, text, skips_bad=True)
    assert (told.new, told.refused, told.is_applied) == (4, 2, True)


def test_rows_that_are_one_thing_are_refused_with_both_rows(estate: Estate) -> None:
    told = run(estate, FILE + "web09,s-1,kim,,\nweb01,S1,kim,,\n")
    assert [(each.row, each.message) for each in told.faults] == [
        (5, "the same as row 2 by serial; leave one out"),
        (6, "the same as row 2: both are server|serial=S1; leave one out"),
    ]


def test_a_near_miss_is_refused_adopted_or_made_as_the_mapping_says(estate: Estate) -> None:
    estate.send("snmp/poll/p", {"host": section(item("h", "server", attributes={"name": "core1"}, sysname="core1"))}, at=1)
    text, only_name = "Name\ncore1\n", 'id = "cores"\nclass = "server"\nzone = "z1"\n[attributes]\nname = "Name"\n'
    told = run(estate, text, only_name)
    assert "looks like core1 (number 1, by name), and nothing proves it" in told.faults[0].message
    assert [(each.row, each.number) for each in told.near_misses] == [(2, 1)]
    told = run(estate, text, f'near_misses = "create"\n{only_name}', is_dry_run=True)
    assert (told.new, told.refused) == (1, 0)
    told = run(estate, text, f'near_misses = "adopt"\n{only_name}')
    assert (told.linked, told.new) == ({"adopted": 1}, 0)
    told = run(estate, text, only_name, minute=9)
    assert (told.linked, told.is_applied) == ({"native_key": 1}, False)


def test_junk_serials_make_no_two_rows_one(estate: Estate) -> None:
    told = run(
        estate, "Name,Serial\na,To be filled by O.E.M.\nb,To be filled by O.E.M.\n", MAPPING.replace("id =", 'key = ["Name"]\nid =').split("owner")[0]
    )
    assert (told.new, told.refused) == (2, 0)


def test_what_a_complete_file_no_longer_holds_is_proposed_and_stays(estate: Estate) -> None:
    complete = MAPPING.replace("id =", "complete = true\nid =")
    run(estate, mapping=complete)
    told = run(estate, FILE.replace("db01,S3,kim,,\n", ""), complete, minute=5)
    assert (told.missing, told.is_braked) == (1, False)
    assert names(estate) == ["db01", "web01", "web02"]
    assert estate.cases() == ["mass_loss"]
    told = run(estate, mapping=complete, minute=6)
    assert told.missing == 0
    assert estate.rows(select(review_case.c.state)) == [("resolved",)]


def test_a_file_that_lost_most_of_its_rows_is_suspected(estate: Estate) -> None:
    complete = MAPPING.replace("id =", "complete = true\nid =")
    rows = [f"s{at},X{at}Y,kim,,\n" for at in range(20)]
    run(estate, "Name,Serial,Owner,RAM,Role\n" + "".join(rows), complete)
    told = run(estate, "Name,Serial,Owner,RAM,Role\n" + "".join(rows[:5]), complete, minute=5)
    assert (told.missing, told.is_braked) == (15, True)
    assert len(estate.names()) == 20


def test_a_change_is_written_of_what_changed_alone(estate: Estate) -> None:
    run(estate)
    count = estate.rows(select(func.count()).select_from(history))[0][0]
    told = run(estate, FILE.replace("web02,S2,lee", "web02,S2,ada"), minute=5)
    assert (told.changed, told.unchanged) == (1, 2)
    assert estate.rows(select(func.count()).select_from(history))[0][0] == count + 1
    assert estate.recorded("web02")["owner"] == "ada"


def test_formulas_and_markup_are_kept_as_text(estate: Estate) -> None:
    run(estate, "Name,Serial,Owner,RAM,Role\n=HYPERLINK(1),S1,<b>kim</b>,,@x\n")
    assert estate.recorded("=HYPERLINK(1)")["owner"] == "<b>kim</b>"


RACKS = """id = "racks"
class = "server"
zone = "z1"
[identifiers]
serial = "Serial"
[attributes]
name = "Name"
[relations]
located_in = {column = "Rack", by = "name", class = "rack"}
depends_on = {column = "Needs", by = "serial", separator = ","}
"""


def test_relations_are_put_on_record_with_their_rows(estate: Estate) -> None:
    rack = 'id = "r"\nclass = "rack"\nzone = "z1"\n[identifiers]\nnumber = "Number"\n[attributes]\nname = "Name"\n'
    assert run(estate, "Name,Number\nR1,1001\nR2,1002\n", rack).new == 2
    text = "Name,Serial,Rack,Needs\nweb01,S1,R1,S2\ndb01,S2,R2,\n"
    told = run(estate, text, RACKS, minute=2)
    assert (told.new, told.refused, told.faults) == (2, 0, [])
    recorded = select(relation.c.type, relation.c.side).where(relation.c.valid_to.is_(None)).order_by(relation.c.type)
    assert estate.rows(recorded) == [("depends_on", "recorded"), ("located_in", "recorded"), ("located_in", "recorded")]
    assert estate.count_rows_written(lambda: run(estate, text, RACKS, minute=3)) == 0
    moved = run(estate, text.replace("S1,R1", "S1,R2"), RACKS, minute=4)
    assert (moved.changed, moved.is_applied) == (1, True)
    assert len(estate.rows(recorded)) == 3
    estate.decide(undo_decision, moved.decision_id, now=at(5))
    estate.decide(undo_decision, told.decision_id, now=at(6))
    assert estate.rows(recorded) == []


def test_a_relation_whose_other_end_is_none_is_told_with_its_column(estate: Estate) -> None:
    told = run(estate, "Name,Serial,Rack,Needs\nweb01,S1,R9,\n", RACKS)
    assert [(each.row, each.column, each.value) for each in told.faults] == [(2, "Rack", "'R9'")]
    assert not told.is_applied


def test_the_case_of_missing_rows_is_decided_by_a_person_and_nothing_goes_by_itself(estate: Estate) -> None:
    complete = MAPPING.replace("id =", "complete = true\nid =")
    run(estate, mapping=complete)
    run(estate, FILE.replace("db01,S3,kim,,\n", ""), complete, minute=5)
    [(case_id,)] = estate.rows(select(review_case.c.id))
    estate.decide(resolve_case, case_id, "release", now=at(6), reason="sold")
    assert estate.rows(select(ci.c.lifecycle, ci.c.is_recorded).where(ci.c.name == "db01")) == [("planned", True)]
    assert run(estate, FILE.replace("db01,S3,kim,,\n", ""), complete, minute=7).missing == 1
    assert estate.cases() == []
    assert run(estate, FILE.replace("web02,S2,lee,64,web\n", "").replace("db01,S3,kim,,\n", ""), complete, minute=8).missing == 2
    assert estate.cases() == ["mass_loss"]


PARTS = """id = "ports"
class = "interface"
zone = "z1"
owner = {column = "Host", by = "serial"}
[attributes]
name = "Port"
alias = "Alias"
"""


def test_parts_are_put_on_record_in_their_owners_and_met_by_reports(estate: Estate) -> None:
    run(estate)
    text = "Host,Port,Alias\nS1,eth0,uplink\nS1,eth1,\nS2,eth0,\n"
    told = run(estate, text, PARTS, minute=2)
    assert (told.new, told.faults) == (3, [])
    ports = [each for each in estate.names() if each[0] == "interface"]
    assert ports == [("interface", "eth0", "web01"), ("interface", "eth0", "web02"), ("interface", "eth1", "web01")]
    assert estate.count_rows_written(lambda: run(estate, text, PARTS, minute=3)) == 0
    port = item("if", "interface", owner="h", attributes={"name": "eth0", "kind": "ethernet", "alias": "uplink"})
    host = item("h", "server", attributes={"name": "web01", "vendor": "V"}, serial="S1")
    estate.send("agent/web01/a1", {"host": section(host), "interfaces": section(port)}, at=4)
    assert [each for each in estate.names() if each[0] == "interface"] == ports
    assert estate.differences("open") == []
    estate.decide(undo_decision, told.decision_id, now=at(5))
    assert estate.rows(select(ci.c.is_recorded).where(ci.c.ci_class == "interface")) == [(False,)] * 3


def test_a_part_whose_owner_is_none_is_told_with_its_column(estate: Estate) -> None:
    told = run(estate, "Host,Port,Alias\nS9,eth0,\n,eth1,\n", PARTS)
    assert [(each.row, each.column, each.value) for each in told.faults] == [(2, "Host", "'S9'"), (3, "Host", "")]
    assert not told.is_applied
