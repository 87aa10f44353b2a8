"""Sources that send reports straight into a store, by a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import event, select

from collector.reconcile.compare import value_token
from collector.reconcile.settings import Settings
from collector.store.content import decode
from collector.store.decision import Choice, accept_differences
from collector.store.engine import Database
from collector.store.ingest import Context, Envelope, Receipt, receive_report
from collector.store.schema import ci, content, difference, history, identity_claim, observation_history, relation, review_case, source_record
from collector.store.source import Grant
from collector.store.sweep import Swept, sweep
from muster.clock import FakeClock
from muster.model.ci_class import load_catalogue
from muster.wire.codec import decode_report
from muster.wire.digest import digest_section
from muster.wire.report import CONTENT_TYPE_MSGPACK, Item, RelationClaim, Report, Section, Source, StateReport

CATALOGUE = load_catalogue()
START = 1_772_359_200_000  # 2026-03-01T10:00:00Z
MINUTE = 60_000
PERSON = "person:ada"


def item(ref: str, ci_class: str, *, owner: str | None = None, attributes: Mapping[str, Any] | None = None, **identifiers: Any) -> Item:
    return Item(ref=ref, ci_class=ci_class, identifiers=identifiers, attributes=dict(attributes or {}), owner=owner)


def section(*items: Item, relations: list[RelationClaim] | None = None, **word: Any) -> Section:
    told: dict[str, Any] = {"complete": True, "interval_seconds": 600, "digest": digest_section(items, relations or ())} | word
    return Section(items=list(items), relations=relations, **told)


def unchanged(full: Section) -> Section:
    """The same section as its digest alone."""
    return msgspec.structs.replace(full, items=None, relations=None)


class Estate:
    """A store with sources that report into it. `at` is in minutes after START."""

    def __init__(self, database: Database, context: Context | None = None) -> None:
        self.database = database
        self.context = context or Context(CATALOGUE, settings=Settings(absent_min_age_seconds=0))
        self.clock = FakeClock(START)
        self.sequences: dict[str, int] = {}

    def send(
        self,
        source: str,
        sections: Mapping[str, Section] | None = None,
        *,
        at: float = 0,
        now: float | None = None,
        sequence: int | None = None,
        zone: str = "z1",
        states: list[StateReport] | None = None,
        token: Grant | None = None,
        sent_at: int | None = None,
    ) -> Receipt:
        """A report observed at `at` and received at `now` (None: at once)."""
        kind, name, instance = source.split("/")
        number = self.sequences[source] = self.sequences.get(source, 0) + 1
        report = Report(
            source=Source(kind, name, instance, zone),  # type: ignore[arg-type]  # a test's own word
            sequence=number if sequence is None else sequence,
            observed_at=START + round(at * MINUTE),
            sections=dict(sections or {}),
            states=states or [],
        )
        return self.send_report(report, now=at if now is None else now, token=token, sent_at=sent_at)

    def send_report(self, report: Any, *, now: float = 0, token: Grant | None = None, sent_at: int | None = None) -> Receipt:
        """Any report, received at `now`."""
        body = msgspec.msgpack.encode(report)
        received_at = START + round(now * MINUTE)
        envelope = Envelope(decode_report(body, CONTENT_TYPE_MSGPACK), body, CONTENT_TYPE_MSGPACK, received_at, sent_at, token or Grant())
        with self.database.begin() as connection:
            return receive_report(connection, self.context, envelope)

    def send_raw(self, source: str, sections: Mapping[str, tuple[Section, Mapping[int, Any]]], *, at: float) -> Receipt:
        """A report of which some items, by their number, are anything."""
        kind, name, instance = source.split("/")
        number = self.sequences[source] = self.sequences.get(source, 0) + 1
        told: dict[str, Any] = {}
        for section_name, (full, replaced) in sections.items():
            told[section_name] = msgspec.to_builtins(full)
            for index, value in replaced.items():
                told[section_name]["items"][index] = value
        origin = {"kind": kind, "name": name, "instance": instance, "zone": "z1"}
        return self.send_report({"source": origin, "sequence": number, "observed_at": START + round(at * MINUTE), "sections": told}, now=at)

    def sweep(self, at: float) -> Swept:
        """What time alone changes until this minute."""
        with self.database.begin() as connection:
            return sweep(connection, self.context, START + round(at * MINUTE))

    def accept_all(self, at: float) -> None:
        """Every open difference, by a person."""
        tokens = self.open_tokens()
        if tokens:
            self.decide(accept_differences, Choice(tokens), now=START + round(at * MINUTE))

    def absent(self) -> list[str]:
        """Names of the CIs that are gone."""
        return [row[0] for row in self.rows(select(ci.c.name).where(ci.c.presence == "absent").order_by(ci.c.name))]

    def id_of(self, name: str) -> str:
        return str(self.rows(select(ci.c.id).where(ci.c.name == name, ci.c.redirect_to.is_(None)))[0][0])

    def presence(self, name: str) -> str:
        return str(self.rows(select(ci.c.presence).where(ci.c.name == name, ci.c.redirect_to.is_(None)))[0][0])

    def cases(self) -> list[str]:
        """Kinds of the open cases."""
        return [row[0] for row in self.rows(select(review_case.c.kind).where(review_case.c.state == "open").order_by(review_case.c.kind))]

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is known of the world; not the journal, and not when sources and sections were last heard of."""
        tables = (ci, source_record, identity_claim, difference, review_case, history, observation_history, relation, content)
        return {table.name: sorted(self.rows(select(table)), key=repr) for table in tables}

    def count_rows_written(self, run: Callable[[], Any]) -> int:
        """How many rows a piece of writing inserts, changes and deletes."""
        counted = 0

        def count(_connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool) -> None:
            nonlocal counted
            if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
                counted += len(parameters) if executemany else max(cursor.rowcount, 1)

        event.listen(self.database.writing, "after_cursor_execute", count)
        try:
            run()
        finally:
            event.remove(self.database.writing, "after_cursor_execute", count)
        return counted

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        """What a query gives, as plain tuples."""
        with self.database.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def names(self) -> list[tuple[str, str, str | None]]:
        """Class, name and owner's name of every CI that was not merged into another."""
        owner = ci.alias()
        joined = ci.outerjoin(owner, owner.c.id == ci.c.owner_ci_id)
        return sorted(self.rows(select(ci.c.ci_class, ci.c.name, owner.c.name).select_from(joined).where(ci.c.redirect_to.is_(None))))

    def differences(self, *states: str) -> list[tuple[str, str, str, str]]:
        """Kind, CI's name, attribute and state of the differences in these states; none named: those not closed."""
        chosen = states or ("open", "rejected", "ignored", "pinned", "held")
        query = select(difference.c.kind, ci.c.name, difference.c.attribute, difference.c.state).join(ci, ci.c.id == difference.c.ci_id)
        return sorted(self.rows(query.where(difference.c.state.in_(chosen))))

    def open_tokens(self) -> dict[str, str]:
        """Every open difference with the token of what it shows."""
        return {
            row[0]: value_token(decode(row[1]))
            for row in self.rows(select(difference.c.id, difference.c.observed).where(difference.c.state == "open"))
        }

    def decide(self, decide: Any, *what: Any, actor: str = PERSON, **options: Any) -> Any:
        """Run a decision in a transaction of its own."""
        with self.database.begin() as connection:
            return decide(connection, self.context, *what, actor=actor, **options)

    def recorded(self, name: str) -> dict[str, Any]:
        """What is on record of the CI of this name."""
        return self._content(name, ci.c.recorded_hash)

    def effective(self, name: str) -> dict[str, Any]:
        """What is observed of the CI of this name."""
        return self._content(name, ci.c.effective_hash)

    def effective_of(self, ci_id: str) -> dict[str, Any]:
        """What is observed of the CI of this id."""
        found = self.rows(select(content.c.body).join(ci, ci.c.effective_hash == content.c.hash).where(ci.c.id == ci_id))
        return {} if not found else decode(found[0][0])

    def open_values(self) -> list[tuple[str, str, str, Any, Any]]:
        """CI, kind, attribute, recorded and observed value of the open differences."""
        columns = (difference.c.ci_id, difference.c.kind, difference.c.attribute, difference.c.recorded, difference.c.observed)
        rows = self.rows(select(*columns).where(difference.c.state == "open"))
        return [(ci_id, kind, attribute, decode(old), decode(new)) for ci_id, kind, attribute, old, new in rows]

    def _content(self, name: str, column: Any) -> dict[str, Any]:
        query = select(content.c.body).join(ci, column == content.c.hash).where(ci.c.name == name, ci.c.redirect_to.is_(None))
        found = self.rows(query)
        return {} if not found else decode(found[0][0])
