"""Before the collector runs: the schema, the first account and an administrator's token, for `muster up` and for installers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from collector.store import account, administration
from collector.store.engine import open_database
from collector.store.migrate import migrate_database
from muster.clock import Clock, SystemClock

TOKEN_NAME = "muster up"  # noqa: S105 -- what people call it
ACTOR = "collector"


def prepare(database_url: str, *, account_name: str, clock: Clock | None = None) -> str:
    """The secret of a new administrator's API token, with the account made where it is missing; nothing must run on an SQLite file.

    Raises ConfigurationError for a URL that is none or a newer schema, UnavailableError where the database cannot serve.
    """
    now = (clock or SystemClock()).now_ms()
    with _writing(database_url) as connection:
        _ensure_administrator(connection, account_name, now)
        return administration.make_token(connection, now, actor=ACTOR, kind="api", name=TOKEN_NAME, role="administrator").secret


def make_sign_in_link(database_url: str, public_url: str, *, account_name: str, clock: Clock | None = None) -> str:
    """The address that signs an account in once, within ten minutes; the account becomes an administrator's where it is missing.

    For whoever can reach the database but cannot sign in. Raises as `prepare` does.
    """
    now = (clock or SystemClock()).now_ms()
    with _writing(database_url) as connection:
        _ensure_administrator(connection, account_name, now)
        made = administration.make_sign_in_link(connection, account_name, now, actor=ACTOR)
        return f"{public_url.rstrip('/')}/sign-in?token={made.secret}"


def add_user(database_url: str, name: str, *, role: str, password: str, clock: Clock | None = None) -> None:
    """An account with a password. Raises InputError for a name, role or password that is none, ConflictError where the name is taken."""
    now, hashed = (clock or SystemClock()).now_ms(), account.hash_password(password)
    with _writing(database_url) as connection:
        administration.make_account(connection, name, now, actor=ACTOR, role=role, password_hash=hashed)


@contextmanager
def _writing(database_url: str) -> Iterator[Connection]:
    """One transaction on the newest schema."""
    database = open_database(database_url)
    try:
        migrate_database(database)
        with database.begin() as connection:
            yield connection
    finally:
        database.close()


def _ensure_administrator(connection: Connection, name: str, now: int) -> None:
    if account.load_account(connection, name) is None:
        administration.make_account(connection, name, now, actor=ACTOR, role="administrator")
