"""Identity claims of source records and of recorded CIs, and values that stopped identifying."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, Table, bindparam, delete, func, insert, literal_column, or_, select, tuple_, update

from collector.reconcile.claim import recorded_claims
from collector.reconcile.record import Claim, ClaimKey
from collector.store.edit import Edit
from collector.store.schema import identity_claim, quarantined_value, recorded_claim, trusted_value
from collector.store.statement import Lookup, insert_or_replace, parts
from muster.model.identifier import NAME_KINDS

_OF_RECORDS = Lookup(select(identity_claim), identity_claim.c.record_id)
_QUARANTINED = Lookup(select(quarantined_value), quarantined_value.c.value)


def load_claims(connection: Connection, record_ids: Iterable[int]) -> dict[int, tuple[Claim, ...]]:
    """The claims of records, historic and junk ones too, in canonical order."""
    found: dict[int, list[Claim]] = {}
    for row in _OF_RECORDS.rows(connection, sorted(set(record_ids))):
        found.setdefault(row.record_id, []).append(_claim(row))
    return {record_id: tuple(sorted(claims, key=lambda each: each.key)) for record_id, claims in found.items()}


def save_claims(connection: Connection, before: Mapping[int, Sequence[Claim]], after: Mapping[int, Sequence[Claim]]) -> None:
    """Write what changed of the claims of records."""
    written: list[dict[str, Any]] = []
    gone: list[tuple[int, ClaimKey]] = []
    for record_id, claims in after.items():
        old = {claim.key: claim for claim in before.get(record_id, ())}
        new = {claim.key: claim for claim in claims}
        written += [_row(record_id, claim) for key, claim in new.items() if old.get(key) != claim]
        gone += [(record_id, key) for key in old.keys() - new.keys()]
    insert_or_replace(connection, identity_claim, written)
    table = identity_claim.c
    for record_id, (kind, scope, value) in gone:
        connection.execute(delete(identity_claim).where(table.record_id == record_id, table.kind == kind, table.scope == scope, table.value == value))


def find_quarantined(connection: Connection, claims: Iterable[Claim]) -> dict[ClaimKey, int]:
    """Which of these claims' values identify nothing any more, and since when."""
    keys = {claim.key for claim in claims}
    rows = _QUARANTINED.rows(connection, sorted({value for _, _, value in keys}))
    return {(row.kind, row.scope, row.value): row.since_at for row in rows if (row.kind, row.scope, row.value) in keys}


def find_trusted(connection: Connection, keys: Collection[ClaimKey]) -> set[ClaimKey]:
    """Which of these values a person said may identify all the same."""
    found: set[ClaimKey] = set()
    for part in parts(sorted({value for _, _, value in keys})):
        rows = connection.execute(select(trusted_value).where(trusted_value.c.value.in_(part)))
        found.update((row.kind, row.scope, row.value) for row in rows)
    return found & set(keys)


def mark_quarantined(claims: Sequence[Claim], quarantined: Collection[ClaimKey]) -> tuple[Claim, ...]:
    """The claims as stored: those of quarantined values say so."""
    return tuple(
        msgspec.structs.replace(claim, state="quarantined", why="quarantined") if claim.key in quarantined and claim.state == "active" else claim
        for claim in claims
    )


def quarantine_values(connection: Connection, values: Mapping[ClaimKey, int]) -> None:
    """These values identify nothing, each since an instant, for whoever claims them."""
    table = identity_claim.c
    for (kind, scope, value), since in values.items():
        insert_or_replace(connection, quarantined_value, [{"kind": kind, "scope": scope, "value": value, "since_at": since}])
        is_it = (table.kind == kind) & (table.scope == scope) & (table.value == value) & (table.state == "active")
        connection.execute(update(identity_claim).where(is_it).values(state="quarantined", why="quarantined"))


def release_values(connection: Connection, keys: Iterable[ClaimKey]) -> None:
    """These values identify again: nothing shows any more that several hold them."""
    claims, values = identity_claim.c, quarantined_value.c
    for kind, scope, value in keys:
        connection.execute(delete(quarantined_value).where(values.kind == kind, values.scope == scope, values.value == value))
        is_it = (claims.kind == kind) & (claims.scope == scope) & (claims.value == value) & (claims.state == "quarantined")
        connection.execute(update(identity_claim).where(is_it).values(state="active", why=None))


def count_holders(connection: Connection, keys: Iterable[ClaimKey]) -> dict[ClaimKey, int]:
    """How many records claim each of these values now."""
    table = identity_claim.c
    found: dict[ClaimKey, int] = {}
    for kind, scope, value in keys:
        is_it = (table.kind == kind) & (table.scope == scope) & (table.value == value) & table.state.in_(("active", "quarantined"))
        found[kind, scope, value] = int(connection.execute(select(func.count()).select_from(identity_claim).where(is_it)).scalar_one())
    return found


def count_claims(connection: Connection, values: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How many records hold, or held, each of these (kind, value)."""
    table = identity_claim.c
    found: dict[tuple[str, str], int] = {}
    for part in parts(sorted(values), 200):
        wanted = or_(*((table.kind == kind) & (table.value == value) for kind, value in part))
        query = select(table.kind, table.value, func.count().label("held")).where(wanted, table.state != "junk").group_by(table.kind, table.value)
        found |= {(row.kind, row.value): int(row.held) for row in connection.execute(query)}
    return found


def find_holders(connection: Connection, table: Table, keys: Iterable[tuple[str, str]], *, limit: int) -> list[Any]:
    """Rows of `identity_claim` or `recorded_claim` that hold one of these (kind, value), at most about `limit` a query."""
    wanted = sorted(set(keys))
    found: list[Any] = []
    for part in parts(wanted, 200):
        found += connection.execute(_holding(table, limit), {"pairs": part}).all()
    return found


@cache
def _holding(table: Table, limit: int) -> Select[Any]:
    query: Select[Any] = select(table).where(tuple_(table.c.kind, table.c.value).in_(bindparam("pairs", expanding=True))).limit(limit)
    return query.where(identity_claim.c.state.in_(("active", "historic", "quarantined"))) if table is identity_claim else query


def find_full_names(connection: Connection, names: Iterable[str], *, limit: int) -> list[int]:
    """Records that claim a full name of one of these short ones, one for each claim, at most about `limit` a name's kind and query."""
    found: list[int] = []
    value = identity_claim.c.value
    at_least, below = ("~>=~", "~<~") if connection.dialect.name == "postgresql" else (">=", "<")  # by bytes, whatever the collation
    for part in parts(sorted(set(names)), 50):
        for kind in NAME_KINDS:
            starts = or_(*(value.bool_op(at_least)(f"{name}.") & value.bool_op(below)(f"{name}/") for name in part))  # "/" follows "."
            query = select(identity_claim.c.record_id).where(identity_claim.c.kind == literal_column(f"'{kind}'"), starts).limit(limit)
            found += connection.execute(query.where(identity_claim.c.state.in_(("active", "historic", "quarantined")))).scalars()
    return found


def load_recorded_claims(connection: Connection, ci_ids: Iterable[str]) -> dict[str, tuple[Claim, ...]]:
    """The claims of CIs' recorded sides."""
    found: dict[str, list[Claim]] = {}
    for part in parts(sorted(set(ci_ids))):
        for row in connection.execute(select(recorded_claim).where(recorded_claim.c.ci_id.in_(part))):
            found.setdefault(row.ci_id, []).append(Claim(kind=row.kind, scope=row.scope, value=row.value, raw=row.value))
    return {ci_id: tuple(sorted(claims, key=lambda each: each.key)) for ci_id, claims in found.items()}


def save_recorded_claims(edit: Edit, ci_id: str, zone: str, recorded: Mapping[str, Any]) -> None:
    """The claims that follow from what is recorded of an independent CI; none where nothing is."""
    save_claims_on_record(edit, [(ci_id, zone, recorded)])


def save_claims_on_record(edit: Edit, recorded: Collection[tuple[str, str, Mapping[str, Any]]]) -> None:
    """The same of several: id, zone and what is recorded of each."""
    for part in parts(sorted(ci_id for ci_id, _, _ in recorded)):
        edit.connection.execute(delete(recorded_claim).where(recorded_claim.c.ci_id.in_(part)))
    rows = [
        {"ci_id": ci_id, "kind": claim.kind, "scope": claim.scope, "value": claim.value}
        for ci_id, zone, values in recorded
        for claim in recorded_claims({}, values, zone=zone, junk=edit.context.junk)
        if claim.state == "active"
    ]
    if rows:
        edit.connection.execute(insert(recorded_claim), rows)


def _claim(row: Any) -> Claim:
    return Claim(
        kind=row.kind,
        scope=row.scope,
        value=row.value,
        raw=row.raw,
        state=row.state,
        why=row.why or "",
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
    )


def _row(record_id: int, claim: Claim) -> dict[str, Any]:
    return {
        "record_id": record_id,
        "kind": claim.kind,
        "scope": claim.scope,
        "value": claim.value,
        "raw": claim.raw,
        "state": claim.state,
        "why": claim.why or None,
        "first_seen_at": claim.first_seen_at,
        "last_seen_at": claim.last_seen_at,
    }
