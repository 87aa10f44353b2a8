"""The migrations make exactly the tables of the schema, once, and refuse what they do not know."""

from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from collector.store.engine import Database
from collector.store.migrate import migrate_database, newest_revision
from collector.store.schema import metadata
from muster.errors import ConfigurationError


def test_migrations_make_the_tables_of_the_schema(empty_database: Database) -> None:
    migrate_database(empty_database)
    with empty_database.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_second_migration_changes_nothing(database: Database) -> None:
    assert migrate_database(database) == newest_revision()


def test_collectors_that_start_at_once_migrate_once(empty_database: Database) -> None:
    revisions: list[str] = []
    threads = [threading.Thread(target=lambda: revisions.append(migrate_database(empty_database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert revisions == [newest_revision()] * 4


def test_a_newer_schema_is_refused(empty_database: Database) -> None:
    migrate_database(empty_database)
    with empty_database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="schema 9999, newer than this program"):
        migrate_database(empty_database)
