"""When time alone next changes something: what the sweep would do, and when. Read from the same indices."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from collector.store.schema import change, check_state, difference, kept_value, pin, relation, section

_DUE = (
    section.c.stale_at, kept_value.c.stale_at, check_state.c.expires_at, pin.c.expires_at, difference.c.next_at, relation.c.expires_at,
    change.c.due_at,
)  # fmt: skip


def find_next_due(connection: Connection) -> int | None:
    """The earliest instant at which a sweep has something to do; None: never, as things stand."""
    found = [connection.execute(select(func.min(column))).scalar() for column in _DUE]
    return min((each for each in found if each is not None), default=None)
