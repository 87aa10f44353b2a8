"""Reconciliation at the size of an estate: first reports, unchanged ones, one change among many, and a long review queue.

Each on SQLite and on PostgreSQL, through the engine and the store without HTTP, each commit flushed. Beside first reports stands the
floor: two bare tables with three indices (`ci` and `source_record` of docs/storage.md) filled by executemany in the same run.

    python -m bench reconcile_scale                                      a tenth and less, about three minutes
    python -m bench.reconcile_scale --hosts 10000 --cis 1000000 --differences 50000
"""

from __future__ import annotations

import argparse
import math
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text

from collector.reconcile.compare import value_token
from collector.store.bulk import insert_tuples
from collector.store.content import encode, hash_body
from collector.store.decision import Choice, accept_differences
from collector.store.engine import Database, open_database
from collector.store.identifier import new_ids
from collector.store.ingest import Context, Envelope, receive_report
from collector.store.intake import receive_reports
from collector.store.migrate import migrate_database
from collector.store.reader import Reader
from collector.store.schema import ci, content, difference, metadata, section, source, source_record
from collector.store.uuid_text import to_text
from collector.store.word import CONTROL_LEVELS, LIFECYCLES, PRESENCES
from muster.clock import FakeClock
from muster.model.ci_class import load_catalogue
from muster.wire.codec import decode_report
from muster.wire.digest import digest_section
from muster.wire.report import CONTENT_TYPE_MSGPACK, Item, Report, Section, Source
from tests.support.postgresql_server import fresh_database

START = 1_772_359_200_000  # 2026-03-01T10:00:00Z
MINUTE = 60_000
GROUP = 100  # reports of one commit
SECTIONS = 12
PACKAGES_CHANGED = 600
PER_HOST_QUEUE = 300


@dataclass(frozen=True)
class Size:
    hosts: int
    items: int
    unchanged: int
    cis: int
    differences: int


@contextmanager
def stores() -> Iterator[list[tuple[str, Callable[[], Database]]]]:
    """A fresh, migrated store of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        made: list[Path] = []

        def sqlite() -> Database:
            made.append(Path(folder) / f"store{len(made)}.db")
            return migrated(f"sqlite:///{made[-1]}")

        yield [("SQLite", sqlite), ("PostgreSQL 15", lambda: migrated(fresh_database()))]


def migrated(url: str) -> Database:
    database = open_database(url)
    migrate_database(database)
    return database


def package(number: int, version: int = 1) -> Item:
    attributes = {"manager": "dpkg", "name": f"pkg-{number:03d}", "version": f"{version}.{number}-1", "architecture": "amd64"}
    return Item(f"package:dpkg:pkg-{number:03d}", "software_package", {}, attributes, owner="host")


def host(number: int) -> Item:
    identifiers: dict[str, str | list[str]] = {"machine_id": f"{number:032x}"[::-1], "serial": f"SN{number:06d}", "fqdn": f"h{number}.example.net"}
    return Item("host", "server", identifiers, {"vendor": "Dell", "hostname": f"h{number}"})


def told(*items: Item, is_full: bool = True) -> Section:
    return Section(items=list(items) if is_full else None, complete=True, interval_seconds=600, digest=digest_section(items, ()))


def envelope(number: int, sequence: int, sections: dict[str, Section]) -> Envelope:
    """A report as the HTTP edge hands it on; one source reports each minute, thousands of them one after the other meanwhile."""
    at = START + sequence * MINUTE + number * 5 % MINUTE
    origin = Source("agent", f"h{number}", f"{number:032x}", "z1")
    body = msgspec.msgpack.encode(Report(source=origin, sequence=sequence, observed_at=at, sections=sections))
    return Envelope(decode_report(body, CONTENT_TYPE_MSGPACK), body, CONTENT_TYPE_MSGPACK, at + 500)


def take(database: Database, context: Context, envelopes: Sequence[Envelope]) -> float:
    """Seconds to take reports in groups, each committed; the making of the reports does not count, their decoding neither."""
    began = time.perf_counter()
    for first in range(0, len(envelopes), GROUP):
        with database.begin() as connection:
            results = receive_reports(connection, [(context, each) for each in envelopes[first : first + GROUP]], lambda: False)
        failed = [each for each in results if isinstance(each, BaseException)]
        if failed:
            raise failed[0]
    return time.perf_counter() - began


def first_seen(database: Database, size: Size) -> tuple[float, float, float, list[float]]:
    """Seconds in all, those of this process's CPU, bytes for each dependent CI, and seconds of each tenth."""
    context = Context(load_catalogue())
    packages = told(*(package(number) for number in range(size.items)))
    before = stored_bytes(database)
    tenths: list[float] = []
    busy = 0.0
    step = max(1, size.hosts // 10)
    for first in range(0, size.hosts, step):
        spent = 0.0
        for part in range(first, min(first + step, size.hosts), GROUP):
            numbers = range(part, min(part + GROUP, first + step, size.hosts))
            given = [envelope(each, 1, {"host": told(host(each)), "packages": packages}) for each in numbers]
            before_cpu = time.process_time()
            spent += take(database, context, given)
            busy += time.process_time() - before_cpu
        tenths.append(spent)
    return sum(tenths), busy, (stored_bytes(database) - before) / (size.hosts * size.items), tenths


def floor(size: Size) -> float:
    """Seconds that bare rows take: what any way of keeping them in SQLite costs at least."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE ci (id INTEGER PRIMARY KEY, class INTEGER, name TEXT, owner INTEGER, content BLOB, seen_at INTEGER)")
        connection.execute("CREATE TABLE source_record (id INTEGER PRIMARY KEY, source INTEGER, ref TEXT, ci INTEGER, content BLOB, at INTEGER)")
        connection.execute("CREATE INDEX ci_owner ON ci (owner)")
        connection.execute("CREATE UNIQUE INDEX record_ref ON source_record (source, ref)")
        connection.execute("CREATE INDEX record_ci ON source_record (ci)")
        refs = [(f"pkg-{number:03d}", hash_body(b"%d" % number)) for number in range(size.items)]
        began = time.perf_counter()
        for first in range(0, size.hosts, GROUP):
            connection.execute("BEGIN IMMEDIATE")
            for number in range(first, min(first + GROUP, size.hosts)):
                base = number * size.items + 1
                rows = [(base + at, 1, ref, number, body, START) for at, (ref, body) in enumerate(refs)]
                connection.executemany("INSERT INTO ci VALUES (?, ?, ?, ?, ?, ?)", rows)
                records = [(base + at, number, ref, base + at, body, START) for at, (ref, body) in enumerate(refs)]
                connection.executemany("INSERT INTO source_record VALUES (?, ?, ?, ?, ?, ?)", records)
            connection.execute("COMMIT")
        spent = time.perf_counter() - began
        connection.close()
        return spent


def stored_bytes(database: Database) -> int:
    """Of tables and indices."""
    with database.begin() as connection:
        if not database.is_sqlite:
            names = ", ".join(f"'{name}'" for name in metadata.tables)
            return int(
                connection.execute(text(f"SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(ARRAY[{names}]) AS name")).scalar_one()
            )
        pages, free = (int(connection.exec_driver_sql(f"PRAGMA {word}").scalar_one()) for word in ("page_count", "freelist_count"))
        return (pages - free) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def unchanged(database: Database, size: Size) -> tuple[float, float]:
    """Reports a second, and a second of this process's CPU, that confirm twelve sections by their digests; decoding counts."""
    context = Context(load_catalogue())
    empty = [f"section{number}" for number in range(SECTIONS - 1)]
    hosts = min(200, size.unchanged)
    for number in range(hosts):
        full = {"host": told(host(number)), **dict.fromkeys(empty, told())}
        take(database, context, [envelope(number, 1, full)])
    bodies = []
    for sequence in range(2, 2 + size.unchanged // hosts):
        for number in range(hosts):
            same = {"host": told(host(number), is_full=False), **dict.fromkeys(empty, told(is_full=False))}
            given = envelope(number, sequence, same)
            bodies.append((given.body, given.received_at))
    began, before_cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(bodies), 2 * GROUP):
        made = [
            (context, Envelope(decode_report(body, CONTENT_TYPE_MSGPACK), body, CONTENT_TYPE_MSGPACK, at))
            for body, at in bodies[first : first + 2 * GROUP]
        ]
        with database.begin() as connection:
            receive_reports(connection, made, lambda: False)
    return len(bodies) / (time.perf_counter() - began), len(bodies) / (time.process_time() - before_cpu)


def one_change(database: Database, rounds: int = 100) -> tuple[float, float]:
    """Milliseconds, median and 90th percentile, of a report with one changed package among 600, without the flush of its commit."""
    context = Context(load_catalogue())
    packages = [package(number) for number in range(PACKAGES_CHANGED)]
    took: list[float] = []
    for sequence in range(1, rounds + 2):
        if sequence > 1:
            packages[sequence] = package(sequence, sequence)
        given = envelope(1, sequence, {"host": told(host(1), is_full=sequence == 1), "packages": told(*packages)})
        with database.begin() as connection:
            began = time.perf_counter()
            receive_report(connection, context, given)
            took.append((time.perf_counter() - began) * 1000)
    ordered = sorted(took[1:])
    return statistics.median(ordered), ordered[len(ordered) * 9 // 10]


def fill_queue(database: Database, size: Size) -> list[tuple[str, str]]:
    """Recorded hosts with their packages, some of which differ from the record; the differences' ids with their tokens."""
    hosts = max(1, size.cis // (PER_HOST_QUEUE + 1))
    with database.begin() as connection:
        _fill_contents(connection)
        for first in range(0, hosts, GROUP):
            _fill_hosts(connection, range(first, min(first + GROUP, hosts)))
    with database.begin() as connection:
        made = _fill_differences(connection, size, hosts)
        if not database.is_sqlite:
            for name in ("ci_number", "source_id", "source_record_id"):
                connection.execute(text(f"SELECT setval(c.oid, 100000000) FROM pg_class c WHERE c.relkind = 'S' AND c.relname = '{name}_seq'"))
    with database.begin() as connection:
        connection.execute(text("ANALYZE"))
    return made


def _fill_contents(connection: Any) -> None:
    bodies: dict[bytes, bytes] = {}
    for value in ({"hostname": "h"}, *(each for number in range(PER_HOST_QUEUE) for version in (1, 2) for each in _values(number, version))):
        body = encode(value)
        bodies[hash_body(body)] = body
    body = encode({"class": "server", "identifiers": {}, "attributes": {"hostname": "h"}})
    bodies[hash_body(body)] = body
    insert_tuples(connection, content, ("hash", "body"), list(bodies.items()))


def _values(number: int, version: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What is kept of a package: the item, its effective values, its recorded ones."""
    attributes = dict(package(number, version).attributes)
    return {"class": "software_package", "identifiers": {}, "attributes": attributes}, attributes, {"version": attributes["version"]}


def _hashes(number: int, version: int) -> tuple[bytes, bytes, bytes]:
    item, effective, recorded = (hash_body(encode(each)) for each in _values(number, version))
    return item, effective, recorded


def _fill_hosts(connection: Any, numbers: range) -> None:
    names = ("id", "kind", "name", "instance", "zone", "created_at", "last_report_at", "last_sequence")
    insert_tuples(connection, source, names, [(each + 1, "agent", f"h{each}", "i", "z1", START, START, 1) for each in numbers])
    states = ("source_id", "name", "digest", "complete", "status", "interval_seconds", "observed_at", "confirmed_at")
    insert_tuples(
        connection, section, states, [(each + 1, name, "d", True, "ok", 600, START, START) for each in numbers for name in ("host", "packages")]
    )
    old, of_host = [_hashes(number, 1) for number in range(PER_HOST_QUEUE)], hash_body(encode({"hostname": "h"}))
    told_of_host = hash_body(encode({"class": "server", "identifiers": {}, "attributes": {"hostname": "h"}}))
    columns = (
        "id", "number", "ci_class", "name", "zone", "owner_ci_id", "local_key", "lifecycle", "presence", "control_level", "is_recorded",
        "recorded_class", "effective_hash", "recorded_hash", "created_at", "changed_at", "seen_at",
    )  # fmt: skip
    records = (
        "id", "source_id", "section", "ref", "ci_class", "owner_record_id", "content_hash", "observed_at", "first_seen_at", "changed_at", "ci_id",
        "link_rule", "link_made_by", "linked_at",
    )  # fmt: skip
    live, seen, governed = LIFECYCLES["live"], PRESENCES["seen"], CONTROL_LEVELS["governed"]
    rows: list[tuple[Any, ...]] = []
    links: list[tuple[Any, ...]] = []
    for each in numbers:
        first = each * (PER_HOST_QUEUE + 1) + 1
        ids = new_ids(START, PER_HOST_QUEUE + 1)
        own = (live, seen, governed, True)
        rows.append((ids[0], first, "server", f"h{each}", "z1", None, None, *own, "server", of_host, None, START, START, START))
        links.append((first, each + 1, "host", "host", "server", None, told_of_host, START, START, START, ids[0], "first_seen", "engine", START))
        for at, (item, effective, recorded) in enumerate(old):
            name = f"pkg-{at:03d}"
            key = f"local|dpkg|{name}|amd64|"
            part = (*own, "software_package", effective, recorded, START, START, START)
            rows.append((ids[at + 1], first + at + 1, "software_package", name, "z1", ids[0], key, *part))
            place = (first, item, START, START, START, ids[at + 1], "first_seen", "engine", START)
            links.append((first + at + 1, each + 1, "packages", f"package:dpkg:{name}", "software_package", *place))
    insert_tuples(connection, ci, columns, rows)
    insert_tuples(connection, source_record, records, links)


def _fill_differences(connection: Any, size: Size, hosts: int) -> list[tuple[str, str]]:
    """Packages of a newer version than is recorded, on many hosts each."""
    packages = max(1, math.ceil(size.differences / hosts))
    wanted = [f"pkg-{number:03d}" for number in range(packages)]
    names = ", ".join(f"'{name}'" for name in wanted)
    query = f"SELECT c.id, c.name, r.id, r.source_id FROM ci c JOIN source_record r ON r.ci_id = c.id WHERE c.name IN ({names})"
    found = connection.exec_driver_sql(query).all()[: size.differences]
    made: list[tuple[str, str]] = []
    rows: list[tuple[Any, ...]] = []
    changed: dict[str, list[tuple[Any, Any]]] = {}
    for key, (ci_id, name, record_id, source_id) in zip(new_ids(START, len(found)), found, strict=True):
        number = int(name[-3:])
        old, new = f"1.{number}-1", f"2.{number}-1"
        group = f"changed_attribute|software_package|version|{value_token(new)[:16]}"
        packed = ci_id if isinstance(ci_id, bytes) else ci_id.bytes
        trail = encode([(START, new, False)])
        rows.append(
            (key, "changed_attribute", packed, "version", encode(old), encode(new), "open", source_id, group, number % 4, START, START, trail)
        )
        changed.setdefault(name, []).append((ci_id, record_id))
        made.append((to_text(key), value_token(new)))
    columns = (
        "id", "kind", "ci_id", "attribute", "recorded", "observed", "state", "source_id", "group_key", "risk", "opened_at", "confirmed_at", "trail",
    )  # fmt: skip
    insert_tuples(connection, difference, columns, rows)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    for name, members in changed.items():
        item, effective, _ = _hashes(int(name[-3:]), 2)
        connection.exec_driver_sql(f"UPDATE ci SET effective_hash = {mark} WHERE id = {mark}", [(effective, ci_id) for ci_id, _ in members])
        connection.exec_driver_sql(f"UPDATE source_record SET content_hash = {mark} WHERE id = {mark}", [(item, each) for _, each in members])
    return made


def review(database: Database, size: Size) -> tuple[float, float, float]:
    """Milliseconds of the first page of groups and of the list, the better of three, and seconds of a bulk accept of a tenth."""
    chosen = fill_queue(database, size)
    clock = FakeClock(START + 60_000)
    reader = Reader(database, load_catalogue(), clock=clock)
    groups = min(milliseconds(lambda: reader.difference_groups(limit=50)) for _ in range(3))
    listed = min(milliseconds(lambda: reader.list_differences(limit=50)) for _ in range(3))
    context = Context(load_catalogue())
    part = dict(chosen[: max(1, size.differences // 10)])
    began = time.perf_counter()
    with database.begin() as connection:
        accept_differences(connection, context, Choice(part), actor="person:bench", now=START + 61_000, reason="bench")
    return groups, listed, time.perf_counter() - began


def milliseconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1000


def memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def exponent(tenths: Sequence[float]) -> float:
    """How the time of a tenth grows with what is there before: 0 is not at all."""
    if len(tenths) < 10 or tenths[0] <= 0:
        return 0.0
    return math.log(statistics.mean(tenths[7:]) / statistics.mean(tenths[:3])) / math.log(8.5 / 1.5)


def run(size: Size, kinds: Sequence[str]) -> int:
    """Print the tables."""
    print(f"{size.hosts:,} first-seen hosts with {size.items} items each; floor: bare rows in SQLite\n")
    bare = floor(size)
    count = size.hosts * size.items
    print("| | s | of it CPU of this process | CIs/s | of the floor | bytes a dependent CI | growth exponent | peak memory MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print(f"| bare rows | {bare:.1f} | | {count / bare:,.0f} | 1.0 | | | |", flush=True)
    with stores() as made:
        chosen = [(name, make) for name, make in made if not kinds or name.casefold().startswith(tuple(kinds))]
        for name, make in chosen:
            with used(make()) as database:
                seconds, busy, each, tenths = first_seen(database, size)
                figures = (
                    f"{seconds:.1f}",
                    f"{busy:.1f}",
                    f"{count / seconds:,.0f}",
                    f"{seconds / bare:.1f}",
                    f"{each:.0f}",
                    f"{exponent(tenths):.2f}",
                )
                row = f"| {name} | {' | '.join(figures)} | {memory_mib():.0f} |"
                print(row, flush=True)
        print(f"\nUnchanged reports ({SECTIONS} sections), one changed package of {PACKAGES_CHANGED}\n")
        print("| | unchanged reports/s | a CPU second | a change, median ms | 90th percentile |")
        print("| --- | --- | --- | --- | --- |")
        for name, make in chosen:
            with used(make()) as database:
                rate, by_cpu = unchanged(database, size)
            with used(make()) as database:
                median, tail = one_change(database)
            print(f"| {name} | {rate:,.0f} | {by_cpu:,.0f} | {median:.2f} | {tail:.2f} |", flush=True)
        print(f"\nReview queue: {size.cis:,} CIs, {size.differences:,} open differences, {size.differences // 10:,} accepted at once\n")
        print("| | groups, ms | list, ms | accept, s |")
        print("| --- | --- | --- | --- |")
        for name, make in chosen:
            with used(make()) as database:
                groups, listed, accepted = review(database, size)
            print(f"| {name} | {groups:.0f} | {listed:.0f} | {accepted:.2f} |", flush=True)
    print(f"\npeak memory of the whole run: {memory_mib():.0f} MiB; free disk needed about {count * 700 / 2**30:.1f} GiB")
    return 0


@contextmanager
def used(database: Database) -> Iterator[Database]:
    """The store, gone after use."""
    try:
        yield database
    finally:
        database.close()
        if database.is_sqlite and database.url.database:
            for end in ("", "-wal", "-shm"):
                Path(database.url.database + end).unlink(missing_ok=True)


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.reconcile_scale")
    parser.add_argument("--hosts", type=int, default=300)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--unchanged", type=int, default=10_000)
    parser.add_argument("--cis", type=int, default=100_000)
    parser.add_argument("--differences", type=int, default=5_000)
    parser.add_argument("--engine", action="append", default=[], choices=["sqlite", "postgresql"])
    given = parser.parse_args(list(arguments))
    if shutil.disk_usage(tempfile.gettempdir()).free < given.hosts * given.items * 1400:
        print("reconcile_scale: too little room in the folder for temporary files", file=sys.stderr)
        return 2
    return run(Size(given.hosts, given.items, given.unchanged, given.cis, given.differences), given.engine)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
