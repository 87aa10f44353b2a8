"""The audit trail: decisions, sign-ins and changes of configuration as a chain of hashes, in which an edit or a gap shows.

Each entry's hash covers its number, its content and the hash before it. What a chain alone cannot show is that its end was cut
off: compare its `head` with one that was written down elsewhere (`verify(connection, expected=...)`). Design: docs/storage.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, insert, select

from collector.store.content import decode, encode
from collector.store.schema import audit

ORIGIN = bytes(32)
_ROWS_AT_ONCE = 1_000


class Head(Struct, frozen=True):
    """The newest entry: its number (0: none) and hash."""

    id: int = 0
    hash: bytes = ORIGIN


class AuditEntry(Struct, frozen=True):
    """One entry as people read it. `actor`: `person:NAME`, `token:NAME`, `policy:NAME` or `collector`."""

    id: int
    at: int
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class Verdict(Struct, frozen=True):
    """What `verify` found. `broken_id`: the first entry that does not hold, with the reason; None: the chain is whole."""

    entries: int
    head: Head
    broken_id: int | None = None
    reason: str = ""


def append(connection: Connection, at: int, *, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> Head:
    """Add an entry within a write transaction, and give the new head. `detail` holds no secret: it is read by auditors."""
    previous = load_head(connection)
    body = encode(dict(detail or {}))
    digest = _hash(previous.hash, [previous.id + 1, at, actor, action, subject, body])
    content = {"at": at, "actor": actor, "action": action, "subject": subject, "detail": body}
    connection.execute(insert(audit).values(id=previous.id + 1, **content, previous_hash=previous.hash, hash=digest))
    return Head(previous.id + 1, digest)


def load_head(connection: Connection) -> Head:
    """The newest entry's number and hash."""
    row = connection.execute(select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1)).first()
    return Head() if row is None else Head(row.id, bytes(row.hash))


def load_entries(connection: Connection, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
    """Entries, newest first; `before`: only those with a lower number."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    rows = connection.execute(query if before is None else query.where(audit.c.id < before))
    return [AuditEntry(row.id, row.at, row.actor, row.action, row.subject, decode(row.detail)) for row in rows]


def verify(connection: Connection, *, expected: Head | None = None) -> Verdict:
    """Follow the whole chain. `expected`: a head written down earlier, which the chain must still pass through."""
    head = Head()
    with connection.execute(select(audit).order_by(audit.c.id).execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        for row in rows:
            reason = _fault(head, row)
            if not reason and expected is not None and row.id == expected.id and bytes(row.hash) != expected.hash:
                reason = "its hash is not the one written down: the chain was made anew"
            if reason:
                return Verdict(head.id, head, row.id, reason)
            head = Head(row.id, bytes(row.hash))
    if expected is not None and head.id < expected.id:
        return Verdict(head.id, head, head.id + 1, f"entries {head.id + 1} to {expected.id} are gone from the end")
    return Verdict(head.id, head)


def _fault(before: Head, row: Any) -> str:
    if row.id != before.id + 1:
        return f"entries {before.id + 1} to {row.id - 1} before it are gone"
    if bytes(row.previous_hash) != before.hash:
        return "it does not follow the entry before it"
    if bytes(row.hash) != _hash(before.hash, [row.id, row.at, row.actor, row.action, row.subject, bytes(row.detail)]):
        return "its content is not what was written"
    return ""


def _hash(previous: bytes, content: Sequence[Any]) -> bytes:
    return hashlib.sha256(encode([previous, *content])).digest()
