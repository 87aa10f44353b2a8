"""The recorded devices in a real store: each one CI with its parts, nothing refused, nothing new when nothing changed, links found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from collector.store.engine import open_database
from collector.store.migrate import migrate_database
from collector.store.schema import ci, relation
from discovery.snmp.device import DeviceFacts, to_sections
from tests.store.sender import Estate

SOURCE = "snmp/recorded/d1"


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    database = open_database(f"sqlite:///{tmp_path}/store.db")
    migrate_database(database)
    yield Estate(database)
    database.close()


def hosts(estate: Estate) -> Counter[str]:
    return Counter(row[0] for row in estate.rows(select(ci.c.ci_class).where(ci.c.owner_ci_id.is_(None), ci.c.redirect_to.is_(None))))


def ends(estate: Estate) -> Counter[tuple[bool, bool]]:
    """Whether each end of the relations in force is known."""
    rows = estate.rows(select(relation.c.from_ci_id, relation.c.to_ci_id).where(relation.c.valid_to.is_(None)))
    return Counter((left is not None, right is not None) for left, right in rows)


def test_every_device_is_one_item_and_stays_it(estate: Estate, discovered: Mapping[str, DeviceFacts]) -> None:
    """All of them are called `<private>`, which must neither join nor suggest to join them."""
    for minute in (0, 10):
        rejected = [estate.send(SOURCE, to_sections(facts), at=minute).answer.rejected for facts in discovered.values()]
        assert rejected == [[]] * len(discovered)
        assert hosts(estate) == {"network_device": 8, "server": 2, "printer": 1, "ups": 1}
    estate.sweep(11)
    assert (estate.absent(), estate.cases()) == ([], [])
    interfaces = estate.rows(select(ci.c.id).where(ci.c.ci_class == "interface"))
    assert len(interfaces) == sum(len(facts.interfaces) for facts in discovered.values())


def test_a_link_is_found_when_the_other_device_answers_and_ends_with_the_neighbour(estate: Estate, discovered: Mapping[str, DeviceFacts]) -> None:
    switch = discovered["vrp_5720"]
    neighbour = next(each for each in switch.neighbours if each.chassis_mac)
    estate.send(SOURCE, to_sections(switch))
    assert ends(estate) == {(True, False): len(switch.neighbours)}
    router = replace(
        discovered["routeros_crs317"],
        lldp_chassis_mac=neighbour.chassis_mac,
        interfaces=tuple(each._replace(name=neighbour.remote_port) for each in discovered["routeros_crs317"].interfaces[:1]),
    )
    estate.send(SOURCE, to_sections(router), at=1)
    assert ends(estate) == {(True, False): len(switch.neighbours) - 1, (True, True): 1}
    rest = tuple(each for each in switch.neighbours if each is not neighbour)
    for minute in (2, 10):
        estate.send(SOURCE, to_sections(replace(switch, neighbours=rest)), at=minute)
    assert ends(estate) == {(True, False): len(rest)}


def test_a_partial_answer_makes_nothing_absent(estate: Estate, discovered: Mapping[str, DeviceFacts]) -> None:
    switch = discovered["procurve_e2910"]
    half = replace(switch, interfaces=switch.interfaces[2:], faults={"interface": "IF-MIB: took longer than 120 s"})
    estate.send(SOURCE, to_sections(switch))
    for minute in (10, 20, 30, 40):
        estate.send(SOURCE, to_sections(half), at=minute)
    estate.sweep(41)
    assert estate.absent() == []
    for minute in (50, 60, 70, 80):
        estate.send(SOURCE, to_sections(replace(half, faults={})), at=minute)
    estate.sweep(81)
    assert set(estate.absent()) == {each.name for each in switch.interfaces[:2]}
