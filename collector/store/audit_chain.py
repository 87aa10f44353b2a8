"""The audit trail: decisions, sign-ins and changes of configuration as a chain of hashes, in which an edit or a gap shows.

Each entry's hash covers its number, its content and the hash before it. What a chain alone cannot show is that its end was cut
off or written anew: compare with a head that was written down elsewhere (`verify(connection, expected=...)`). Guide: docs/audit.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, true

from collector.store.content import decode, encode
from collector.store.schema import audit
from muster.errors import InputError, quote

ORIGIN = bytes(32)
_ROWS_AT_ONCE = 1_000


class Head(Struct, frozen=True):
    """The newest entry: its number (0: none) and hash. As an anchor, the number 0 with a hash means "the entry of this hash"."""

    id: int = 0
    hash: bytes = ORIGIN

    def __str__(self) -> str:
        """`NUMBER:HASH`, as people write it down and `parse_anchor` reads it."""
        return f"{self.id}:{self.hash.hex()}"


class AuditEntry(Struct, frozen=True):
    """One entry as people read it. `actor`: `person:NAME`, `token:NAME`, `policy:NAME` or `collector`; `hash` in hexadecimal."""

    id: int
    at: int
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str = ""


class Wanted(Struct, frozen=True):
    """Which entries: empty texts and None ask for all. `action`: a whole action, or with `*` its beginning; `since` ≤ at < `until`."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: int | None = None
    until: int | None = None


class Verdict(Struct, frozen=True):
    """What `verify` found. `entries`, `head`: of the part that holds. `broken_id`: the first entry that does not, with the reason;
    None: the chain is whole."""

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


def load_entries(connection: Connection, wanted: Wanted | None = None, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
    """Entries, newest first; `before`: only those with a lower number."""
    query = select(audit).where(_condition(wanted or Wanted())).order_by(audit.c.id.desc()).limit(limit)
    rows = connection.execute(query if before is None else query.where(audit.c.id < before))
    return [_entry(row) for row in rows]


def count_entries(connection: Connection, wanted: Wanted) -> int:
    """How many there are of these."""
    if wanted == Wanted():
        return load_head(connection).id
    return int(connection.execute(select(func.count()).select_from(audit).where(_condition(wanted))).scalar_one())


def _condition(wanted: Wanted) -> ColumnElement[bool]:
    conditions = [
        _matches(column, text)
        for column, text in ((audit.c.actor, wanted.actor), (audit.c.action, wanted.action), (audit.c.subject, wanted.subject))
        if text
    ]
    conditions += [] if wanted.since is None else [audit.c.at >= wanted.since]
    conditions += [] if wanted.until is None else [audit.c.at < wanted.until]
    return and_(true(), *conditions)


def _matches(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.startswith(text[:-1], autoescape=True) if text.endswith("*") else column == text


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(row.id, row.at, row.actor, row.action, row.subject, decode(row.detail), bytes(row.hash).hex())


def parse_anchor(text: str) -> Head:
    """A head written down earlier: `NUMBER:HASH`, or the hash alone. Raises InputError."""
    number, _, digest = text.strip().rpartition(":")
    try:
        found = Head(int(number or 0), bytes.fromhex(digest))
    except ValueError:
        found = Head()
    if len(found.hash) != len(ORIGIN) or found.id < 0 or found == Head():
        raise InputError(f"{quote(text)} is no head of an audit trail; give NUMBER:HASH as `muster audit verify` printed it", path="expect")
    return found


def verify(connection: Connection, *, expected: Head | None = None) -> Verdict:
    """Follow the whole chain, entry by entry. `expected`: a head written down earlier, which the chain must still pass through."""
    head, is_met = Head(), expected is None or expected == Head()
    with connection.execute(select(audit).order_by(audit.c.id).execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        for row in rows:
            reason = _fault(head, row)
            found = bytes(row.hash)
            if not reason and expected is not None and row.id == expected.id and found != expected.hash:
                reason = "its hash is not the one written down: the chain was made anew"
            if reason:
                return Verdict(head.id, head, row.id, reason)
            is_met = is_met or (expected is not None and found == expected.hash and expected.id in (0, row.id))
            head = Head(row.id, found)
    if is_met or expected is None:
        return Verdict(head.id, head)
    if expected.id:
        return Verdict(head.id, head, head.id + 1, f"entries {head.id + 1} to {expected.id} are gone from the end")
    return Verdict(head.id, head, head.id + 1, "no entry has the hash written down: the end is gone, or the chain was made anew")


def _fault(before: Head, row: Any) -> str:
    if row.id <= before.id:
        return "it was put in before the first entry"
    if row.id != before.id + 1:
        return f"entries {before.id + 1} to {row.id - 1} before it are gone"
    if bytes(row.previous_hash) != before.hash:
        return "it does not follow the entry before it: one of the two was exchanged, put in or written anew"
    if bytes(row.hash) != _hash(before.hash, [row.id, row.at, row.actor, row.action, row.subject, bytes(row.detail)]):
        return "its content is not what was written"
    return ""


def _hash(previous: bytes, content: Sequence[Any]) -> bytes:
    return hashlib.sha256(encode([previous, *content])).digest()
