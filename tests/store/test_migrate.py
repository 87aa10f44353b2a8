"""The migrations make exactly the tables of the schema, once, and refuse what they do not know."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from collector.store.engine import Database, open_database
from collector.store.migrate import migrate_database, newest_revision
from collector.store.schema import metadata
from muster.errors import ConfigurationError, UnavailableError


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


def test_a_file_that_is_no_database_is_unavailable_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "muster.db"
    file.write_bytes(b"a letter to somebody\n" * 100)
    database = open_database(f"sqlite:///{file}")
    with pytest.raises(UnavailableError, match="file is not a database"):
        migrate_database(database)
    database.close()
    assert file.read_bytes() == b"a letter to somebody\n" * 100
