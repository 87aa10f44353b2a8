"""Parts that come with a new host are written without look-ups, and are what the general path makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from collector.store.engine import Database, open_database
from collector.store.migrate import migrate_database
from collector.store.schema import ci, content, metadata, search_value, section, source_record
from muster.wire.report import Item
from tests.store.sender import START, Estate, item
from tests.store.sender import section as told
from tests.support.postgresql_server import engine_url

AGENT = "agent/web1/i1"
HOST = item("host", "server", attributes={"vendor": "Dell"}, serial="7XK2M13", fqdn="web1.example.net")
WORDS = st.text("abcxyz:|\\\t é", min_size=1, max_size=6)


def _parts(name: str, version: Any, kind: int) -> Item:
    attributes: dict[str, Any]
    match kind:
        case 0:
            attributes = {"manager": "dpkg", "name": name, "version": version, "architecture": "amd64"}
            return item(f"package:{name}", "software_package", owner="host", attributes=attributes)
        case 1:
            return item(f"account:{name}", "local_account", owner="host", attributes={"name": name, "shell": version})
        case 2:
            return item(f"disk:{name}", "disk", owner="host", attributes={"slot": name, "model": version}, serial=f"S{name}12345")
        case _:
            return item(f"unit:{name}", "systemd_unit", owner="host", attributes={"name": name, "unknown": version})


PARTS = st.lists(st.builds(_parts, WORDS, st.one_of(WORDS, st.none(), st.just("")), st.integers(0, 3)), max_size=8, unique_by=lambda each: each.ref)


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def emptied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A store that each example empties."""
    database = open_database(engine_url(request.param, tmp_path_factory.mktemp("newborn")))
    migrate_database(database)
    yield database
    database.close()


def _empty(database: Database) -> Estate:
    with database.begin() as connection:
        if database.is_sqlite:
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        else:
            connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"))
    return Estate(database)


def _printed(estate: Estate) -> dict[str, list[Any]]:
    """Everything of CIs and records but their ids and numbers."""
    owner, body = ci.alias(), content.alias()
    of_ci = [each for each in ci.c if each.name not in {"id", "number", "owner_ci_id", "effective_hash"}]
    of_record = [
        each for each in source_record.c if each.name not in {"id", "ci_id", "source_id", "owner_record_id", "link_evidence", "content_hash"}
    ]
    joined = ci.outerjoin(owner, owner.c.id == ci.c.owner_ci_id).outerjoin(body, body.c.hash == ci.c.effective_hash)
    records = source_record.join(ci, ci.c.id == source_record.c.ci_id).join(content, content.c.hash == source_record.c.content_hash)
    return {
        "ci": sorted(estate.rows(select(*of_ci, owner.c.name, body.c.body).select_from(joined)), key=repr),
        "record": sorted(estate.rows(select(*of_record, ci.c.name, ci.c.local_key, content.c.body).select_from(records)), key=repr),
        "searched": sorted(estate.rows(select(ci.c.local_key, search_value.c.attribute, search_value.c.value).join_from(search_value, ci)), key=repr),
        "section": sorted(estate.rows(select(section)), key=repr),
        "differences": list(estate.differences()),
        "known": estate.rows(select(source_record.c.ref).where(source_record.c.ci_id.is_(None))),
    }


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=PARTS, age=st.sampled_from([0, 29, 31, 2000]), is_complete=st.booleans())
def test_parts_that_come_with_a_new_host_are_as_if_they_came_after_it(emptied: Database, parts: list[Item], age: int, is_complete: bool) -> None:
    inventory = told(*parts, complete=is_complete)
    at_once = _empty(emptied)
    at_once.send(AGENT, {"host": told(HOST), "inventory": inventory}, now=age)
    expected = _printed(at_once)
    later = _empty(emptied)
    later.send(AGENT, {"host": told(HOST)}, now=age)
    later.send(AGENT, {"inventory": inventory}, now=age)
    assert _printed(later) == expected


def test_parts_of_a_host_that_another_source_knows_are_not_made_twice(estate: Estate) -> None:
    package = _parts("bash", "5.2", 0)
    for source in ("agent/web1/i1", "ssh/campus/i1"):
        estate.send(source, {"host": told(HOST), "inventory": told(package)}, at=1)
    assert len(estate.rows(select(ci.c.id).where(ci.c.ci_class == "software_package"))) == 1


def test_a_part_waits_for_its_owner_and_parts_of_parts_find_theirs(estate: Estate) -> None:
    interface = item("if:eth0", "interface", owner="host", attributes={"name": "eth0"})
    estate.send("snmp/campus/i1", {"parts": told(_parts("bash", "5.2", 0))}, at=0)
    estate.send("snmp/campus/i1", {"host": told(HOST), "more": told(_parts("zsh", "5.9", 0), interface)}, at=1)
    assert sorted(name for _, name, owner in estate.names() if owner) == ["bash", "eth0", "zsh"]


def test_numbers_and_ids_go_on_after_a_report_with_many_parts(estate: Estate) -> None:
    estate.send(AGENT, {"host": told(HOST), "inventory": told(*(_parts(f"p{at}", "1", 0) for at in range(50)))})
    estate.send(AGENT, {"inventory": told(*(_parts(f"p{at}", "1", 0) for at in range(52)))}, at=1)
    assert sorted(row[0] for row in estate.rows(select(ci.c.number))) == list(range(1, 54))
    assert len({row[0] for row in estate.rows(select(ci.c.id))}) == 53
    assert estate.rows(select(ci.c.created_at).where(ci.c.number == 1)) == [(START,)]
