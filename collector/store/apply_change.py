"""Changes put in force, and what already differs held against them. Format: docs/policies.md."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, select

from collector.reconcile.change_document import CheckedChange, check_changes
from collector.store import audit_chain
from collector.store.edit import Context, Edit
from collector.store.schema import change, difference
from collector.store.settle import settle
from collector.store.statement import insert_or_replace
from muster.errors import ConflictError

DIRECTORY = "directory"
RECONSIDERED = 10_000  # open differences of the windows of what is applied at once


class PlannedChange(Struct, frozen=True):
    """What applying would do to one change; `difference` is a unified diff of the documents. `is_held`: the folder alone may apply it."""

    change_id: str
    action: Literal["added", "changed", "removed", "unchanged"]
    difference: str
    is_held: bool = False


def plan_changes(
    connection: Connection, context: Context, documents: Mapping[str, str], *, owner: str, removes_absent: bool = False
) -> list[PlannedChange]:
    """What `apply_changes` would do, also with what the folder holds. `documents`: file → YAML text. Raises DocumentError."""
    return [planned for planned, _, _ in _plan(connection, context, documents, owner, removes_absent=removes_absent)]


def apply_changes(
    connection: Connection, context: Context, documents: Mapping[str, str], *, actor: str, now: int, removes_absent: bool = False
) -> list[PlannedChange]:
    """Put changes in force, all or none; what differs since their windows began is held against them. `actor`: `directory`, or who asked.

    `removes_absent`: those of the same owner that are not named are taken back. Raises DocumentError for the first fault, ConflictError
    (`held-by-directory`).
    """
    planned = list(_plan(connection, context, documents, actor, removes_absent=removes_absent))
    for each, _, _ in planned:
        if each.is_held:
            message = f"change {each.change_id!r} is held by a file of changes_directory; change the file"
            raise ConflictError(message, code="held-by-directory")
    touched: list[str] = []
    for each, checked, text in planned:
        if each.action == "unchanged":
            continue
        if checked is None:
            connection.execute(delete(change).where(change.c.id == each.change_id))
        else:
            insert_or_replace(connection, change, [_row(connection, context, checked, text, actor=actor, now=now)])
        touched.append(each.change_id)
        detail = {"action": each.action, "difference": each.difference[:20_000]}
        audit_chain.append(connection, now, actor=actor, action="change_applied", subject=each.change_id, detail=detail)
    _reconsider(Edit(connection, context, now, "operation", "change"), [checked for _, checked, _ in planned if checked is not None], touched)
    return [each for each, _, _ in planned]


def _plan(
    connection: Connection, context: Context, documents: Mapping[str, str], owner: str, *, removes_absent: bool
) -> Iterator[tuple[PlannedChange, CheckedChange | None, str]]:
    checked = check_changes(documents, context.catalogue)
    names = {each.id for each in checked.values()}
    rows = connection.execute(select(change.c.id, change.c.document, change.c.applied_by)).all() if removes_absent else []
    known = {row.id: row for row in rows}
    if names - known.keys():
        query = select(change.c.id, change.c.document, change.c.applied_by).where(change.c.id.in_(sorted(names)))
        known |= {row.id: row for row in connection.execute(query)}
    for file, each in sorted(checked.items(), key=lambda pair: pair[1].id):
        held = known.get(each.id)
        is_held = held is not None and held.applied_by == DIRECTORY and owner != DIRECTORY
        text, old = documents[file], held.document if held is not None else None
        action: Any = "added" if old is None else "unchanged" if old == text else "changed"
        yield PlannedChange(each.id, action, _difference(each.id, old or "", text), is_held), each, text
    for name, row in sorted(known.items()):
        if name not in names and (row.applied_by == DIRECTORY) == (owner == DIRECTORY):
            yield PlannedChange(name, "removed", _difference(name, row.document, "")), None, ""


def _difference(name: str, old: str, new: str) -> str:
    return "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), f"{name} in force", f"{name} applied", lineterm=""))


def _row(connection: Connection, context: Context, checked: CheckedChange, text: str, *, actor: str, now: int) -> dict[str, Any]:
    version = connection.execute(select(change.c.version).where(change.c.id == checked.id)).scalar() or 0
    is_approved = checked.approved_at is not None
    return {
        "id": checked.id,
        "document": text,
        "body": msgspec.msgpack.encode(checked),
        "from_at": checked.from_at,
        "to_at": checked.to_at,
        "is_approved": is_approved,
        "state": "approved" if is_approved else "planned",
        "applied_by": actor,
        "applied_at": now,
        "due_at": checked.to_at + context.settings.change_grace_seconds * 1000 + 1 if is_approved and checked.expects else None,
        "evidence": None,
        "version": version + 1,
    }


def _reconsider(edit: Edit, checked: list[CheckedChange], changed: list[str]) -> None:
    """Open differences that opened in a window of what is in force now, or that rested on what was."""
    grace_ms = edit.context.settings.change_grace_seconds * 1000
    found: dict[str, Any] = {}
    columns = (difference.c.id, difference.c.ci_id, difference.c.opened_at)
    conditions = [difference.c.change_id.in_(changed)] if changed else []
    conditions += [difference.c.opened_at.between(each.from_at, each.to_at + grace_ms) for each in checked if each.id in changed]
    for condition in conditions:
        query = select(*columns).where(difference.c.state == "open", condition).order_by(difference.c.id).limit(RECONSIDERED)
        found |= {row.id: row for row in edit.connection.execute(query)}
    if found:
        settle(edit, {row.ci_id for row in found.values()}, reconsidered={row.id: row.opened_at for row in found.values()})
