"""Rows of configuration items: loading, making with a number, changing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, func, insert, select

from collector.store.schema import ci
from collector.store.statement import Lookup, update_rows
from muster.errors import NotFoundError, quote
from muster.model.state import ControlLevel, Lifecycle, Presence, State


class StoredCi(msgspec.Struct, kw_only=True):
    """A row of `ci`; see the columns there."""

    id: str
    number: int
    ci_class: str
    name: str
    zone: str
    owner_ci_id: str | None = None
    local_key: str | None = None
    lifecycle: Lifecycle = "live"
    presence: Presence = "seen"
    operation: State = "unknown"
    control_level: ControlLevel
    is_recorded: bool = False
    is_provisional: bool = False
    has_decisions: bool = False
    recorded_class: str | None = None
    recorded_from: int | None = None
    effective_hash: bytes | None = None
    provenance: bytes | None = None
    recorded_hash: bytes | None = None
    tags: bytes | None = None
    version: int = 1
    created_at: int
    changed_at: int
    seen_at: int | None = None
    redirect_to: str | None = None


_COLUMNS = StoredCi.__struct_fields__
_SELECT = select(*(ci.c[name] for name in _COLUMNS))
_BY_ID = Lookup(_SELECT, ci.c.id)


def load_cis(connection: Connection, ids: Iterable[str]) -> dict[str, StoredCi]:
    """CIs by id; unknown ids are left out."""
    return {row[0]: StoredCi(**dict(zip(_COLUMNS, row, strict=True))) for row in _BY_ID.rows(connection, sorted(set(ids)))}


def load_ci(connection: Connection, key: str) -> StoredCi:
    """One CI by id or number, the survivor where it was merged. Raises NotFoundError."""
    is_it = ci.c.number == int(key) if key.isdecimal() and len(key) < 19 else ci.c.id == key
    seen: set[str] = set()
    while True:
        row = connection.execute(_SELECT.where(is_it)).first()
        if row is None:
            raise NotFoundError(f"no CI {quote(key)}; see `muster ci list`")
        if row.redirect_to is None or row.id in seen:
            return StoredCi(**row._mapping)  # noqa: SLF001 -- the documented way to name a row's columns
        seen.add(row.id)
        is_it = ci.c.id == row.redirect_to


def resolve(connection: Connection, ci_id: str) -> StoredCi:
    """The CI that an id leads to now, whatever it was merged into."""
    seen: set[str] = set()
    while True:
        row = load_cis(connection, [ci_id])[ci_id]
        if row.redirect_to is None or row.id in seen:
            return row
        seen.add(row.id)
        ci_id = row.redirect_to


def next_number(connection: Connection) -> int:
    """The number of the next CI. Write transactions exclude each other, so nobody else gets it."""
    return int(connection.execute(select(func.coalesce(func.max(ci.c.number), 0))).scalar_one()) + 1


def insert_cis(connection: Connection, cis: Sequence[StoredCi]) -> None:
    """Store new CIs, owners before what they own."""
    if cis:
        connection.execute(insert(ci), [msgspec.structs.asdict(each) for each in sorted(cis, key=lambda each: each.owner_ci_id is not None)])


def update_cis(connection: Connection, cis: Sequence[StoredCi], names: Sequence[str]) -> None:
    """Write these columns of CIs."""
    update_rows(connection, ci, [{"id": each.id, **{name: getattr(each, name) for name in names}} for each in cis])
