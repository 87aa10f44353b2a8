"""Sessions of signed-in people: a secret in a cookie, of which the store keeps the SHA-256, and what their writes must bring along."""

from __future__ import annotations

import secrets

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select

from collector.store.schema import account, session
from collector.store.token import SECRET_LIMIT, hash_secret

SESSION_LIFETIME_MS = 12 * 3_600_000


class NewSession(Struct, frozen=True):
    """A session just begun; `secret` goes into the cookie and is never to be had again."""

    secret: str
    csrf: str
    expires_at: int


class StoredSession(Struct, frozen=True):
    """A session that holds, with its account as it is now."""

    account: str
    role: str
    language: str | None
    csrf: str
    expires_at: int


def begin_session(connection: Connection, account_name: str, now: int, *, lifetime_ms: int = SESSION_LIFETIME_MS) -> NewSession:
    """Begin a session of an account whose sign-in was checked."""
    made = NewSession(secrets.token_urlsafe(32), secrets.token_urlsafe(32), now + lifetime_ms)
    values = {"hash": hash_secret(made.secret), "account": account_name, "csrf": made.csrf, "created_at": now, "expires_at": made.expires_at}
    connection.execute(insert(session).values(**values))
    return made


def find_session(connection: Connection, secret: str, now: int) -> StoredSession | None:
    """The session of a secret; None where it is unknown, has expired, or its account is disabled. Reads only."""
    if len(secret) > SECRET_LIMIT:
        return None
    columns = (session.c.account, account.c.role, account.c.language, session.c.csrf, session.c.expires_at)
    query = select(*columns).join(account, account.c.name == session.c.account)
    is_it = (session.c.hash == hash_secret(secret)) & (session.c.expires_at > now) & ~account.c.is_disabled
    row = connection.execute(query.where(is_it)).first()
    return None if row is None else StoredSession(*row)


def end_session(connection: Connection, secret: str) -> None:
    """Sign out; an unknown session is no error."""
    connection.execute(delete(session).where(session.c.hash == hash_secret(secret)))


def end_sessions(connection: Connection, account_name: str) -> int:
    """Sign an account out everywhere; how many sessions ended."""
    return connection.execute(delete(session).where(session.c.account == account_name)).rowcount


def delete_expired_sessions(connection: Connection, now: int, *, limit: int) -> int:
    """Remove sessions that have expired; how many."""
    expired = select(session.c.hash).where(session.c.expires_at <= now).limit(limit)
    return connection.execute(delete(session).where(session.c.hash.in_(expired.scalar_subquery()))).rowcount
