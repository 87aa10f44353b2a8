"""Laptops that share the docks of an office stay apart, and none drags all others into the decision on itself."""

from __future__ import annotations

from sqlalchemy import func, select

from collector.store.edit import Edit
from collector.store.neighbourhood import load_neighbourhoods
from collector.store.schema import ci, source_record
from tests.store.sender import START, Estate, item, section

ROOMS, LAPTOPS = 6, 3  # a dock and so many laptops in each room
DAY = 1440


def use(estate: Estate, laptop: int, dock: int, minute: float) -> None:
    macs = [f"a0:29:42:00:00:{laptop:02x}", f"3c:18:a0:00:00:{dock:02x}"]
    host = item("h", "server", attributes={"name": f"l{laptop}", "vendor": "V"}, serial=f"L{laptop}QX", mac=macs, permanent_mac=macs)
    estate.send(f"agent/l{laptop}/a{laptop}", {"host": section(host, interval_seconds=DAY * 60)}, at=minute)


def test_a_laptop_is_decided_on_with_those_of_its_docks_alone(estate: Estate) -> None:
    for laptop in range(ROOMS * LAPTOPS):
        use(estate, laptop, laptop // LAPTOPS, laptop)
    for room in range(ROOMS):  # one of each room is a guest in the next
        use(estate, room * LAPTOPS, (room + 1) % ROOMS, DAY + room)
    assert estate.rows(select(func.count()).select_from(ci).where(ci.c.redirect_to.is_(None))) == [(ROOMS * LAPTOPS,)]
    assert estate.cases() == ["quarantine"] * ROOMS
    [(stayed,)] = estate.rows(select(source_record.c.id).order_by(source_record.c.id).offset(1).limit(1))
    with estate.database.begin() as connection:
        [around] = load_neighbourhoods(Edit(connection, estate.context, START + 2 * DAY * 60_000, "report", "x"), [stayed])
    assert len(around.records) == LAPTOPS + 1  # those of its room, and the guest
    assert not around.is_truncated
