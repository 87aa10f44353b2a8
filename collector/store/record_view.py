"""Source records as identification sees them: claims, life and place. Read in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select

from collector.reconcile.claim import vendor_of
from collector.reconcile.record import Claim, RecordView
from collector.store.content import load_contents
from collector.store.edit import Edit
from collector.store.schema import section, source, source_record
from collector.store.source import load_source_keys
from collector.store.statement import Lookup

_SEEN = Lookup(
    select(
        *(source_record.c[name] for name in ("id", "source_id", "ref", "ci_class", "content_hash", "first_seen_at", "observed_at", "closed_at")),
        *(source_record.c[name] for name in ("ci_id", "link_made_by", "is_absent", "missed_since")),
        source.c.state,
        section.c.confirmed_at,
        section.c.interval_seconds,
    ).select_from(
        source_record.join(source, source.c.id == source_record.c.source_id).outerjoin(
            section, (section.c.source_id == source_record.c.source_id) & (section.c.name == source_record.c.section)
        )
    ),
    source_record.c.id,
)


def load_views(edit: Edit, claims: Mapping[int, tuple[Claim, ...]]) -> dict[int, RecordView]:
    """Records as identification sees them, by id."""
    rows = list(_SEEN.rows(edit.connection, sorted(claims)))
    load_contents(edit.connection, (bytes(row.content_hash) for row in rows), edit.contents)
    keys = load_source_keys(edit.connection, sorted({row.source_id for row in rows}))
    return {row.id: _view(edit, row, keys[row.source_id], claims.get(row.id, ())) for row in rows}


def _view(edit: Edit, row: Any, key: Any, claims: tuple[Claim, ...]) -> RecordView:
    confirmed_at = max(row.confirmed_at or 0, row.observed_at)
    fresh_ms = edit.context.settings.fresh_for_ms(row.interval_seconds or 600)
    return RecordView(
        id=row.id,
        source=key,
        ref=row.ref,
        ci_class=row.ci_class,
        claims=tuple(trusted(claim) for claim in claims),
        vendor=vendor_of(edit.contents[bytes(row.content_hash)]["attributes"]),
        is_revoked=row.state in ("revoked", "replaced"),
        is_closed=row.closed_at is not None,
        first_seen_at=row.first_seen_at,
        observed_at=row.observed_at,
        confirmed_at=row.closed_at if row.closed_at is not None else confirmed_at,
        live_until=_live_until(row, confirmed_at + fresh_ms),
        ci_id=row.ci_id,
        linked_by="person" if (row.link_made_by or "engine") != "engine" else "engine",
    )


def _live_until(row: Any, fresh_until: int) -> int:
    """Until when a record's word counts: until it is closed or missed, else while its section is fresh."""
    ends = [each for each in (row.closed_at, row.missed_since if row.is_absent else None) if each is not None]
    return min(ends, default=fresh_until)


def trusted(claim: Claim) -> Claim:
    """A claim as identification takes it: which values are quarantined, the neighbourhood says."""
    return msgspec.structs.replace(claim, state="active", why="") if claim.state == "quarantined" else claim
