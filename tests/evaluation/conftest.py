"""A small estate in a store: CIs, checks that change state, services in force, and an evaluation of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select, update

from collector.evaluation import Evaluation, EvaluationSettings, Surroundings
from collector.incidents.incident import Change
from collector.incidents.target_document import ConfiguredTarget
from collector.store import schema
from collector.store.engine import Database, open_database
from collector.store.service import apply_services, load_records
from collector.store.writer import Writer
from muster.clock import FakeClock
from muster.model.ci_class import load_catalogue
from muster.ports import CiRef
from tests.evaluation.oracle import ORACLE
from tests.support.postgresql_server import engine_url

MINUTE = 60_000
T0 = 1_772_359_200_000  # 2026-03-01T10:00:00Z


def id_of(name: str) -> str:
    """The id that a CI of these tests has, by its name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


class Estate:
    """What tests do to the store, and the evaluation that reads it."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self.database = database
        self.engine = database.writing
        self.transaction = writer.run
        self.clock = FakeClock(T0)
        self.targets: list[ConfiguredTarget] = []
        self.pokes = 0
        self.settings = EvaluationSettings(figures_every_seconds=0)
        with self.engine.begin() as connection:
            for number, (kind, name) in enumerate([("sweep", "probe"), ("agent", "web-1")], start=1):
                connection.execute(insert(schema.source).values(id=number, kind=kind, name=name, instance="i", zone="berlin", created_at=0))

    def evaluation(self) -> Evaluation:
        return Evaluation(
            Surroundings(
                connect=self.database.connect,
                transaction=self.transaction,
                find_query=self.find_query,
                engine=ORACLE,
                classes=load_catalogue(),
                clock=self.clock,
                targets=lambda: self.targets,
                on_changes=self.count_poke,
            ),
            self.settings,
        )

    def count_poke(self) -> None:
        self.pokes += 1

    def find_query(self, query: str) -> Iterable[CiRef]:
        with self.database.connect() as connection:
            rows = connection.execute(select(schema.ci).where(schema.ci.c.ci_class == query.removeprefix("class:")).order_by(schema.ci.c.number))
            return [CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name) for row in rows]

    def add_ci(self, name: str, *, ci_class: str = "server", owner: str | None = None) -> str:
        with self.engine.begin() as connection:
            number = len(connection.execute(select(schema.ci.c.id)).all()) + 1
            connection.execute(
                insert(schema.ci).values(
                    id=id_of(name), number=number, ci_class=ci_class, name=name, zone="berlin", lifecycle="live", presence="seen",
                    control_level="governed", created_at=T0, changed_at=T0, owner_ci_id=owner,
                )
            )  # fmt: skip
        return id_of(name)

    def set_lifecycle(self, name: str, lifecycle: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(schema.ci).where(schema.ci.c.id == id_of(name)).values(lifecycle=lifecycle))

    def observe(
        self, name: str, state: str, *, check: str = "icmp", at: int | None = None, interval: int = 30, combined: bool = False, source: int = 1,
        reason: str | None = None,
    ) -> None:  # fmt: skip
        """One observation: a transition where the state changes, and the newest evidence. Sources: 1 probes, 2 is the agent of web-1."""
        reason = f"{check} {state}" if reason is None else reason
        at = self.clock.now_ms() if at is None else at
        ci_id = id_of(name)
        with self.engine.begin() as connection:
            checks = schema.check_state.c
            row = connection.execute(
                select(schema.check_state).where(checks.ci_id == ci_id, checks.check_name == check, checks.source_id == source)
            ).first()
            if row is None or row.state != state:
                connection.execute(
                    insert(schema.transition).values(
                        ci_id=ci_id, check_name=check, source_id=None if combined else source, at=at, state=state, reason=reason,
                        known_from=self.clock.now_ms(),
                    )
                )  # fmt: skip
            values: dict[str, Any] = {"state": state, "last_at": at, "interval_seconds": interval, "reason": reason}
            if row is None:
                connection.execute(insert(schema.check_state).values(ci_id=ci_id, check_name=check, source_id=source, since_at=at, **values))
            else:
                since = at if row.state != state else row.since_at
                connection.execute(update(schema.check_state).where(checks.id == row.id).values(since_at=since, **values))

    def run_collector(self, since: int, until: int) -> None:
        """A run of a collector, as it is on record."""
        with self.engine.begin() as connection:
            connection.execute(insert(schema.collector_liveness).values(started_at=since, last_at=until))

    def change_attribute(self, name: str, attribute: str, old: Any, new: Any) -> None:
        now = self.clock.now_ms()
        with self.engine.begin() as connection:
            connection.execute(
                insert(schema.history).values(
                    ci_id=id_of(name), layer="observed", attribute=attribute, old_value=msgspec.msgpack.encode(old),
                    new_value=msgspec.msgpack.encode(new), valid_from=now, known_from=now, cause_kind="report", cause_id="1",
                )
            )  # fmt: skip

    def apply(self, *documents: str, removes_absent: bool = False) -> None:
        by_id = {ORACLE.check_document(text, "test")["id"]: text for text in documents}
        with self.engine.begin() as connection:
            apply_services(connection, by_id, now=self.clock.now_ms(), applied_by="person:kim", removes_absent=removes_absent)

    def record(self, service: str = "shop") -> Any:
        with self.database.connect() as connection:
            return load_records(connection)[service]

    def types(self, changes: list[Change]) -> list[tuple[str, str]]:
        return [
            (change.type.removeprefix("incident."), change.incident.ci.name if change.incident.ci else change.incident.component)
            for change in changes
        ]


@pytest.fixture(params=["sqlite", "postgresql"])
def estate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Estate]:
    database = open_database(engine_url(request.param, tmp_path))
    schema.metadata.create_all(database.writing)
    writer = Writer(database)
    writer.start()
    yield Estate(database, writer)
    writer.stop()
    database.close()
