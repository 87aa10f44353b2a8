"""Findings: what a verification found to disagree, with somebody who answers for its correction by a date. Rules: docs/verification.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from collector.store import audit_chain
from collector.store.content import encode, load_contents
from collector.store.health_host import load_host_ids
from collector.store.identifier import new_id
from collector.store.schema import ci, finding
from collector.store.statement import parts
from muster.errors import ConflictError, InputError, NotFoundError, quote
from muster.verification import VerificationItem

DAY_MS = 86_400_000
LATEST_MS = 32_503_680_000_000  # the year 3000
TEXT_LIMIT = 200
ACTION_LIMIT = 4_000


class FindingChange(msgspec.Struct, frozen=True):
    """What to write anew; None: as it is."""

    owner: str | None = None
    due_at: int | None = None
    action: str | None = None


def open_findings(connection: Connection, run: Any, items: Sequence[VerificationItem], *, now: int) -> int:
    """One finding for each value that differs, and one for each CI that was not found; how many.

    The owner is who owns the CI on record, else who is responsible for the run.
    """
    owners = load_owners(connection, [each.ci.id for each in items])
    first = int(connection.execute(select(func.coalesce(func.max(finding.c.number), 0))).scalar_one()) + 1
    rows: list[dict[str, Any]] = []
    for item in items:
        found = [(each.attribute, each.recorded, each.observed) for each in item.values if each.answer in ("differs", "not_found")]
        for attribute, recorded, observed in found if item.answer == "differs" else [("", None, None)]:
            rows.append(
                {
                    "id": new_id(now),
                    "number": first + len(rows),
                    "verification_id": run.id,
                    "ci_id": item.ci.id,
                    "attribute": attribute,
                    "recorded": encode(recorded),
                    "observed": encode(observed),
                    "owner": owners.get(item.ci.id) or run.responsible,
                    "due_at": now + run.due_days * DAY_MS,
                    "state": "open",
                    "created_at": now,
                }
            )
    if rows:
        connection.execute(insert(finding), rows)
    return len(rows)


def load_owners(connection: Connection, ci_ids: Sequence[str]) -> dict[str, str]:
    """The recorded owner of each CI, of a part its host's; those without one are left out."""
    host_of = load_host_ids(connection, ci_ids)
    hashes: dict[str, bytes] = {}
    for part in parts(sorted(set(host_of.values()))):
        rows = connection.execute(select(ci.c.id, ci.c.recorded_hash).where(ci.c.id.in_(part), ci.c.recorded_hash.is_not(None)))
        hashes |= {row[0]: bytes(row[1]) for row in rows}
    contents = load_contents(connection, hashes.values())
    owner_of = {host: str(contents.get(key, {}).get("owner") or "") for host, key in hashes.items()}
    return {ci_id: owner for ci_id, host in host_of.items() if (owner := owner_of.get(host, ""))}


def change_finding(connection: Connection, key: str, change: FindingChange, *, actor: str, now: int, if_version: int | None = None) -> None:
    """Give it to somebody else, move its due date, or write down what is being done. Raises NotFoundError, InputError, ConflictError."""
    row = _load_open(connection, key, if_version)
    values = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
    if not values:
        raise InputError("nothing to change; give owner, due_at or action", path="$")
    if "owner" in values and (not values["owner"].strip() or len(values["owner"]) > TEXT_LIMIT):
        raise InputError(f"an owner has 1 to {TEXT_LIMIT} characters", path="owner")
    if change.due_at is not None:
        check_date(change.due_at, path="due_at")
    values |= {"action": values["action"][:ACTION_LIMIT]} if "action" in values else {}
    before = {name: getattr(row, name) for name in values}
    _write(connection, row, **values)
    detail = {"verification": row.verification_id, "before": before, "after": values}
    audit_chain.append(connection, now, actor=actor, action="finding_changed", subject=str(row.number), detail=detail)


def close_finding(connection: Connection, key: str, *, action: str, actor: str, now: int) -> None:
    """Corrected: `action` says how (empty: as it was written down before). Raises NotFoundError, InputError where nothing says it."""
    row = _load_open(connection, key, None)
    said = action.strip()[:ACTION_LIMIT] or row.action
    if not said:
        raise InputError("say what was done about it", path="action")
    _write(connection, row, state="closed", action=said, closed_at=now, closed_by=actor)
    detail = {"verification": row.verification_id, "action": said, "was_overdue": row.due_at < now}
    audit_chain.append(connection, now, actor=actor, action="finding_closed", subject=str(row.number), detail=detail)


def check_date(at: int, *, path: str) -> None:
    """A date that people plan by. Raises InputError."""
    if not 0 <= at < LATEST_MS:
        raise InputError("give a date between 1970 and 3000", path=path)


def find_finding(connection: Connection, key: str) -> Any:
    """The row of a finding by number or id. Raises NotFoundError."""
    is_it = finding.c.number == int(key) if key.isdecimal() and len(key) < 19 else finding.c.id == key
    row = connection.execute(select(finding).where(is_it)).first()
    if row is None:
        raise NotFoundError(f"no finding {quote(key)}; see `muster finding list`")
    return row


def _load_open(connection: Connection, key: str, if_version: int | None) -> Any:
    row = find_finding(connection, key)
    if if_version is not None and row.version != if_version:
        raise ConflictError(f"finding {row.number} is at version {row.version} now; look at it again", code="version-moved", current=row.version)
    if row.state != "open":
        raise ConflictError(f"finding {row.number} is closed", code="wrong-state")
    return row


def _write(connection: Connection, row: Any, **values: Any) -> None:
    connection.execute(update(finding).where(finding.c.id == row.id).values(**values, version=finding.c.version + 1))
