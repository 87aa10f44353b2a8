"""What records stated before and their newest contents do not name: the last words of their sources. Design: docs/storage.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, update

from collector.reconcile.fact import Observation
from collector.reconcile.kept import Kept, Word, keep_late, keep_unsaid
from collector.store.content import decode, encode
from collector.store.edit import Edit
from collector.store.schema import kept_value, source_record
from collector.store.statement import Lookup, insert_or_replace, parts

_OF_RECORDS = Lookup(select(kept_value.c.record_id, kept_value.c.body), kept_value.c.record_id)


@dataclass(frozen=True)
class Restated:
    """A record whose content is another: its class, what it said and what it says. `is_late`: `before` was not known when `now` came."""

    record_id: int
    ci_class: str
    before: Word
    now: Word
    interval_seconds: int
    is_late: bool = False


def load_kept(connection: Connection, record_ids: Iterable[int]) -> dict[int, Kept]:
    """What is kept of these records; of most nothing."""
    rows = _OF_RECORDS.rows(connection, sorted(set(record_ids)))
    return {record_id: {name: (value, at) for name, (value, at) in decode(body).items()} for record_id, body in rows}


def keep_values(edit: Edit, restated: Iterable[Restated]) -> set[int]:
    """Write what stands beside new contents; the records of which that is another now."""
    told = list(restated)
    if not told:
        return set()
    known = load_kept(edit.connection, (each.record_id for each in told))
    was = dict(known)
    for each in told:
        keep = keep_late if each.is_late else keep_unsaid
        known[each.record_id] = keep(edit.class_of(each.ci_class), each.before, known.get(each.record_id, {}), each.now)
    changed = {each.record_id: each.interval_seconds for each in told if known[each.record_id] != was.get(each.record_id, {})}
    for part in parts([each for each in changed if not known[each]]):
        edit.connection.execute(delete(kept_value).where(kept_value.c.record_id.in_(part)))
    rows = [
        {"record_id": each, "body": encode(known[each]), "stale_at": _next_stale(edit, known[each], changed[each])} for each in changed if known[each]
    ]
    insert_or_replace(edit.connection, kept_value, rows)
    return set(changed)


def find_stale(edit: Edit, limit: int) -> tuple[int, set[str]]:
    """Records of which a kept value is fresh no more, how many, and their CIs; each is found once for each instant."""
    due = select(kept_value.c.record_id).where(kept_value.c.stale_at <= edit.now).order_by(kept_value.c.stale_at, kept_value.c.record_id).limit(limit)
    records = list(edit.connection.execute(due).scalars())
    touched: set[str] = set()
    for part in parts(records):
        query = select(source_record.c.ci_id).where(source_record.c.id.in_(part), source_record.c.ci_id.is_not(None))
        touched.update(edit.connection.execute(query).scalars())
        edit.connection.execute(update(kept_value).where(kept_value.c.record_id.in_(part)).values(stale_at=None))
    return len(records), touched


def _next_stale(edit: Edit, kept: Kept, interval_seconds: int) -> int | None:
    """When the newest of them is fresh no more; those that end before it are told with it or with the record's next word."""
    ends = [at + edit.context.settings.fresh_for_ms(interval_seconds) + 1 for _, at in kept.values()]
    return min((each for each in ends if each > edit.now), default=None)


def spread(newest: Observation, body: bytes, *, fresh_since: int) -> list[Observation]:
    """What a record stated before and its newest word does not name, each as fresh as when it was heard last. `body`: the column."""
    return [
        msgspec.structs.replace(
            newest, observed_at=at, confirmed_at=at, is_fresh=newest.is_fresh and at >= fresh_since, is_complete=True, attributes=attributes
        )
        for at, attributes in by_instant(decode(body)).items()
    ]


def by_instant(kept: Mapping[str, tuple[Any, int]]) -> dict[int, dict[str, Any]]:
    """Kept values by the instant when they were heard last."""
    found: dict[int, dict[str, Any]] = {}
    for name, (value, at) in kept.items():
        found.setdefault(at, {})[name] = value
    return found
