"""What is past its retention goes, oldest first, a bounded number at a time; what is not stays, and so do counts."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, func, insert, select

from collector.store import account, liveness, retention, series, session, token
from collector.store.engine import Database
from collector.store.retention import DAY_MS, Removed, RetentionSettings
from collector.store.schema import chunk, collector_liveness, report, series_table
from collector.store.schema import series as series_of
from muster.wire.report import SeriesDefinition
from tests.store.metric import NOW, TABLE, block, make_estate, reader_of

SETTINGS = RetentionSettings(journal_days=30, sample_days=10)


def save_report(connection: Connection, source_id: int, sequence: int, received_at: int) -> None:
    row = {"source_id": source_id, "sequence": sequence, "body_hash": b"", "body": b"", "content_type": "", "answer": b""}
    connection.execute(insert(report).values(**row, observed_at=received_at, received_at=received_at))


def numbers(connection: Connection, column: object) -> list[object]:
    return list(connection.execute(select(column).order_by(column)).scalars())  # type: ignore[call-overload]


def test_old_reports_go_in_steps_oldest_first(database: Database) -> None:
    with database.begin() as connection:
        source_id = make_estate(connection)["web1"]
        for day in reversed(range(40)):
            save_report(connection, source_id, day, NOW - day * DAY_MS)
        steps = [retention.delete_expired(connection, NOW, SETTINGS, limit=5) for _ in range(3)]
        assert [(each.reports, each.is_rest) for each in steps] == [(5, True), (4, False), (0, False)]
        assert numbers(connection, report.c.sequence) == list(range(31))


def test_the_count_of_all_reports_ever_received_does_not_fall(database: Database) -> None:
    with database.begin() as connection:
        source_id = make_estate(connection)["web1"]
        for sequence in range(7):
            save_report(connection, source_id, sequence, NOW)
    later = NOW + 99 * DAY_MS
    received = reader_of(database).overview().reports_received_total
    with database.begin() as connection:
        assert retention.delete_expired(connection, later, SETTINGS).reports == 6
        save_report(connection, source_id, 8, later)
    assert reader_of(database).overview().reports_received_total == received + 1


def test_old_samples_go_with_the_tables_and_series_that_only_they_had(database: Database) -> None:
    with database.begin() as connection:
        source_id = make_estate(connection)["web1"]
        old = {"old": [TABLE[0], SeriesDefinition("gone")]}
        series.save_samples(connection, source_id, tables=old, samples=[block([[1], [2]], digest="old", at=NOW - 11 * DAY_MS)], received_at=NOW)
        series.save_samples(connection, source_id, tables={"t1": TABLE}, samples=[block([[1], [2], [3]])], received_at=NOW)
        removed = retention.delete_expired(connection, NOW, SETTINGS)
        assert (removed.chunks, removed.tables, removed.series) == (1, 1, 1)
        assert numbers(connection, series_table.c.digest) == ["t1"]
        assert numbers(connection, series_of.c.name) == sorted(each.name for each in TABLE)
        assert numbers(connection, chunk.c.end_at) == [NOW]


def test_a_table_that_went_is_asked_for_again(database: Database) -> None:
    with database.begin() as connection:
        source_id = make_estate(connection)["web1"]
        series.save_samples(connection, source_id, tables={"t1": TABLE}, samples=[block([[1], [2], [3]])], received_at=NOW)
        later = NOW + 11 * DAY_MS
        retention.delete_expired(connection, later, SETTINGS)
        again = block([[1], [2], [3]], at=later)
        assert series.save_samples(connection, source_id, tables={}, samples=[again], received_at=later) == ["t1"]
        assert series.save_samples(connection, source_id, tables={"t1": TABLE}, samples=[again], received_at=later) == []


def test_sessions_links_and_running_times_end_too(database: Database) -> None:
    with database.begin() as connection:
        account.create_account(connection, "kim", NOW, role="viewer")
        session.begin_session(connection, "kim", NOW, lifetime_ms=1)
        token.create_sign_in_link(connection, "kim", NOW, lifetime_ms=1)
        token.create_token(connection, NOW, kind="api", name="kept", expires_at=NOW + 1)
        liveness.begin(connection, NOW - 401 * DAY_MS)
        liveness.begin(connection, NOW - 399 * DAY_MS)
        assert retention.delete_expired(connection, NOW + 1, SETTINGS) == Removed(runs=1, sessions=1, links=1)
        assert connection.execute(select(func.count()).select_from(collector_liveness)).scalar_one() == 1


def test_nothing_goes_from_a_young_store(database: Database) -> None:
    with database.begin() as connection:
        source_id = make_estate(connection)["web1"]
        save_report(connection, source_id, 1, NOW)
        series.save_samples(connection, source_id, tables={"t1": TABLE}, samples=[block([[1], [2], [3]])], received_at=NOW)
        liveness.begin(connection, NOW)
        assert retention.delete_expired(connection, NOW + 9 * DAY_MS, SETTINGS) == Removed()


@pytest.mark.parametrize("limit", [1, 2_000])
def test_a_run_says_whether_more_is_left(database: Database, limit: int) -> None:
    with database.begin() as connection:
        source_id = make_estate(connection)["web1"]
        for sequence in range(3):
            save_report(connection, source_id, sequence, NOW - 31 * DAY_MS)
        assert retention.delete_expired(connection, NOW, SETTINGS, limit=limit).is_rest is (limit == 1)
