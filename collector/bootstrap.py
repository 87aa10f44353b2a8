"""What the first start needs before there is anybody who could ask for it: the tables, an account, and a token that makes all others."""

from __future__ import annotations

from collector.store import account, administration
from collector.store.engine import open_database
from collector.store.migrate import migrate_database
from muster.clock import Clock, SystemClock

ACTOR = "operation:bootstrap"


def prepare(database_url: str, *, account_name: str, clock: Clock | None = None) -> str:
    """Migrate, make the administrator's account where it is missing, and give a new API token of that role.

    Raises UnavailableError where the database cannot be used, ConfigurationError for a URL that is none.
    """
    database = open_database(database_url)
    try:
        migrate_database(database)
        now = (clock or SystemClock()).now_ms()
        with database.begin() as connection:
            if account.load_account(connection, account_name) is None:
                administration.make_account(connection, account_name, now, actor=ACTOR, role="administrator")
            made = administration.make_token(connection, now, actor=ACTOR, kind="api", name=account_name, role="administrator")
        return made.secret
    finally:
        database.close()
