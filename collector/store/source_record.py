"""Source records: one thing as one source knows it, and the history of what was observed of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select

from collector.store.schema import observation_history, source_record
from collector.store.statement import Lookup, insert_or_replace, parts, update_rows

_COLUMNS = (
    "id", "source_id", "section", "ref", "ci_class", "owner_record_id", "content_hash", "observed_at", "first_seen_at", "changed_at", "misses",
    "missed_since", "is_absent", "closed_at", "ci_id", "link_rule", "link_made_by", "owner_ref",
)  # fmt: skip
_SELECT = select(*(source_record.c[name] for name in _COLUMNS))
_BY_ID = Lookup(_SELECT, source_record.c.id)
_OF_SOURCE = _SELECT.where(source_record.c.source_id == bindparam("source"))
_BY_REF_ALL = Lookup(_OF_SOURCE, source_record.c.ref)
_BY_REF = Lookup(_OF_SOURCE.where(source_record.c.closed_at.is_(None)), source_record.c.ref)


class StoredRecord(msgspec.Struct):
    """A row of `source_record` without its evidence. `id` 0: not stored yet."""

    id: int
    source_id: int
    section: str
    ref: str
    ci_class: str
    owner_record_id: int | None
    content_hash: bytes
    observed_at: int
    first_seen_at: int
    changed_at: int
    misses: int = 0
    missed_since: int | None = None
    is_absent: bool = False
    closed_at: int | None = None
    ci_id: str | None = None
    link_rule: str | None = None
    link_made_by: str | None = None
    owner_ref: str | None = None


def _records(connection: Connection, query: Any) -> list[StoredRecord]:
    return [StoredRecord(*row) for row in connection.execute(query)]


def load_sections(connection: Connection, source_id: int, sections: Collection[str]) -> list[StoredRecord]:
    """The open records of these sections of a source."""
    is_wanted = (source_record.c.source_id == source_id) & source_record.c.section.in_(sorted(sections))
    return _records(connection, _SELECT.where(is_wanted, source_record.c.closed_at.is_(None)))


def load_refs(connection: Connection, source_id: int, refs: Iterable[str], *, with_closed: bool = False) -> list[StoredRecord]:
    """The records of a source under these refs."""
    query = _BY_REF_ALL if with_closed else _BY_REF
    return [StoredRecord(*row) for row in query.rows(connection, sorted(set(refs)), source=source_id)]


def load_records(connection: Connection, ids: Iterable[int]) -> list[StoredRecord]:
    """Records by id."""
    return [StoredRecord(*row) for row in _BY_ID.rows(connection, sorted(set(ids)))]


def load_waiting(connection: Connection, source_id: int, owner_refs: Iterable[str]) -> list[StoredRecord]:
    """The open records of a source that wait for one of these owners."""
    is_waiting = (source_record.c.source_id == source_id) & source_record.c.owner_record_id.is_(None) & source_record.c.closed_at.is_(None)
    found: list[StoredRecord] = []
    for part in parts(sorted(set(owner_refs))):
        found += _records(connection, _SELECT.where(is_waiting, source_record.c.owner_ref.in_(part)))
    return found


def has_waiting(connection: Connection, source_id: int) -> bool:
    """Whether any record of a source waits for its owner."""
    waits = source_record.c.owner_record_id.is_(None) & source_record.c.owner_ref.is_not(None) & source_record.c.closed_at.is_(None)
    return connection.execute(select(source_record.c.id).where(source_record.c.source_id == source_id, waits).limit(1)).first() is not None


def load_owned(connection: Connection, owner_record_ids: Iterable[int]) -> list[StoredRecord]:
    """The open records whose owner is one of these, at any depth."""
    found: list[StoredRecord] = []
    wanted = sorted(set(owner_record_ids))
    while wanted:
        level: list[StoredRecord] = []
        for part in parts(wanted):
            is_wanted = source_record.c.owner_record_id.in_(part) & source_record.c.closed_at.is_(None)
            level += _records(connection, _SELECT.where(is_wanted))
        found += level
        wanted = sorted({each.id for each in level})
    return found


def insert_records(connection: Connection, records: Sequence[StoredRecord]) -> None:
    """Store new records and give each its id."""
    if not records:
        return
    rows = [_row(each) for each in records]
    statement = insert(source_record).returning(source_record.c.id, sort_by_parameter_order=True)
    for record, record_id in zip(records, connection.execute(statement, rows).scalars(), strict=True):
        record.id = record_id


def update_records(connection: Connection, records: Sequence[StoredRecord], names: Sequence[str]) -> None:
    """Write these columns of records."""
    update_rows(connection, source_record, [{"id": each.id, **{name: getattr(each, name) for name in names}} for each in records])


def save_observations(connection: Connection, observed: Iterable[tuple[int, int, bytes | None]], known_from: int) -> None:
    """What records held from an instant on: (record, instant, content hash; None: the item was gone)."""
    rows: Mapping[tuple[int, int], dict[str, Any]] = {
        (record_id, at): {"record_id": record_id, "observed_at": at, "content_hash": content_hash, "known_from": known_from}
        for record_id, at, content_hash in observed
    }
    insert_or_replace(connection, observation_history, list(rows.values()))


def _row(record: StoredRecord) -> dict[str, Any]:
    row = {name: getattr(record, name) for name in _COLUMNS}
    del row["id"]
    return row
