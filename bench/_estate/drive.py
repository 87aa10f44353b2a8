"""The store that believes what sources tell it: reports, time, a person who accepts, and what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from bench._estate.machine import World
from bench._estate.sight import SourceName
from collector.imports.mapping import parse_mapping
from collector.imports.reading import read_wishes
from collector.store.content import load_contents
from collector.store.decision import Choice, accept_differences
from collector.store.edit import Context
from collector.store.engine import Database
from collector.store.imported import ImportJob, run_import
from collector.store.ingest import Envelope, receive_report
from collector.store.schema import ci, difference, review_case, source_record
from collector.store.source import Grant
from collector.store.sweep import sweep
from muster.model.ci_class import load_catalogue
from muster.wire.codec import decode_report
from muster.wire.report import CONTENT_TYPE_MSGPACK, Report

START = 1_772_323_200_000  # 2026-03-01T00:00:00Z
GROUP = 100  # reports of one transaction
PERSON = "person:kim"
_MAPPING = (
    'id = "purchase"\nclass = "server"\nzone = {column = "Zone"}\n[identifiers]\nserial = "Serial"\n[attributes]\nname = "Name"\nowner = "Owner"\n'
)


@dataclass
class Day:
    """What opened on a day, by kind; `rejected`: items that the store refused."""

    differences: Counter[str] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)
    made: int = 0
    rejected: int = 0


class Believer:
    """One store, driven day by day."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.context = Context(load_catalogue())
        self.reports = 0
        self._seen_cases: set[str] = set()

    def import_purchases(self, world: World, at: int) -> int:
        """The purchasing list: servers with serial number and owner, before anything has reported; how many."""
        rows = [each for each in world.machines.values() if each.is_recorded]
        text = "Name,Serial,Owner,Zone\n" + "".join(f"{each.name.upper()},{each.serials[0].lower()},purchasing,{each.zone}\n" for each in rows)
        mapping = parse_mapping(_MAPPING, "purchase.toml", self.context.catalogue)
        with self.database.begin() as connection:
            wishes = read_wishes(text.encode(), mapping, self.context.catalogue)
            told = run_import(connection, self.context, ImportJob(mapping, wishes, "purchase.csv"), actor=PERSON, now=at)
        assert told.is_applied, told.faults
        return told.new

    def take(self, sent: Iterable[tuple[SourceName, Report]], ends_at: int) -> Day:
        """The reports of a day, in groups as the writer commits them, then what time alone changes."""
        before = self._count_cis()
        day = Day()
        known = self._open_ids()
        waiting = [report for _, report in sent]
        for start in range(0, len(waiting), GROUP):
            with self.database.begin() as connection:
                day.rejected += sum(self._send(connection, report) for report in waiting[start : start + GROUP])
        with self.database.begin() as connection:
            sweep(connection, self.context, ends_at)
        with self.database.connect() as connection:
            for row in connection.execute(select(difference.c.id, difference.c.kind, difference.c.attribute).where(difference.c.state == "open")):
                if row.id not in known:
                    day.differences[f"{row.kind} {row.attribute}".strip()] += 1
            for row in connection.execute(select(review_case.c.id, review_case.c.kind)):
                if row.id not in self._seen_cases:
                    self._seen_cases.add(row.id)
                    day.cases[row.kind] += 1
        day.made = self._count_cis() - before
        return day

    def _send(self, connection: Connection, report: Report) -> int:
        body = msgspec.msgpack.encode(report)
        envelope = Envelope(decode_report(body, CONTENT_TYPE_MSGPACK), body, CONTENT_TYPE_MSGPACK, int(report.observed_at), None, Grant())
        answer = receive_report(connection, self.context, envelope).answer
        self.reports += 1
        return len(answer.rejected)

    def accept_all(self, at: int) -> int:
        """Every open difference, by a person, in as many decisions as it takes; how many."""
        accepted = 0
        while ids := sorted(self._open_ids())[:5_000]:
            with self.database.begin() as connection:
                accept_differences(connection, self.context, Choice(dict.fromkeys(ids)), actor=PERSON, now=at)
            accepted += len(ids)
        return accepted

    def _open_ids(self) -> set[str]:
        with self.database.connect() as connection:
            return set(connection.execute(select(difference.c.id).where(difference.c.state == "open")).scalars())

    def _count_cis(self) -> int:
        is_host = ci.c.owner_ci_id.is_(None) & ci.c.redirect_to.is_(None)
        with self.database.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(ci).where(is_host)).scalar_one())

    def believed(self) -> list[tuple[str, str]]:
        """Each open record of a host or device: what it really is, and the CI that it is believed to be."""
        columns = (source_record.c.ci_id, source_record.c.content_hash)
        is_host = source_record.c.owner_record_id.is_(None) & source_record.c.closed_at.is_(None) & source_record.c.ci_id.is_not(None)
        with self.database.connect() as connection:
            rows = [row for row in connection.execute(select(*columns).where(is_host)) if row.ci_id]
            contents = load_contents(connection, (bytes(row.content_hash) for row in rows))
        found = []
        for row in rows:
            attributes: dict[str, Any] = contents[bytes(row.content_hash)]["attributes"]
            if "description" in attributes:
                found.append((attributes["description"], row.ci_id))
        return found

    def cis_of(self, truth: str) -> set[str]:
        """The CIs that records of a machine belong to."""
        return {ci_id for each, ci_id in self.believed() if each == truth}

    def count_presence(self) -> Counter[str]:
        """Hosts and devices in use by presence."""
        is_host = ci.c.owner_ci_id.is_(None) & ci.c.redirect_to.is_(None) & ci.c.lifecycle.not_in(("retired", "disposed"))
        with self.database.connect() as connection:
            rows = connection.execute(select(ci.c.presence, func.count()).where(is_host).group_by(ci.c.presence)).all()
        return Counter({row[0]: row[1] for row in rows})
