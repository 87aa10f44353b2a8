"""Leases: which of several collectors does a job, with a fencing token that rises whenever the holder changes.

Write transactions exclude each other (`engine.py`), so taking a lease is one of them on both engines. A clock that differs may take
a lease early; what the former holder then still writes is refused by `check`, inside the transaction that writes.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, select

from collector.store.schema import lease
from collector.store.statement import insert_or_replace
from muster.errors import ConflictError


class Lease(Struct, frozen=True):
    """A job held until `expires_at`, unless it is taken again before."""

    name: str
    holder: str
    fencing_token: int
    expires_at: int


def acquire(connection: Connection, name: str, holder: str, now: int, *, lifetime_ms: int) -> Lease | None:
    """Take a job, or keep it for another `lifetime_ms`; None while another one holds it."""
    kept = load_lease(connection, name)
    if kept is not None and kept.holder != holder and kept.expires_at > now:
        return None
    token = 1 if kept is None else kept.fencing_token + (kept.holder != holder or kept.expires_at <= now)
    taken = Lease(name, holder, token, now + lifetime_ms)
    insert_or_replace(connection, lease, [{"name": name, "holder": holder, "fencing_token": token, "expires_at": taken.expires_at}])
    return taken


def check(connection: Connection, held: Lease) -> None:
    """Raises ConflictError (`lease-lost`) where another one has taken the job since; call it before writing under the lease."""
    kept = load_lease(connection, held.name)
    if kept is None or kept.fencing_token != held.fencing_token:
        holder = "nobody" if kept is None else kept.holder
        raise ConflictError(f"the job {held.name!r} is now held by {holder}; leave it to them", code="lease-lost", current=holder)


def release(connection: Connection, held: Lease) -> None:
    """Give a job up at once; one that was lost meanwhile stays with its holder. The token goes on rising."""
    kept = load_lease(connection, held.name)
    if kept is not None and kept.fencing_token == held.fencing_token:
        row = {"name": held.name, "holder": "", "fencing_token": held.fencing_token, "expires_at": 0}
        insert_or_replace(connection, lease, [row])


def load_lease(connection: Connection, name: str) -> Lease | None:
    """A lease as it stands; its holder is empty once it was released."""
    row = connection.execute(select(lease).where(lease.c.name == name)).first()
    return None if row is None else Lease(row.name, row.holder, row.fencing_token, row.expires_at)
