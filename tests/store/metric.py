"""A small CMDB with a host, its interface and another host, whose sources report samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert

from collector.store.engine import Database
from collector.store.reader import Reader
from collector.store.schema import ci, source, source_record
from muster.clock import FakeClock
from muster.model.ci_class import load_catalogue
from muster.wire.report import SampleBlock, SeriesDefinition

NOW = 1_772_359_200_000
STEP = 15_000
TABLE = [
    SeriesDefinition("node_load1"),
    SeriesDefinition("node_cpu_seconds_total", {"cpu": "0", "mode": "idle"}, "seconds", "counter"),
    SeriesDefinition("node_network_receive_bytes_total", {"device": "eth0"}, "bytes", "counter", "if:eth0"),
]


WEB1, WEB2, ETH0 = (f"01956f2c-0000-7000-8000-{number:012d}" for number in (1, 2, 3))
_CIS = ((WEB1, "web1", "server", None), (WEB2, "web2", "server", None), (ETH0, "eth0", "network_interface", WEB1))


def make_estate(connection: Connection) -> dict[str, int]:
    """web1 (an agent and a discovery know it) with eth0, and web2; the numbers of the three sources."""
    for number, (ci_id, name, ci_class, owner) in enumerate(_CIS, 1):
        row = {"id": ci_id, "number": number, "ci_class": ci_class, "name": name, "zone": "default", "owner_ci_id": owner, "lifecycle": "live"}
        connection.execute(insert(ci).values(**row, presence="seen", control_level="tracked", created_at=NOW, changed_at=NOW))
    numbers: dict[str, int] = {}
    for name, kind, records in [
        ("web1", "agent", {"host": WEB1, "if:eth0": ETH0}),
        ("web2", "agent", {"host": WEB2}),
        ("campus", "snmp", {"dev:7": WEB1}),
    ]:
        values = {"kind": kind, "name": name, "instance": name, "zone": "default", "created_at": NOW}
        numbers[name] = connection.execute(insert(source).values(values).returning(source.c.id)).scalar_one()
        for ref, ci_id in records.items():
            row = {"source_id": numbers[name], "section": "host", "ref": ref, "ci_class": "server", "content_hash": b"", "ci_id": ci_id}
            connection.execute(insert(source_record).values(**row, observed_at=NOW, first_seen_at=NOW, changed_at=NOW))
    return numbers


def reader_of(database: Database, now: int = NOW) -> Reader:
    return Reader(database, load_catalogue(), clock=FakeClock(now))


def block(values: Sequence[Sequence[Any]], *, at: int = NOW, digest: str = "t1") -> SampleBlock:
    """Samples every 15 s from `at` on."""
    return SampleBlock(digest, [at + STEP * place for place in range(len(values[0]))], [list(column) for column in values])
