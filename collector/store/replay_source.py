"""What a replay takes from a live store: the journal in parts, and what sources have said that the journal holds no more.

Reading alone, a connection for each part, so that nothing is held while the replay works. Design: docs/cases.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import zstandard
from msgspec import Struct
from sqlalchemy import Connection, func, select

from collector.reconcile.record import SourceKey
from collector.store.content import load_contents
from collector.store.delivery import item_of
from collector.store.engine import Database
from collector.store.journal import Entry
from collector.store.kept_value import load_kept
from collector.store.schema import relation, report, section, source, source_record
from muster.wire.report import Item, RelationClaim, Report, Section, Source

ENTRIES_AT_ONCE = 200
_claims = msgspec.msgpack.Decoder(RelationClaim)


class Window(Struct, frozen=True):
    """The part of the journal that is replayed: ids after `first_id` up to `last_id`."""

    first_id: int
    last_id: int
    count: int


def find_window(connection: Connection, since: int) -> Window:
    """What was received since an instant."""
    row = connection.execute(select(func.min(report.c.id), func.max(report.c.id), func.count()).where(report.c.received_at >= since)).one()
    return Window((row[0] or 1) - 1, row[1] or 0, row[2])


def iterate_entries(database: Database, window: Window, since: int) -> Iterator[Entry]:
    """The reports of the window in the order in which they were taken; few at a time are in memory."""
    inflate = zstandard.ZstdDecompressor()
    after = window.first_id
    while True:
        with database.connect() as connection:
            wanted = select(report).where(report.c.id > after, report.c.id <= window.last_id, report.c.received_at >= since)
            rows = connection.execute(wanted.order_by(report.c.id).limit(ENTRIES_AT_ONCE)).all()
        if not rows:
            return
        for row in rows:
            body = inflate.decompress(row.body)
            yield Entry(row.id, row.source_id, row.sequence, body, row.content_type, row.observed_at, row.received_at)
        after = rows[-1].id


def load_source_numbers(connection: Connection) -> dict[int, SourceKey]:
    """Every source by its number."""
    columns = (source.c.id, source.c.kind, source.c.name, source.c.instance, source.c.zone)
    return {row.id: SourceKey(row.kind, row.name, row.instance, row.zone) for row in connection.execute(select(*columns).order_by(source.c.id))}


def load_contents_in_force(connection: Connection, source_id: int) -> dict[str, tuple[str | None, int]]:
    """(digest, instant) of the content in force of each section of a source."""
    columns = (section.c.name, section.c.digest, section.c.observed_at)
    return {row.name: (row.digest, row.observed_at) for row in connection.execute(select(*columns).where(section.c.source_id == source_id))}


def make_standing_report(connection: Connection, source_id: int, key: SourceKey, names: Sequence[str], sequence: int) -> Report | None:
    """A report that says what a source's sections hold, made of what is stored; None: they hold nothing."""
    query = select(section).where(section.c.source_id == source_id, section.c.name.in_(sorted(names)), section.c.status == "ok")
    rows = {row.name: row for row in connection.execute(query)}
    if not rows:
        return None
    items, relations = _load_items(connection, source_id, rows), _load_relations(connection, source_id, rows)
    sections = {
        name: Section(
            digest=row.digest,
            complete=row.complete,
            depth=row.depth,
            interval_seconds=row.interval_seconds,
            items=items.get(name, []),
            relations=relations.get(name, []),
        )
        for name, row in rows.items()
    }
    told = Source(key.kind, key.name, key.instance, key.zone)
    return Report(source=told, sequence=sequence, observed_at=max(row.confirmed_at for row in rows.values()), sections=sections)


def _load_items(connection: Connection, source_id: int, names: Mapping[str, Any]) -> dict[str, list[Item]]:
    owner = source_record.alias("owner")
    joined = source_record.outerjoin(owner, owner.c.id == source_record.c.owner_record_id)
    columns = (
        source_record.c.id,
        source_record.c.section,
        source_record.c.ref,
        source_record.c.content_hash,
        source_record.c.owner_ref,
        owner.c.ref.label("owned_by"),
    )
    stands = source_record.c.closed_at.is_(None) & source_record.c.is_absent.is_(False)
    query = select(*columns).select_from(joined).where(source_record.c.source_id == source_id, source_record.c.section.in_(sorted(names)), stands)
    rows = connection.execute(query.order_by(source_record.c.id)).all()
    bodies = load_contents(connection, (bytes(row.content_hash) for row in rows))
    kept = load_kept(connection, (row.id for row in rows))
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for row in rows:
        item = item_of(row.ref, bodies[bytes(row.content_hash)])
        said = {name: value for name, (value, _) in kept.get(row.id, {}).items()}
        item = msgspec.structs.replace(item, attributes={**item.attributes, **said}) if said else item
        found[row.section].append(msgspec.structs.replace(item, owner=row.owned_by or row.owner_ref))
    return found


def _load_relations(connection: Connection, source_id: int, names: Mapping[str, Any]) -> dict[str, list[RelationClaim]]:
    in_force = (relation.c.source_id == source_id) & relation.c.valid_to.is_(None) & relation.c.section.in_(sorted(names))
    found: defaultdict[str, list[RelationClaim]] = defaultdict(list)
    for row in connection.execute(select(relation.c.section, relation.c.claim).where(in_force).order_by(relation.c.id)):
        found[row.section].append(_claims.decode(row.claim))
    return found
