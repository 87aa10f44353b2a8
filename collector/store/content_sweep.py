"""Removal of contents that nothing refers to any more: found while reading, removed later, so that taking reports never waits for it.

What is found without a reference is marked; only what is found so again an hour later, and that nobody has kept anew meanwhile
(`save_contents` takes the mark off), goes. Decisions refer to contents inside their bodies, which are looked through too. Design:
docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from collector.store import setting
from collector.store.content import decode, forget_kept
from collector.store.schema import ci, content, decision, observation_history, source_record
from collector.store.statement import parts

HOUR_MS = 3_600_000
CONTENTS_AT_ONCE = 100_000  # hashes of one range are held in memory
REMOVED_AT_ONCE = 5_000
_PLACE = "content_sweep"
_REFERENCES = (source_record.c.content_hash, observation_history.c.content_hash, ci.c.effective_hash, ci.c.recorded_hash)


class Found(Struct):
    """One range of hashes as read: those without a reference, those that have one, and where the next range begins (None: at the start)."""

    unused: list[bytes]
    marked_in_use: list[bytes]
    removable: list[bytes]
    next_from: bytes | None


def find_unused(connection: Connection, now: int, *, limit: int = CONTENTS_AT_ONCE) -> Found:
    """Look through the next range of hashes. Reads the tables that refer to contents once; writes nothing."""
    start = bytes(setting.load(connection, _PLACE) or b"")
    query = select(content.c.hash, content.c.unused_since).where(content.c.hash >= start).order_by(content.c.hash).limit(limit + 1)
    rows = [(bytes(key), since) for key, since in connection.execute(query)]
    following = rows[limit][0] if len(rows) > limit else None
    since_of = dict(rows[:limit])
    used = _used(connection, start, following)
    unused = [key for key in since_of if key not in used]
    removable = [key for key in unused if since_of[key] is not None and since_of[key] <= now - HOUR_MS]
    return Found(unused, [key for key in since_of if key in used and since_of[key] is not None], removable[:REMOVED_AT_ONCE], following)


def remove_unused(connection: Connection, found: Found, now: int) -> int:
    """Remove, mark and unmark what was found, inside the writer; how many went."""
    removed = 0
    forget_kept(connection)
    for part in parts(found.removable):
        still = content.c.hash.in_(part) & content.c.unused_since.is_not(None) & (content.c.unused_since <= now - HOUR_MS)
        removed += connection.execute(delete(content).where(still)).rowcount
    for part in parts(found.unused):
        connection.execute(update(content).where(content.c.hash.in_(part), content.c.unused_since.is_(None)).values(unused_since=now))
    for part in parts(found.marked_in_use):
        connection.execute(update(content).where(content.c.hash.in_(part)).values(unused_since=None))
    setting.save(connection, _PLACE, found.next_from)
    return removed


def _used(connection: Connection, start: bytes, end: bytes | None) -> set[bytes]:
    used: set[bytes] = set()
    for column in _REFERENCES:
        query = select(column).where(column.is_not(None), _in_range(column, start, end)).distinct()
        used |= {bytes(key) for key in connection.execute(query).scalars()}
    for body in connection.execute(select(decision.c.subject).execution_options(yield_per=1_000)).scalars():
        used |= {key for key in _hashes(decode(body)) if key >= start and (end is None or key < end)}
    return used


def _in_range(column: ColumnElement[Any], start: bytes, end: bytes | None) -> ColumnElement[bool]:
    return column >= start if end is None else (column >= start) & (column < end)


def _hashes(value: Any) -> Iterator[bytes]:
    """Every bytes in what a decision keeps."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from _all_hashes(value.values())
    elif isinstance(value, list | tuple):
        yield from _all_hashes(value)


def _all_hashes(values: Iterable[Any]) -> Iterator[bytes]:
    for each in values:
        yield from _hashes(each)


def count_contents(connection: Connection) -> int:
    """How many there are."""
    return int(connection.execute(select(func.count()).select_from(content)).scalar_one())
