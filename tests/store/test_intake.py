"""Reports in groups: what they leave is what each alone leaves, and nothing that others wrote meanwhile is overlooked."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from collector.store.engine import Database, open_database
from collector.store.ingest import Envelope, Receipt
from collector.store.intake import receive_reports
from collector.store.schema import report, section, source
from collector.store.source import Grant, Scope, revoke_source
from collector.store.writer import Writer
from muster.errors import AuthorisationError, ConflictError
from muster.wire.codec import decode_report
from muster.wire.report import CONTENT_TYPE_MSGPACK, Report, Source
from tests.store.sender import MINUTE, START, Estate, item, unchanged
from tests.store.sender import section as told

HOST = item("host", "server", attributes={"vendor": "Dell"}, serial="7XK2M13")
FULL = {"host": told(HOST), "packages": told(interval_seconds=3600)}
SAME = {name: unchanged(each) for name, each in FULL.items()}


def _envelope(name: str, sequence: int, sections: dict[str, Any], at: float, token: Grant | None = None) -> Envelope:
    observed_at = START + round(at * MINUTE)
    body = msgspec.msgpack.encode(Report(source=Source("agent", name, "i1", "z1"), sequence=sequence, observed_at=observed_at, sections=sections))
    return Envelope(decode_report(body, CONTENT_TYPE_MSGPACK), body, CONTENT_TYPE_MSGPACK, observed_at + 5, None, token or Grant())


def _receive(estate: Estate, *envelopes: Envelope, database: Database | None = None) -> list[Receipt | BaseException]:
    with (database or estate.database).begin() as connection:
        return receive_reports(connection, [(estate.context, each) for each in envelopes], lambda: False)


def _left(estate: Estate) -> list[Any]:
    numbers = [each for each in source.c if each.name not in {"id", "created_at"}]
    return [estate.rows(select(*numbers).order_by(source.c.name)), estate.rows(select(section).order_by(section.c.source_id, section.c.name))]


STEPS = st.lists(st.tuples(st.sampled_from(["web1", "web2"]), st.sampled_from([SAME, FULL, {}, {"host": SAME["host"]}])), min_size=1, max_size=8)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_group_leaves_what_its_reports_leave_one_by_one(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Any, steps: list[Any]) -> None:
    left = []
    for size in (1, len(steps)):
        path = tmp_path_factory.mktemp("group") / "store.db"
        path.write_bytes(migrated_sqlite.read_bytes())
        database = open_database(f"sqlite:///{path}")
        estate = Estate(database)
        envelopes = [_envelope("web1", 1, FULL, 0), *(_envelope(name, at, sections, at) for at, (name, sections) in enumerate(steps, 2))]
        answers: list[Any] = []
        for first in range(0, len(envelopes), size):
            answers += [each.answer for each in _receive(estate, *envelopes[first : first + size]) if isinstance(each, Receipt)]
        left.append([answers, *_left(estate)])
        database.close()
    assert left[0] == left[1]


def test_reports_that_confirm_write_once_for_all(estate: Estate) -> None:
    _receive(estate, *(_envelope(f"web{at}", 1, FULL, 0) for at in range(20)))
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        statements.append(statement.split(maxsplit=1)[0].upper())

    event.listen(estate.database.writing, "after_cursor_execute", note)
    _receive(estate, *(_envelope(f"web{at}", 2, SAME, 1) for at in range(20)))
    event.remove(estate.database.writing, "after_cursor_execute", note)
    assert len([each for each in statements if each in ("SELECT", "INSERT", "UPDATE", "COPY")]) <= 6
    assert {row[0] for row in estate.rows(select(section.c.confirmed_at))} == {START + MINUTE}
    assert {row[0] for row in estate.rows(select(source.c.last_sequence))} == {2}
    assert len(estate.rows(select(report.c.id))) == 40


def test_a_repeated_sequence_gets_its_answer_again_and_another_body_under_it_is_refused(estate: Estate) -> None:
    _receive(estate, _envelope("web1", 1, FULL, 0))
    again = _envelope("web1", 2, SAME, 1)
    first, second, other = _receive(estate, again, again, _envelope("web1", 2, SAME, 3))
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert (second.answer, second.is_duplicate) == (first.answer, True)
    assert isinstance(other, ConflictError)


def test_one_that_is_refused_costs_the_others_of_its_group_nothing(estate: Estate) -> None:
    _receive(estate, _envelope("web1", 1, FULL, 0), _envelope("web2", 1, FULL, 0))
    narrow = Grant(scope=Scope(names=["web9"]))
    good, refused, also_good = _receive(estate, _envelope("web1", 2, SAME, 1), _envelope("web2", 2, SAME, 1, narrow), _envelope("web1", 3, SAME, 2))
    assert isinstance(refused, AuthorisationError)
    assert isinstance(good, Receipt)
    assert isinstance(also_good, Receipt)
    assert estate.rows(select(source.c.last_sequence).order_by(source.c.name)) == [(3,), (1,)]


def test_what_another_collector_wrote_between_two_groups_counts(database: Database) -> None:
    """The brake of a section, a revoked source and a section that went silent, each written through another process's connection."""
    estate, other = Estate(database), open_database(database.url.render_as_string(hide_password=False))
    _receive(estate, *(_envelope(f"web{at}", 1, FULL, 0) for at in range(3)))
    _receive(estate, *(_envelope(f"web{at}", 2, SAME, 1) for at in range(3)))
    with other.begin() as connection:
        number = connection.execute(select(source.c.id).where(source.c.name == "web0")).scalar_one()
        revoke_source(connection, number, START)
        is_it = section.c.source_id == connection.execute(select(source.c.id).where(source.c.name == "web1")).scalar_one()
        connection.execute(update(section).where(is_it).values(digest="other"))
        is_it = section.c.source_id == connection.execute(select(source.c.id).where(source.c.name == "web2")).scalar_one()
        connection.execute(update(section).where(is_it).values(stale_at=None))
    revoked, wanted, returned = _receive(estate, *(_envelope(f"web{at}", 3, SAME, 2) for at in range(3)))
    assert isinstance(revoked, AuthorisationError)
    assert isinstance(wanted, Receipt)
    assert sorted(wanted.answer.want) == sorted(each.digest or "" for each in SAME.values())
    assert isinstance(returned, Receipt)
    assert None not in {row[0] for row in estate.rows(select(section.c.stale_at).join(source).where(source.c.name == "web2"))}
    _receive(estate, _envelope("web2", 4, SAME, 3), database=other)
    duplicate = _receive(estate, _envelope("web2", 4, SAME, 3))[0]
    assert isinstance(duplicate, Receipt)
    assert duplicate.is_duplicate
    other.close()


def test_two_collectors_of_one_database_lose_no_report(database: Database) -> None:
    estate, other = Estate(database), open_database(database.url.render_as_string(hide_password=False))
    _receive(estate, *(_envelope(f"web{at}", 1, FULL, 0) for at in range(4)))
    writers = [Writer(database), Writer(other)]
    for writer in writers:
        writer.start()
    futures: list[Any] = []

    def send(writer: Writer, names: range) -> None:
        for sequence in range(2, 30):
            told_now = [(estate.context, _envelope(f"web{at}", sequence, SAME, sequence)) for at in names]
            futures.extend(writer.submit_many(receive_reports, each) for each in told_now)

    threads = [threading.Thread(target=send, args=(writer, names)) for writer, names in zip(writers, (range(2), range(2, 4)), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(not each.result(timeout=60).is_duplicate for each in futures)
    for writer in writers:
        writer.stop()
    other.close()
    assert {row[0] for row in estate.rows(select(source.c.last_sequence))} == {29}
    assert {row[0] for row in estate.rows(select(section.c.confirmed_at))} == {START + 29 * MINUTE}
    assert len(estate.rows(select(report.c.id))) == 4 * 29
