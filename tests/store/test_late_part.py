"""A part of a section that comes late: what it alone names was seen, and is not lost."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from sqlalchemy import select

from collector.store.content import decode
from collector.store.engine import Database
from collector.store.reader import Reader
from collector.store.schema import ci, content, source_record
from muster.clock import FakeClock
from muster.wire.report import Item
from tests.store.sender import CATALOGUE, Estate, item, section
from tests.store.test_as_of import emptied
from tests.store.test_decision import at

SCAN = "snmp/scan/p1"


def device(name: str, version: str = "1") -> list[Item]:
    """A switch with one port."""
    port = item(f"{name}/1", "interface", owner=name, attributes={"name": "eth1", "kind": "ethernet", "alias": version})
    return [item(name, "network_device", attributes={"name": name, "vendor": "Acme", "os.version": version}, serial=f"SER-{name}"), port]


def scanned(*devices: list[Item], complete: bool = False) -> dict[str, Any]:
    return {"net": section(*(each for device_ in devices for each in device_), complete=complete)}


def known(estate: Estate) -> list[Any]:
    """What the store holds, without the ids that it gave."""
    names = dict(estate.rows(select(ci.c.id, ci.c.name)))
    columns = (ci.c.ci_class, ci.c.name, ci.c.presence, ci.c.lifecycle, ci.c.owner_ci_id, content.c.body)
    rows = estate.rows(select(*columns).join_from(ci, content, content.c.hash == ci.c.effective_hash))
    records = (source_record.c.ref, source_record.c.first_seen_at, source_record.c.content_hash, source_record.c.is_absent, source_record.c.misses)
    held = [tuple(row) for row in estate.rows(select(*records).where(source_record.c.closed_at.is_(None)))]
    seen = [(*row[:4], names.get(row[4]), repr(decode(row[5]))) for row in rows]
    return [sorted(seen, key=repr), sorted(held, key=repr), sorted((each[1], each[3]) for each in estate.differences())]


def test_parts_of_a_network_give_the_same_cis_in_every_order(database: Database) -> None:
    words = [scanned(device("a"), device("b")), scanned(device("c")), scanned(device("a", "2"), device("d"))]
    found = []
    for order in permutations(range(3)):
        estate = emptied(database)
        for turn, number in enumerate(order):
            estate.send(SCAN, words[number], at=10 * number, now=100 + turn)
        found.append(known(estate))
        assert {row[1] for row in found[-1][0] if row[0] == "network_device"} == {"a", "b", "c", "d"}
    assert all(each == found[0] for each in found)


def test_what_a_late_part_alone_names_was_there_from_its_own_instant(estate: Estate) -> None:
    estate.send(SCAN, scanned(device("a")), at=40)
    estate.send(SCAN, scanned(device("b")), at=10, now=50)
    reader = Reader(estate.database, CATALOGUE, clock=FakeClock(at(10_000)))
    existed = [reader.ci_as_at(estate.id_of("b"), at(minutes), at(known_at)).existed for minutes, known_at in ((5, 60), (15, 60), (15, 45))]
    assert existed == [False, True, False]


def test_a_late_part_does_not_bring_back_what_a_whole_one_left_out_since(estate: Estate) -> None:
    estate.send(SCAN, scanned(device("a"), complete=True), at=30)
    estate.send(SCAN, scanned(device("a", "2")), at=40)
    estate.send(SCAN, scanned(device("b")), at=10, now=50)  # not in the whole one of minute 30
    estate.send(SCAN, scanned(device("c")), at=35, now=51)
    assert {row[0] for row in estate.rows(select(ci.c.name).where(ci.c.ci_class == "network_device"))} == {"a", "c"}


def test_a_late_whole_section_bounds_parts_that_are_earlier_still(estate: Estate) -> None:
    estate.send(SCAN, scanned(device("a")), at=40)
    estate.send(SCAN, scanned(device("a"), device("c"), complete=True), at=30, now=50)
    estate.send(SCAN, scanned(device("b")), at=10, now=51)
    assert {row[0] for row in estate.rows(select(ci.c.name).where(ci.c.ci_class == "network_device"))} == {"a", "c"}


def test_the_same_late_part_again_changes_nothing(estate: Estate) -> None:
    estate.send(SCAN, scanned(device("a")), at=40)
    estate.send(SCAN, scanned(device("b")), at=10, now=50)
    before = estate.dump()
    estate.send(SCAN, scanned(device("b")), at=10, now=55)
    assert estate.dump() == before


def test_a_port_that_only_a_late_part_names_is_placed_on_the_known_device(estate: Estate) -> None:
    estate.send(SCAN, scanned(device("a")), at=40)
    second = item("a/2", "interface", owner="a", attributes={"name": "eth2", "kind": "ethernet"})
    estate.send(SCAN, {"net": section(second, complete=False)}, at=10, now=50)
    owners = estate.rows(select(ci.c.owner_ci_id).where(ci.c.name == "eth2"))
    assert [row[0] for row in owners] == [estate.id_of("a")]
