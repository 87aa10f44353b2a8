"""Approved changes as rows: those whose windows meet a time, and their documents. Putting them in force: `apply_change.py`."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from collector.reconcile.change import ApprovedChange, ChangeSet
from collector.reconcile.change_document import CheckedChange
from collector.store.schema import change
from muster.errors import NotFoundError, quote

_checked = msgspec.msgpack.Decoder(CheckedChange)


def load_changes_in_force(connection: Connection, since: int, until: int, grace_ms: int) -> ChangeSet:
    """The approved changes whose windows meet `[since, until]`."""
    meets = change.c.is_approved.is_(True) & (change.c.to_at >= since - grace_ms) & (change.c.from_at <= until)
    rows = connection.execute(select(change.c.body).where(meets)).scalars().all()
    return ChangeSet(_approved(body) for body in rows)


def _approved(body: bytes) -> ApprovedChange:
    found = _checked.decode(body).to_approved()
    assert found is not None, "only approved ones are marked so"
    return found


def decode_change(body: bytes) -> CheckedChange:
    """The content of a row."""
    return _checked.decode(body)


def load_document(connection: Connection, change_id: str) -> str:
    """The YAML in force. Raises NotFoundError."""
    found: str | None = connection.execute(select(change.c.document).where(change.c.id == change_id)).scalar()
    if found is None:
        raise NotFoundError(f"no change {quote(change_id)}; see `muster change list`")
    return found


def check_known(connection: Connection, change_id: str) -> None:
    """Raises NotFoundError for a change that is not there."""
    load_document(connection, change_id)
