"""Bringing a database to the newest schema, under a lock, so that several collectors may start at once.

Each migration is a file of `migrations/versions/`; a test holds their sum against `schema.py`. Design: docs/storage.md.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from collector.store.engine import Database
from muster.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate_database(database: Database) -> str:
    """The revision that the database now has. Raises ConfigurationError where it is newer than this program."""
    with database.begin() as connection:
        current = current_revision(connection)
        known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
        if current is not None and current not in known:
            raise ConfigurationError(f"the database has schema {current}, newer than this program knows; run the newer Muster, or restore a backup")
        if current != newest_revision():
            configuration = Config()
            configuration.set_main_option("script_location", str(MIGRATIONS))
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
        return newest_revision()


def current_revision(connection: Connection) -> str | None:
    """The schema's revision; None: no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision that this program works with."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert head is not None
    return head
