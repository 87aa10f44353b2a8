"""Accounts of people: role, language, and an argon2id hash of the password (RFC 9106).

Hashing takes tens of milliseconds and 64 MiB on purpose: call `hash_password` and `check_password` on a thread of their own, never
inside the writer. Sessions are in `session.py`, one-time sign-in links in `token.py`.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from collector.store.schema import account
from collector.store.session import end_sessions
from muster.document import suggest
from muster.errors import ConflictError, InputError, NotFoundError, quote

ROLES = ("viewer", "auditor", "configuration_manager", "operator", "administrator")
PASSWORD_MINIMUM = 8
PASSWORD_LIMIT = 1_024
NAME_LIMIT = 64
# Of a password that nobody knows: an unknown name must take as long to refuse as a known one.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$8iK9/YaECyZBYyUo/pRPHw$0J2LE+NBMIwyFKp3QUMnSdfjhbouzGPsN+8NvDmrwT8"
_hasher = PasswordHasher()


class StoredAccount(Struct, frozen=True):
    """A person who may sign in; `password_hash` None: by links only."""

    name: str
    role: str
    is_disabled: bool
    language: str | None
    password_hash: str | None


def hash_password(password: str) -> str:
    """The argon2id hash to store. Raises InputError for a password that is too short or too long."""
    if not PASSWORD_MINIMUM <= len(password) <= PASSWORD_LIMIT:
        raise InputError(f"a password has {PASSWORD_MINIMUM} to {PASSWORD_LIMIT} characters, this one {len(password)}", path="password")
    return _hasher.hash(password)


def check_password(connection: Connection, name: str, password: str) -> StoredAccount | None:
    """The account whose password this is; None where it is not, is disabled or unknown, after the same time. Reads only."""
    found = load_account(connection, name)
    is_open = found is not None and not found.is_disabled and found.password_hash is not None
    kept = found.password_hash if is_open and found is not None else None
    if len(password) > PASSWORD_LIMIT or not _is_password(kept or _NOBODY, password):
        return None
    return found if kept is not None else None


def load_account(connection: Connection, name: str) -> StoredAccount | None:
    """An account by its name."""
    columns = (account.c.name, account.c.role, account.c.is_disabled, account.c.language, account.c.password_hash)
    row = connection.execute(select(*columns).where(account.c.name == name)).first()
    return None if row is None else StoredAccount(*row)


def create_account(
    connection: Connection, name: str, now: int, *, role: str, password_hash: str | None = None, language: str | None = None
) -> StoredAccount:
    """Make an account. Raises InputError for a name or role that is none, ConflictError where the name is taken."""
    if not 1 <= len(name) <= NAME_LIMIT or not name.isprintable() or name != name.strip():
        raise InputError(f"account name {quote(name)} must be 1 to {NAME_LIMIT} printable characters without space at its ends", path="name")
    made = StoredAccount(name, _check_role(role), False, language, password_hash)
    if load_account(connection, name) is not None:
        raise ConflictError(f"account {quote(name)} exists already; change it or take another name")
    connection.execute(insert(account).values(name=name, role=role, password_hash=password_hash, language=language, created_at=now))
    return made


def save_password_hash(connection: Connection, name: str, password_hash: str | None) -> None:
    """Change a password (None: links only) and sign the account out everywhere. Raises NotFoundError."""
    _change(connection, name, password_hash=password_hash)
    end_sessions(connection, name)


def save_role(connection: Connection, name: str, role: str) -> None:
    """Change what an account may do. Raises InputError, NotFoundError, ConflictError where no administrator would be left."""
    if _check_role(role) != "administrator":
        _check_not_last(connection, name)
    _change(connection, name, role=role)


def save_language(connection: Connection, name: str, language: str | None) -> None:
    """Keep the language that a person chose; None: as the browser asks. Raises NotFoundError."""
    _change(connection, name, language=language)


def disable_account(connection: Connection, name: str) -> None:
    """Let an account in no more, and sign it out. Raises NotFoundError, ConflictError where no administrator would be left."""
    _check_not_last(connection, name)
    _change(connection, name, is_disabled=True)
    end_sessions(connection, name)


def enable_account(connection: Connection, name: str) -> None:
    """Let an account in again. Raises NotFoundError."""
    _change(connection, name, is_disabled=False)


def _is_password(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _check_role(role: str) -> str:
    if role not in ROLES:
        raise InputError(f"unknown role {quote(role)}{suggest(role, list(ROLES))}; there are {', '.join(ROLES)}", path="role")
    return role


def _check_not_last(connection: Connection, name: str) -> None:
    is_other = (account.c.role == "administrator") & ~account.c.is_disabled & (account.c.name != name)
    found = load_account(connection, name)
    is_administrator = found is not None and found.role == "administrator" and not found.is_disabled
    if is_administrator and connection.execute(select(account.c.name).where(is_other).limit(1)).first() is None:
        raise ConflictError(f"{quote(name)} is the last administrator; make another account administrator first")


def _change(connection: Connection, name: str, **values: object) -> None:
    if connection.execute(update(account).where(account.c.name == name).values(**values)).rowcount == 0:
        raise NotFoundError(f"no account {quote(name)}; see `muster user list`")
