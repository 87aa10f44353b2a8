"""The rows of `check_state` and `transition`: the newest word of each check, and what was when. Design: docs/storage.md."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import bindparam, insert, select

from collector.store.edit import Edit
from collector.store.schema import check_state, transition
from muster.model.state import State


class StoredCheck(msgspec.Struct):
    """A row of `check_state`; `state` is the confirmed one. `id` 0: not stored yet."""

    id: int
    ci_id: str
    check_name: str
    source_id: int
    state: State
    since_at: int
    last_at: int
    interval_seconds: int
    reason: str = ""
    failures: int = 0
    first_failure_at: int | None = None
    expires_at: int | None = None


SELECT_CHECK = select(*(check_state.c[name] for name in StoredCheck.__struct_fields__))
# Built once: every report with a state asks it.
CHECKS_OF_SOURCE = SELECT_CHECK.where(check_state.c.source_id == bindparam("source"), check_state.c.ci_id.in_(bindparam("cis", expanding=True)))


def write_transitions(edit: Edit, entries: Iterable[tuple[StoredCheck, int, State, str]]) -> None:
    """Add to the record of what was when."""
    rows = [
        {
            "ci_id": check.ci_id,
            "check_name": check.check_name,
            "source_id": check.source_id,
            "at": at,
            "state": state,
            "reason": reason,
            "known_from": edit.now,
        }
        for check, at, state, reason in entries
    ]
    if rows:
        edit.connection.execute(insert(transition), rows)
