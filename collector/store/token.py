"""Tokens: what a source, a program or a sign-in link shows. A secret is told once; the store keeps its SHA-256 alone.

A secret holds 256 random bits, so a plain hash is enough and finding it is one index lookup. Design: docs/storage.md.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from collector.store.content import decode, encode
from collector.store.identifier import new_id
from collector.store.schema import token
from muster.errors import AuthenticationError, NotFoundError, quote

TokenKind = Literal["enrolment", "source", "api", "sign_in"]
SECRET_LIMIT = 256
USE_NOTED_EVERY_MS = 60_000
SIGN_IN_LIFETIME_MS = 10 * 60_000
# The prefix tells people and secret scanners what they found.
_PREFIXES: dict[str, str] = {"enrolment": "muster_enrol_", "source": "muster_source_", "api": "muster_api_", "sign_in": "muster_link_"}


class NewToken(Struct, frozen=True):
    """A token just made; `secret` is never to be had again."""

    id: str
    secret: str


class StoredToken(Struct, frozen=True):
    """A token that holds: not revoked, not expired, not used up. `scope` as `source.parse_scope` takes it."""

    id: str
    kind: TokenKind
    name: str
    role: str | None
    scope: dict[str, Any]
    source_id: int | None
    uses_left: int | None
    expires_at: int | None
    last_used_at: int | None


def create_token(  # noqa: PLR0913 -- the columns of a token, each by name
    connection: Connection,
    now: int,
    *,
    kind: TokenKind,
    name: str,
    role: str | None = None,
    scope: Mapping[str, Any] | None = None,
    source_id: int | None = None,
    uses_left: int | None = None,
    expires_at: int | None = None,
) -> NewToken:
    """Make a token. `name`: what people call it, of a sign-in link the account. `uses_left` None: any number of uses."""
    made = NewToken(new_id(now), _PREFIXES[kind] + secrets.token_urlsafe(32))
    connection.execute(
        insert(token).values(
            id=made.id,
            kind=kind,
            hash=hash_secret(made.secret),
            name=name,
            role=role,
            scope=encode(dict(scope)) if scope else None,
            source_id=source_id,
            uses_left=uses_left,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return made


def create_sign_in_link(connection: Connection, account: str, now: int, *, lifetime_ms: int = SIGN_IN_LIFETIME_MS) -> NewToken:
    """A token that signs an account in once, soon."""
    return create_token(connection, now, kind="sign_in", name=account, uses_left=1, expires_at=now + lifetime_ms)


def find_token(connection: Connection, secret: str, now: int, *, kinds: Collection[TokenKind] = ()) -> StoredToken | None:
    """The token of a secret, if it holds and is of one of these kinds (none named: any). Reads only."""
    if len(secret) > SECRET_LIMIT:
        return None
    wanted = hash_secret(secret)
    row = connection.execute(select(token).where(token.c.hash == wanted, _holds(now))).first()
    if row is None or not hmac.compare_digest(bytes(row.hash), wanted) or (kinds and row.kind not in kinds):
        return None
    scope = decode(row.scope) or {}
    return StoredToken(row.id, row.kind, row.name, row.role, scope, row.source_id, row.uses_left, row.expires_at, row.last_used_at)


def redeem_token(connection: Connection, secret: str, now: int, *, kinds: Collection[TokenKind]) -> StoredToken:
    """Use a token up by one, within a write transaction: of several who try at once, only as many succeed as uses are left.

    Raises AuthenticationError.
    """
    found = find_token(connection, secret, now, kinds=kinds)
    if found is not None:
        values: dict[str, Any] = {"last_used_at": now, "uses_left": token.c.uses_left - 1}
        is_used = connection.execute(update(token).where(token.c.id == found.id, _holds(now)).values(**values)).rowcount == 1
        if is_used:
            return found
    raise AuthenticationError(f"the {' or '.join(sorted(kinds)).replace('_', '-')} token is unknown, expired, revoked or used up; ask for a new one")


def note_use(connection: Connection, token_id: str, now: int) -> None:
    """Keep when a token was last used, to the minute: most uses write nothing."""
    is_old = or_(token.c.last_used_at.is_(None), token.c.last_used_at <= now - USE_NOTED_EVERY_MS)
    connection.execute(update(token).where(token.c.id == token_id, is_old).values(last_used_at=now))


def revoke_token(connection: Connection, token_id: str, now: int) -> None:
    """From now on the token is refused; one that was revoked before stays as it was. Raises NotFoundError."""
    changed = connection.execute(update(token).where(token.c.id == token_id, token.c.revoked_at.is_(None)).values(revoked_at=now)).rowcount
    if not changed and connection.execute(select(token.c.id).where(token.c.id == token_id)).first() is None:
        raise NotFoundError(f"no token {quote(token_id)}; see `muster token list`")


def delete_spent_links(connection: Connection, now: int, *, limit: int) -> int:
    """Remove sign-in links that can no longer be used; how many. Other tokens stay listed."""
    spent = select(token.c.id).where(token.c.kind == "sign_in", ~_holds(now)).order_by(token.c.id).limit(limit)
    return connection.execute(delete(token).where(token.c.id.in_(spent.scalar_subquery()))).rowcount


def hash_secret(secret: str) -> bytes:
    """What the store keeps of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()  # a header may hold any bytes


def _holds(now: int) -> ColumnElement[bool]:
    return and_(
        token.c.revoked_at.is_(None),
        or_(token.c.expires_at.is_(None), token.c.expires_at > now),
        or_(token.c.uses_left.is_(None), token.c.uses_left > 0),
    )
