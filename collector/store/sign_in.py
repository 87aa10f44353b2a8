"""Signing in and out: a one-time link or a checked password becomes a session, with its entry in the audit trail, in one transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from collector.store import account, audit_chain
from collector.store.session import NewSession, begin_session, end_session, find_session
from collector.store.token import redeem_token
from muster.errors import AuthenticationError


def sign_in_with_link(connection: Connection, secret: str, now: int) -> NewSession:
    """A session for a link's secret. Raises AuthenticationError where it was used, has expired, or its account is disabled."""
    link = redeem_token(connection, secret, now, kinds=["sign_in"])
    known = account.load_account(connection, link.name)
    if known is None or known.is_disabled:
        raise AuthenticationError("the account of this link is gone or disabled; ask an administrator")
    return begin_checked(connection, known.name, now, by="link")


def begin_checked(connection: Connection, name: str, now: int, *, by: str) -> NewSession:
    """A session of an account whose credential was just checked. `by`: link or password."""
    audit_chain.append(connection, now, actor=f"person:{name}", action="signed_in", subject=name, detail={"by": by})
    return begin_session(connection, name, now)


def sign_out(connection: Connection, secret: str, now: int) -> None:
    """End a session; one that is unknown or over is no error, and is not noted."""
    known = find_session(connection, secret, now)
    end_session(connection, secret)
    if known is not None:
        audit_chain.append(connection, now, actor=f"person:{known.account}", action="signed_out", subject=known.account)
