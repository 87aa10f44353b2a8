"""Trying a report tells what it would do and leaves no trace."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from collector.store.engine import Database
from collector.store.schema import metadata
from collector.store.trial import Trial, try_report
from muster.errors import AuthorisationError
from muster.wire.codec import decode_report
from muster.wire.report import CONTENT_TYPE_MSGPACK, Report, Section, Source
from tests.store.sender import MINUTE, START, Estate, item, section


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.connect() as connection:
        return {name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr) for name, table in metadata.tables.items()}


def attempt(estate: Estate, source: str, sections: dict[str, Section], *, at: float) -> Trial:
    kind, name, instance = source.split("/")
    told = Report(source=Source(kind, name, instance, "z1"), sequence=1, observed_at=START + round(at * MINUTE), sections=sections)  # type: ignore[arg-type]
    body = msgspec.msgpack.encode(told)
    report = decode_report(body, CONTENT_TYPE_MSGPACK)
    with estate.database.begin() as connection:
        return try_report(connection, estate.context, body, CONTENT_TYPE_MSGPACK, report, now=START + round(at * MINUTE))


def host(serial: str = "S1", **attributes: Any) -> Section:
    return section(item("h", "server", serial=serial, fqdn="web01.a.example", attributes={"vendor": "V", **attributes}))


def test_first_report_would_make_a_ci_and_a_difference(estate: Estate) -> None:
    before = everything(estate.database)
    tried = attempt(estate, "agent/web01/a1", {"host": host()}, at=0)
    assert [each.ci_class for each in tried.made] == ["server"]
    assert [(each.ref, each.rule, each.was) for each in tried.links] == [("h", "first_seen", None)]
    assert "became a CI of its own" in tried.links[0].explanation
    assert [(each.kind, each.was, each.state) for each in tried.differences] == [("new_ci", None, "open")]
    assert everything(estate.database) == before


def test_changed_value_of_a_recorded_host_would_open_a_difference(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": host(model="M1")}, at=0)
    estate.accept_all(1)
    before = everything(estate.database)
    tried = attempt(estate, "agent/web01/a1", {"host": host(model="M2")}, at=2)
    assert [(each.attribute, each.old, each.new) for each in tried.values] == [("model", "M1", "M2")]
    assert [(each.kind, each.attribute, each.recorded, each.observed, each.state) for each in tried.differences] == [
        ("changed_attribute", "model", "M1", "M2", "open")
    ]
    assert (tried.made, tried.links, tried.cases) == ([], [], [])
    assert everything(estate.database) == before


def test_second_source_would_link_with_its_reason(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": host()}, at=0)
    before = everything(estate.database)
    tried = attempt(estate, "hypervisor/vc/v1", {"hosts": section(item("vm-1", "server", serial="S1", attributes={"vendor": "V"}))}, at=1)
    (link,) = tried.links
    assert (link.ci.name if link.ci else None, link.was) == ("web01", None)
    assert "Both have serial" in link.explanation
    assert tried.made == []
    assert everything(estate.database) == before


def test_what_is_refused_is_told_and_absence_too(estate: Estate) -> None:
    disk = item("d", "disk", owner="h", serial="D1", attributes={"vendor": "V"})
    for minute in (0, 1, 2):
        estate.send("agent/web01/a1", {"host": host(), "disks": section(disk) if minute == 0 else section()}, at=minute)
    before = everything(estate.database)
    tried = attempt(estate, "agent/web01/a1", {"host": section(item("h", "server", serial="S1"), item("x", "toaster"))}, at=3)
    assert [each.path for each in tried.answer.rejected] == ["$.sections.host.items[1]"]
    assert everything(estate.database) == before


def test_report_that_would_be_refused_leaves_no_trace(estate: Estate) -> None:
    estate.send("agent/web01/a1", {"host": host()}, at=0)
    with estate.database.begin() as connection:
        connection.execute(metadata.tables["source"].update().values(state="revoked"))
    before = everything(estate.database)
    with pytest.raises(AuthorisationError):
        attempt(estate, "agent/web01/a1", {"host": host()}, at=1)
    assert everything(estate.database) == before
