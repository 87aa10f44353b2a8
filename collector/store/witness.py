"""What the records of CIs say of them now: observations to merge, and witnesses of presence. One read for many CIs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import select

from collector.reconcile.absence import Witness
from collector.reconcile.fact import Observation, Pin
from collector.reconcile.record import SourceKey
from collector.store.address_binding import find_lost_addresses, without_addresses
from collector.store.content import decode, load_contents
from collector.store.edit import Edit
from collector.store.kept_value import spread
from collector.store.schema import kept_value, pin, section, source, source_record
from collector.store.statement import Lookup


@dataclass
class Testimony:
    """Of one CI. `observations` of records that are gone count only where no other is left: the last known.

    `seen_at`: when a source last confirmed it. `first_source`: of its oldest record.
    """

    observations: list[Observation] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    pins: dict[str, Pin] = field(default_factory=dict)
    refs: list[str] = field(default_factory=list)
    seen_at: int | None = None
    first_source: SourceKey | None = None
    first_source_id: int | None = None


def load_testimonies(edit: Edit, ci_ids: Collection[str]) -> dict[str, Testimony]:
    """What is known of each of these CIs."""
    rows = list(_OF_CIS.rows(edit.connection, sorted(ci_ids)))
    load_contents(edit.connection, (row.content_hash for row in rows), edit.contents)
    found = {ci_id: Testimony() for ci_id in ci_ids}
    gone: dict[str, list[Observation]] = {}
    for row in rows:
        _hear(edit, found[row.ci_id], row, gone)
    _leave_out_lost_addresses(edit, found.values())
    for ci_id, observations in gone.items():
        if not found[ci_id].observations:
            found[ci_id].observations = observations
    for each in _PINS.rows(edit.connection, sorted(ci_ids)):
        found[each.ci_id].pins[each.attribute] = Pin(decode(each.value), each.reason, each.owner, each.expires_at)
    return found


def _leave_out_lost_addresses(edit: Edit, told: Iterable[Testimony]) -> None:
    """An address that another has now is no longer what is last known of a silent CI."""
    silent = {each.record_id: each.confirmed_at for one in told for each in one.observations if not each.is_fresh and "ip" in each.attributes}
    lost = find_lost_addresses(edit, silent) if silent else {}
    for one in told if lost else ():
        one.observations = [
            msgspec.structs.replace(each, attributes=without_addresses(each.attributes, lost[each.record_id])) if each.record_id in lost else each
            for each in one.observations
        ]


_QUERY = select(
    *(
        source_record.c[name]
        for name in ("id", "ci_id", "ref", "content_hash", "observed_at", "changed_at", "misses", "is_absent", "closed_at", "source_id")
    ),
    *(source.c[name] for name in ("kind", "name", "instance", "zone", "state")),
    *(section.c[name] for name in ("confirmed_at", "interval_seconds", "complete")),
    section.c.observed_at.label("told_at"),
    kept_value.c.body.label("kept"),
).select_from(
    source_record.join(source, source.c.id == source_record.c.source_id)
    .outerjoin(section, (section.c.source_id == source_record.c.source_id) & (section.c.name == source_record.c.section))
    .outerjoin(kept_value, kept_value.c.record_id == source_record.c.id)
)


def _last_word(edit: Edit, key: SourceKey, row: Any) -> Observation:
    """What a record said last before another thing took its ref."""
    return Observation(
        record_id=row.id,
        source=key,
        ref=row.ref,
        observed_at=row.observed_at,
        confirmed_at=row.observed_at,
        is_fresh=False,
        attributes=edit.contents[row.content_hash]["attributes"],
        is_complete=bool(row.complete),
        source_id=row.source_id,
    )


_OF_CIS = Lookup(_QUERY.order_by(source_record.c.id), source_record.c.ci_id)
_PINS = Lookup(select(pin), pin.c.ci_id)


def last_seen_at(row: Any) -> int:
    """When a record's source last saw it: a section that was confirmed has seen again all that it listed, a whole one all that it holds.

    Among fresh sources of one rank the one whose word is the newest counts, however often the others repeat theirs; where none is
    fresh, the one that was heard last.
    """
    is_listed = row.complete or (row.told_at is not None and row.observed_at >= row.told_at)
    is_there = is_listed and not row.is_absent and not row.misses and row.confirmed_at is not None
    return max(row.observed_at, row.confirmed_at) if is_there else int(row.observed_at)


def _hear(edit: Edit, told: Testimony, row: Any, gone: dict[str, list[Observation]]) -> None:
    key = SourceKey(row.kind, row.name, row.instance, row.zone)
    edit.know_source(key, row.source_id)
    if told.first_source is None:
        told.first_source, told.first_source_id = key, row.source_id
    if row.closed_at is not None:
        # What another thing took the ref of has left; an agent's clones only take turns.
        told.witnesses.append(Witness(is_fresh=False, is_absent=row.kind != "agent"))
        gone.setdefault(row.ci_id, []).append(_last_word(edit, key, row))
        return
    confirmed_at = row.confirmed_at if row.confirmed_at is not None else row.observed_at
    fresh_ms = edit.context.settings.fresh_for_ms(row.interval_seconds or 600)
    is_fresh = row.state not in ("revoked", "replaced") and edit.now - confirmed_at <= fresh_ms
    told.witnesses.append(Witness(is_fresh=is_fresh, is_absent=row.is_absent))
    told.refs.append(row.ref)
    seen_at = last_seen_at(row)
    if not row.is_absent:
        told.seen_at = max(told.seen_at or 0, seen_at)
    observation = Observation(
        record_id=row.id,
        source=key,
        ref=row.ref,
        observed_at=row.changed_at if is_fresh else seen_at,
        confirmed_at=confirmed_at,
        is_fresh=is_fresh and not row.is_absent,
        attributes=edit.contents[row.content_hash]["attributes"],
        is_complete=bool(row.complete),
        source_id=row.source_id,
    )
    heard = gone.setdefault(row.ci_id, []) if row.is_absent else told.observations
    heard.append(observation)
    if row.kept is not None:
        heard += spread(observation, row.kept, fresh_since=edit.now - fresh_ms)
