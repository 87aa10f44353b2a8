"""Tokens and accounts as administrators change them: each change with its entry in the audit trail, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from collector.store import account, audit_chain, token
from collector.store.source import parse_scope
from collector.store.token import NewToken, TokenKind
from muster.errors import InputError, NotFoundError, quote


def make_token(  # noqa: PLR0913 -- the columns of a token, each by name
    connection: Connection,
    now: int,
    *,
    actor: str,
    kind: TokenKind,
    name: str,
    role: str | None = None,
    scope: Mapping[str, Any] | None = None,
    uses_left: int | None = None,
    expires_at: int | None = None,
) -> NewToken:
    """A token for a source, for enrolment or for the API. Raises InputError where role and kind do not fit, or it is born expired."""
    if (kind == "api") != (role is not None):
        raise InputError("an api token has a role, and no other kind has one", path="role")
    if role is not None and role not in account.ROLES:
        raise InputError(f"unknown role {role!r}; there are {', '.join(account.ROLES)}", path="role")
    if expires_at is not None and expires_at <= now:
        raise InputError("expires_at has passed already", path="expires_at")
    parse_scope(dict(scope or {}))
    made = token.create_token(connection, now, kind=kind, name=name, role=role, scope=scope, uses_left=uses_left, expires_at=expires_at)
    detail = {"kind": kind, "name": name, "role": role, "scope": dict(scope or {}), "uses_left": uses_left, "expires_at": expires_at}
    audit_chain.append(connection, now, actor=actor, action="token_created", subject=made.id, detail=detail)
    return made


def withdraw_token(connection: Connection, token_id: str, now: int, *, actor: str) -> None:
    """Refuse a token from now on. Raises NotFoundError."""
    token.revoke_token(connection, token_id, now)
    audit_chain.append(connection, now, actor=actor, action="token_revoked", subject=token_id)


def make_sign_in_link(connection: Connection, name: str, now: int, *, actor: str) -> NewToken:
    """A one-time link for an account. Raises NotFoundError."""
    _require(connection, name)
    made = token.create_sign_in_link(connection, name, now)
    audit_chain.append(connection, now, actor=actor, action="sign_in_link_created", subject=name, detail={"token": made.id})
    return made


def make_account(
    connection: Connection, name: str, now: int, *, actor: str, role: str, password_hash: str | None = None, language: str | None = None
) -> None:
    """Raises InputError, ConflictError."""
    account.create_account(connection, name, now, role=role, password_hash=password_hash, language=language)
    audit_chain.append(connection, now, actor=actor, action="account_created", subject=name, detail={"role": role})


def change_account(
    connection: Connection,
    name: str,
    now: int,
    *,
    actor: str,
    role: str | None = None,
    is_disabled: bool | None = None,
    password_hash: str | None = None,
    language: str | None = None,
) -> None:
    """Change what is given, nothing else. Raises InputError, NotFoundError, ConflictError."""
    _require(connection, name)
    changed: dict[str, Any] = {}
    if role is not None:
        account.save_role(connection, name, role)
        changed["role"] = role
    if is_disabled is not None:
        (account.disable_account if is_disabled else account.enable_account)(connection, name)
        changed["is_disabled"] = is_disabled
    if password_hash is not None:
        account.save_password_hash(connection, name, password_hash)
        changed["password"] = "changed"  # noqa: S105 -- says only that it was
    if language is not None:
        account.save_language(connection, name, language or None)
        changed["language"] = language
    audit_chain.append(connection, now, actor=actor, action="account_changed", subject=name, detail=changed)


def _require(connection: Connection, name: str) -> None:
    if account.load_account(connection, name) is None:
        raise NotFoundError(f"no account {quote(name)}; see `muster user list`")
