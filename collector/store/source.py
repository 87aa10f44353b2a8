"""Sources: who may report as whom, how their clocks stand, what of theirs was refused or dropped."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import median_low
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, insert, select, update

from collector.reconcile.record import SourceKey
from collector.store.content import decode, encode
from collector.store.schema import source, token
from collector.store.statement import Lookup, parts, update_rows
from muster.errors import AuthorisationError, quote
from muster.wire.report import Dropped, Rejection, Source

OFFSETS_KEPT = 5
OFFSET_CORRECTED_MS = 300_000
REJECTIONS_KEPT = 100
DROPPED_KEPT = 100
_SELECT = select(
    source.c.id, source.c.kind, source.c.name, source.c.instance, source.c.zone, source.c.state, source.c.last_sequence, source.c.clock_offsets_ms,
    source.c.software_version,
)  # fmt: skip
_BY_NAME = _SELECT.where(source.c.kind == bindparam("kind"), source.c.name == bindparam("name"), source.c.instance == bindparam("instance"))
_KEYS = Lookup(select(source.c.id, source.c.kind, source.c.name, source.c.instance, source.c.zone), source.c.id)
_BY_NAMES = (
    "SELECT id, kind, name, instance, zone, state, last_sequence, clock_offsets_ms, software_version FROM source"
    " WHERE (kind, name, instance) IN (VALUES "
)
_offsets = msgspec.json.Decoder(list[int])
ENROLLED = ""  # the instance of a source that is enrolled and has not reported yet; no report can have it


class Scope(Struct, frozen=True, forbid_unknown_fields=True):
    """What a token lets a source claim; empty: anything. `ranges`: address ranges (CIDR) of the devices it may report."""

    kinds: list[str] = []
    names: list[str] = []
    zones: list[str] = []
    classes: list[str] = []
    ranges: list[str] = []


class Grant(Struct, frozen=True):
    """The token by which a report came. `source_id`: the source that it is bound to; None: not yet, the first report binds it.

    `token_id` None: nothing to bind (imports and tests inside the process).
    """

    token_id: str | None = None
    source_id: int | None = None
    scope: Scope = Scope()


class StoredSource(Struct):
    """A row of `source` as ingest needs it."""

    id: int
    key: SourceKey
    state: str
    last_sequence: int | None
    clock_offsets_ms: list[int]
    software_version: str
    is_new: bool = False


def admit(connection: Connection, reported: Source, grant: Grant, now: int) -> StoredSource:
    """The source row of a report, made where it is the first one. Raises AuthorisationError where the token may not report as it."""
    check_scope(reported, grant.scope)
    if grant.token_id is not None and grant.source_id is None:  # another report may have bound it meanwhile
        bound_to = connection.execute(select(token.c.source_id).where(token.c.id == grant.token_id)).scalar()
        grant = msgspec.structs.replace(grant, source_id=bound_to)
    known = _find(connection, reported, grant) or _create(connection, reported, grant, now)
    if known.state == "revoked":
        raise AuthorisationError(f"source {known.key.text} is revoked; enrol it again to let it report")
    if known.state == "pending":
        raise AuthorisationError(f"source {known.key.text} waits for approval; approve it on its page")
    if known.state == "replaced":
        connection.execute(update(source).where(source.c.id == known.id).values(state="active"))
    if known.key.zone != reported.zone:
        _move(connection, known, reported.zone)
    if grant.token_id is not None and grant.source_id is None:
        connection.execute(update(token).where(token.c.id == grant.token_id, token.c.source_id.is_(None)).values(source_id=known.id))
    return known


def _find(connection: Connection, reported: Source, grant: Grant) -> StoredSource | None:
    """The row under this name, or the one that the token's enrolment made for it; None: a new one is due."""
    known = _to_source(connection.execute(_BY_NAME, {"kind": reported.kind, "name": reported.name, "instance": reported.instance}).first())
    if grant.source_id is None or (known is not None and known.id == grant.source_id):
        return known
    bound = _check_bound(connection, reported, grant.source_id)
    if bound.state in ("revoked", "pending"):
        return bound
    if known is None and bound.key.instance == ENROLLED:
        return _take_over(connection, bound, reported)
    if known is None:
        _replace_instances(connection, grant)
    return known


def _replace_instances(connection: Connection, grant: Grant) -> None:
    """One token, one source: with a new spool it has a new instance, and what reported before has ended, not been cloned.

    Should the one before report again after all, it is active again, and then two hold one enrolment.
    """
    of_token = (source.c.id == grant.source_id) | (source.c.token_id == grant.token_id)
    connection.execute(update(source).where(of_token, source.c.state == "active").values(state="replaced"))


def load_source_keys(connection: Connection, ids: Sequence[int]) -> dict[int, SourceKey]:
    """The names of sources by their numbers."""
    return {row.id: SourceKey(row.kind, row.name, row.instance, row.zone) for row in _KEYS.rows(connection, ids)}


def revoke_source(connection: Connection, source_id: int, now: int) -> None:
    """From now on every report and every token of this source is refused."""
    connection.execute(update(source).where(source.c.id == source_id).values(state="revoked"))
    connection.execute(update(token).where(token.c.source_id == source_id, token.c.revoked_at.is_(None)).values(revoked_at=now))


def clock_shift_ms(offsets: Sequence[int]) -> int:
    """What to add to a source's instants: the median offset of its last attempts where it is over five minutes, else 0."""
    offset = clock_offset_ms(offsets)
    return offset if abs(offset) > OFFSET_CORRECTED_MS else 0


def clock_offset_ms(offsets: Sequence[int]) -> int:
    """Collector's clock minus the source's: the median of the last attempts."""
    return median_low(offsets) if offsets else 0


def note_attempt(offsets: Sequence[int], received_at: int, sent_at: int | None) -> list[int]:
    """The offsets of the last attempts, with this one."""
    return list(offsets) if sent_at is None else [*offsets, received_at - sent_at][-OFFSETS_KEPT:]


def save_attempt(
    connection: Connection,
    known: StoredSource,
    *,
    now: int,
    sequence: int,
    software_version: str,
    rejected: Sequence[Rejection],
    rejected_count: int,
    dropped: Sequence[Dropped],
) -> None:
    """What the source's page shows after an accepted report; `rejected` are the first of `rejected_count`."""
    values: dict[str, Any] = {
        "last_report_at": now,
        "last_sequence": max(sequence, known.last_sequence or 0),
        "clock_offsets_ms": msgspec.json.encode(known.clock_offsets_ms).decode(),
        "software_version": software_version or known.software_version,
    }
    if rejected or dropped:
        row = connection.execute(select(source.c.last_rejections, source.c.dropped).where(source.c.id == known.id)).one()
        if rejected:
            refused = [{"path": each.path, "reason": each.reason, "at": now} for each in rejected]
            values["rejected_total"] = source.c.rejected_total + rejected_count
            values["last_rejections"] = encode([*(decode(row.last_rejections) or []), *refused][-REJECTIONS_KEPT:])
        if dropped:
            given_up = [{"from": each.from_sequence, "to": each.to_sequence, "reason": each.reason, "at": now} for each in dropped]
            values["dropped"] = encode([*(decode(row.dropped) or []), *given_up][-DROPPED_KEPT:])
        connection.execute(update(source).where(source.c.id == known.id).values(**values))
    else:
        update_rows(connection, source, [{"id": known.id, **values}])  # as most reports are: a statement that is built once


def load_sources(connection: Connection, names: Collection[tuple[str, str, str]]) -> dict[tuple[str, str, str], StoredSource]:
    """Sources by (kind, name, instance); those that are not known are left out."""
    found: dict[tuple[str, str, str], StoredSource] = {}
    for part in parts(sorted(names)):
        marks = ", ".join(["(%s, %s, %s)" if connection.dialect.name == "postgresql" else "(?, ?, ?)"] * len(part))
        rows = connection.exec_driver_sql(_BY_NAMES + marks + ")", tuple(word for name in part for word in name))
        for number, kind, name, instance, zone, state, last_sequence, offsets, version in rows:
            known = StoredSource(number, SourceKey(kind, name, instance, zone), state, last_sequence, _offsets.decode(offsets), version)
            found[kind, name, instance] = known
    return found


def parse_scope(value: object) -> Scope:
    """A token's scope from its decoded column; None: anything."""
    return msgspec.convert(value if isinstance(value, Mapping) else {}, Scope)


def _load(connection: Connection, *conditions: Any) -> StoredSource | None:
    return _to_source(connection.execute(_SELECT.where(*conditions)).first())


def _to_source(row: Any) -> StoredSource | None:
    if row is None:
        return None
    key = SourceKey(row.kind, row.name, row.instance, row.zone)
    return StoredSource(row.id, key, row.state, row.last_sequence, msgspec.json.decode(row.clock_offsets_ms, type=list[int]), row.software_version)


def check_scope(reported: Source, scope: Scope) -> None:
    """Raises AuthorisationError where a token does not let a source report as this one."""
    for what, value, allowed in (("kind", reported.kind, scope.kinds), ("name", reported.name, scope.names), ("zone", reported.zone, scope.zones)):
        if allowed and value not in allowed:
            raise AuthorisationError(f"this token may not report as {what} {quote(value)}; it may as {', '.join(allowed)}")


def _check_bound(connection: Connection, reported: Source, source_id: int) -> StoredSource:
    """A new spool makes a new instance of the same source; another kind or name is another source."""
    bound = _load(connection, source.c.id == source_id)
    if bound is None or (bound.key.kind, bound.key.name) != (reported.kind, reported.name):
        name = "another source" if bound is None else f"{bound.key.kind}/{bound.key.name}"
        raise AuthorisationError(f"this token belongs to {name}; enrol {reported.kind}/{reported.name} with a token of its own")
    return bound


def _take_over(connection: Connection, bound: StoredSource, reported: Source) -> StoredSource:
    """The row that enrolment made becomes that of the instance which reports first."""
    connection.execute(update(source).where(source.c.id == bound.id).values(instance=reported.instance))
    bound.key = msgspec.structs.replace(bound.key, instance=reported.instance)
    bound.is_new = True
    return bound


def _create(connection: Connection, reported: Source, grant: Grant, now: int) -> StoredSource:
    values = {"kind": reported.kind, "name": reported.name, "instance": reported.instance, "zone": reported.zone}
    row_id = connection.execute(insert(source).values(**values, token_id=grant.token_id, created_at=now).returning(source.c.id)).scalar_one()
    return StoredSource(row_id, SourceKey(reported.kind, reported.name, reported.instance, reported.zone), "active", None, [], "", is_new=True)


def _move(connection: Connection, known: StoredSource, zone: str) -> None:
    connection.execute(update(source).where(source.c.id == known.id).values(zone=zone))
    known.key = msgspec.structs.replace(known.key, zone=zone)
