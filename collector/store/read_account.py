"""Tokens and accounts as administrators see them; never a token or a password hash."""

from __future__ import annotations

from sqlalchemy import select

from collector.store.content import decode
from collector.store.reading import Reading
from collector.store.schema import account, token
from muster.ports import AccountView, TokenView


def list_tokens(reading: Reading) -> list[TokenView]:
    """Newest first; sign-in links are not listed, they last minutes."""
    rows = reading.connection.execute(select(token).where(token.c.kind != "sign_in").order_by(token.c.created_at.desc(), token.c.id))
    return [
        TokenView(
            id=row.id,
            kind=row.kind,
            name=row.name,
            role=row.role,
            scope=decode(row.scope) or {},
            source_id=row.source_id,
            uses_left=row.uses_left,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            last_used_at=row.last_used_at,
        )
        for row in rows
    ]


def list_accounts(reading: Reading) -> list[AccountView]:
    """By name."""
    rows = reading.connection.execute(select(account).order_by(account.c.name))
    return [AccountView(row.name, row.role, row.is_disabled, row.language, row.created_at, row.password_hash is not None) for row in rows]
