"""All figures of CMDB health over a generated database of a million CIs, on both engines: the first time, and when little has changed.

Hosts with parts whose contents are mostly shared, as on a real estate; open differences, relations and identity claims beside them.
`MUSTER_BENCH_CIS` sets how many CIs. There is no peer to hold it against: the promise is a second.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, update

from collector.store.content import encode, hash_body
from collector.store.engine import Database, open_database
from collector.store.migrate import migrate_database
from collector.store.read_health import HealthMeasure
from collector.store.schema import ci, content, difference, identity_claim, relation, section, source, source_record
from muster.clock import SystemClock
from muster.cmdb_health import HealthScope
from muster.model.ci_class import load_catalogue
from tests.support.postgresql_server import fresh_database

CIS = int(os.environ.get("MUSTER_BENCH_CIS", "1000000"))
PARTS = 300
PACKAGES = 2_000
DIFFERENCES = 50_000
AT = 1_772_000_000_000
BATCH = 20_000
PROMISE_SECONDS = 1.0


def main() -> int:
    """Print the table; 1 where the promise is not kept."""
    print(f"| engine | CIs | first measure s | unchanged s | {BATCH // 20:,} CIs changed s | a zone s | an owner s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        for url in (f"sqlite:///{Path(folder) / 'estate.db'}", fresh_database()):
            database = open_database(url)
            migrate_database(database)
            count = fill(database)
            times = measure(database)
            print(f"| {database.url.get_backend_name()} | {count:,} | " + " | ".join(f"{each:.2f}" for each in times) + " |", flush=True)
            slow = slow or times[1] > PROMISE_SECONDS
            database.close()
    return int(slow)


def measure(database: Database) -> list[float]:
    """Seconds of the first measure, of one without any change, of one after a thousand changed, of a zone and of an owner."""
    health = HealthMeasure(load_catalogue(), SystemClock())
    times = []
    for scope, changes in (
        (HealthScope(), 0),
        (HealthScope(), 0),
        (HealthScope(), BATCH // 20),
        (HealthScope(zone="z3"), 0),
        (HealthScope(owner="person3"), 0),
    ):
        if changes:
            with database.begin() as connection:
                connection.execute(update(ci).where(ci.c.number <= changes).values(changed_at=AT * 2))
        with database.connect() as connection:
            began = time.perf_counter()
            health.measure(connection, scope, is_fresh=True)
            times.append(time.perf_counter() - began)
    return times


def fill(database: Database) -> int:
    """Make the estate; how many CIs it has."""
    chance = random.Random(1)
    bodies: dict[bytes, bytes] = {}
    rows = list(make_rows(chance, bodies, max(CIS // (PARTS + 1), 1)))
    hosts = [row for row in rows if row["owner_ci_id"] is None]
    with database.begin() as connection:
        write(connection, content, [{"hash": key, "body": body} for key, body in bodies.items()])
        write(connection, ci, rows)
        connection.execute(insert(source).values(id=1, kind="agent", name="bench", instance="i", zone="z1", created_at=AT))
        connection.execute(
            insert(section).values(source_id=1, name="host", complete=True, status="ok", interval_seconds=600, observed_at=AT, confirmed_at=AT)
        )
        records = [
            {"id": place, "source_id": 1, "section": "host", "ref": row["name"], "ci_class": "server", "content_hash": b"", "observed_at": AT,
             "first_seen_at": AT, "changed_at": AT, "ci_id": row["id"]}
            for place, row in enumerate(hosts, 1)
        ]  # fmt: skip
        write(connection, source_record, records)
        write(connection, identity_claim, [claim for each in records for claim in make_claims(each["id"])])
        write(connection, difference, make_differences(chance.sample(rows, min(DIFFERENCES, len(rows)))))
        write(connection, relation, make_relations(chance, hosts))
    if not database.is_sqlite:
        with database.writing.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
    return len(rows)


def make_rows(chance: random.Random, bodies: dict[bytes, bytes], hosts: int) -> Iterator[dict[str, Any]]:
    """Rows of `ci`, each host before its parts."""

    def put(value: dict[str, Any]) -> bytes:
        body = encode(value)
        key = hash_body(body)
        bodies[key] = body
        return key

    packages = []
    for place in range(PACKAGES):
        value = {"manager": "dpkg", "name": f"package-{place}", "architecture": "amd64", "version": f"1.{place}"}
        packages.append((value["name"], put(value), put({"version": value["version"]})))
    number = 0

    def row(ci_class: str, name: str, zone: str, owner: str | None, *hashes: bytes) -> dict[str, Any]:
        nonlocal number
        number += 1
        return {
            "id": str(uuid.UUID(int=chance.getrandbits(128))), "number": number, "ci_class": ci_class, "name": name, "zone": zone,
            "owner_ci_id": owner,
            "local_key": None if owner is None else name, "lifecycle": "live", "presence": "seen", "control_level": "governed", "is_recorded": True,
            "created_at": AT, "changed_at": AT + number, "seen_at": AT, "effective_hash": hashes[0], "recorded_hash": hashes[1],
        }  # fmt: skip

    for place in range(hosts):
        zone, facts = f"z{place % 10}", {"name": f"host-{place}", "vendor": "Dell", "model": "R650", "serial": f"S{place}", "os.kernel": "6.1"}
        host = row("server", f"host-{place}", zone, None, put(facts), put({**facts, "owner": f"person{place % 40}"}))
        yield host
        for port in range(10):
            mac = {"name": f"eth{port}", "mac": f"02:00:00:{place >> 8 & 255:02x}:{place & 255:02x}:{port:02x}", "kind": "ethernet", "mtu": 1500}
            yield row("interface", f"eth{port}", zone, host["id"], put(mac), put({"mac": mac["mac"], "mtu": 1500}))
        for name, effective, recorded in chance.sample(packages, PARTS - 10):
            yield row("software_package", name, zone, host["id"], effective, recorded)


def make_claims(record_id: int) -> Iterator[dict[str, Any]]:
    for kind in ("serial", "dmi_uuid", "machine_id", "fqdn", "hostname", "ip", "mac", "permanent_mac"):
        yield {"record_id": record_id, "kind": kind, "scope": "", "value": f"{kind}-{record_id}", "raw": "x", "state": "active", "first_seen_at": AT}


def make_differences(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"id": str(uuid.UUID(int=place)), "kind": "changed_attribute", "ci_id": row["id"], "attribute": "version", "state": "open", "group_key": "g",
         "opened_at": AT - place * 1000, "confirmed_at": AT, "trail": b"\x90"}
        for place, row in enumerate(rows, 1)
    ]  # fmt: skip


def make_relations(chance: random.Random, hosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Twenty for each host."""
    claim = encode({"type": "depends_on", "from": "a", "to": "b"})
    return [
        {"type": "depends_on", "from_ci_id": host["id"], "to_ci_id": chance.choice(hosts)["id"], "side": "observed", "source_id": 1,
         "section": "host", "claim_hash": b"", "claim": claim, "valid_from": AT}
        for host in hosts
        for _ in range(20)
    ]  # fmt: skip


def write(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), BATCH):
        connection.execute(insert(table), rows[start : start + BATCH])
