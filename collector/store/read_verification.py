"""Verification runs and findings as they are read, the sample of a run drawn, and the digest of what was signed. Rules: docs/verification.md."""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from collector.store.content import decode, encode
from collector.store.finding import find_finding
from collector.store.reading import after, check_limit, load_refs, make_cursor, ordered, read_cursor
from collector.store.schema import finding, verification, verification_item
from collector.store.statement import parts
from muster.errors import NotFoundError, quote
from muster.ports import CiRef, Page
from muster.verification import Agreement, CheckedValue, Finding, Verification, VerificationItem, VerificationRecord

SOON_MS = 14 * 86_400_000
UNFINISHED = ("planned", "running", "measured")
_results = msgspec.msgpack.Decoder(Agreement)
# What is signed: everything of the run but what moves afterwards.
_UNSIGNED = frozenset({"digest", "version"})
_FINDING_CORE = ("id", "number", "ci_id", "attribute", "recorded", "observed", "created_at")


def find_run(connection: Connection, key: str) -> Any:
    """The row of a run by number or id. Raises NotFoundError."""
    is_it = verification.c.number == int(key) if key.isdecimal() and len(key) < 19 else verification.c.id == key
    row = connection.execute(select(verification).where(is_it)).first()
    if row is None:
        raise NotFoundError(f"no verification {quote(key)}; see `muster verification list`")
    return row


def load_verification(connection: Connection, key: str, now: int) -> Verification:
    """One run; a signed one is held against its digest."""
    row = find_run(connection, key)
    (view,) = _views(connection, [row], now)
    if row.digest is None:
        return view
    return msgspec.structs.replace(view, is_intact=digest_run(connection, row) == bytes(row.digest))


def list_verifications(connection: Connection, now: int, states: Collection[str], *, cursor: str | None, limit: int) -> Page:
    """Newest plan first; `states` empty: all."""
    condition = verification.c.state.in_(sorted(states)) if states else verification.c.number > 0
    columns: list[tuple[ColumnElement[Any], bool]] = [(verification.c.planned_at, True), (verification.c.number, True)]
    behind = after(columns, read_cursor(cursor, "verifications", 2))
    query = select(verification).where(condition).order_by(*ordered(columns)).limit(check_limit(limit) + 1)
    rows = connection.execute(query if behind is None else query.where(behind)).all()
    total = int(connection.execute(select(func.count()).select_from(verification).where(condition)).scalar_one())
    shown = rows[:limit]
    following = make_cursor("verifications", shown[-1].planned_at, shown[-1].number) if len(rows) > limit else None
    return Page(_views(connection, shown, now), total, following)


def load_items(connection: Connection, run_id: str) -> list[VerificationItem]:
    """Every CI of a sample, in order."""
    rows = connection.execute(select(verification_item).where(verification_item.c.verification_id == run_id).order_by(verification_item.c.position))
    return [_item(row) for row in rows]


def list_items(connection: Connection, key: str, answers: Collection[str], *, cursor: str | None, limit: int) -> Page:
    """The CIs of a run's sample, in order; `answers` empty: all."""
    row = find_run(connection, key)
    condition = verification_item.c.verification_id == row.id
    if answers:
        condition &= verification_item.c.answer.in_(sorted(answers))
    values = read_cursor(cursor, "verification_items", 1)
    query = select(verification_item).where(condition).order_by(verification_item.c.position).limit(check_limit(limit) + 1)
    rows = connection.execute(query if values is None else query.where(verification_item.c.position > values[0])).all()
    total = int(connection.execute(select(func.count()).select_from(verification_item).where(condition)).scalar_one())
    following = make_cursor("verification_items", rows[limit - 1].position) if len(rows) > limit else None
    return Page([_item(each) for each in rows[:limit]], total, following)


def load_record(connection: Connection, key: str, now: int) -> VerificationRecord:
    """A run whole, as evidence."""
    view = load_verification(connection, key, now)
    row = find_run(connection, key)
    condition = finding.c.verification_id == row.id
    found = connection.execute(select(finding).where(condition).order_by(finding.c.number)).all()
    return VerificationRecord(view, population_of(row), load_items(connection, row.id), _findings(connection, found, now))


def population_of(run: Any) -> dict[str, list[int]]:
    """What the sample was drawn from: class → numbers of CIs; empty before the run began."""
    return {} if run.population is None else dict(decode(zlib.decompress(run.population)))


def list_findings(
    connection: Connection, now: int, states: Collection[str], *, owner: str = "", is_overdue: bool = False, cursor: str | None, limit: int
) -> Page:
    """What is due first before the others; `states` empty: all."""
    conditions = [finding.c.number > 0]
    if states:
        conditions.append(finding.c.state.in_(sorted(states)))
    if owner:
        conditions.append(finding.c.owner == owner)
    if is_overdue:
        conditions.append(and_(finding.c.state == "open", finding.c.due_at < now))
    columns: list[tuple[ColumnElement[Any], bool]] = [(finding.c.due_at, False), (finding.c.number, False)]
    behind = after(columns, read_cursor(cursor, "findings", 2))
    query = select(finding).where(*conditions).order_by(*ordered(columns)).limit(check_limit(limit) + 1)
    rows = connection.execute(query if behind is None else query.where(behind)).all()
    total = int(connection.execute(select(func.count()).select_from(finding).where(*conditions)).scalar_one())
    shown = rows[:limit]
    following = make_cursor("findings", shown[-1].due_at, shown[-1].number) if len(rows) > limit else None
    return Page(_findings(connection, shown, now), total, following)


def load_finding(connection: Connection, key: str, now: int) -> Finding:
    """One finding, by number or id."""
    return _findings(connection, [find_finding(connection, key)], now)[0]


def digest_run(connection: Connection, run: Any) -> bytes:
    """SHA-256 over MessagePack of the run, its CIs and what its findings found. What is done about a finding afterwards is not in it."""
    own = {column.name: getattr(run, column.name) for column in verification.c if column.name not in _UNSIGNED}
    items = [
        list(row)
        for row in connection.execute(
            select(verification_item).where(verification_item.c.verification_id == run.id).order_by(verification_item.c.position)
        )
    ]
    columns = [finding.c[name] for name in _FINDING_CORE]
    found = [list(row) for row in connection.execute(select(*columns).where(finding.c.verification_id == run.id).order_by(finding.c.number))]
    return hashlib.sha256(encode([_plain(own), _plain(items), _plain(found)])).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return bytes(value) if isinstance(value, memoryview) else value


def _item(row: Any) -> VerificationItem:
    ref = CiRef(id=row.ci_id, number=row.ci_number, ci_class=row.ci_class, name=row.name)
    values = [CheckedValue(*each) for each in decode(row.checked)]
    return VerificationItem(row.position, ref, row.answer, values, row.answered_at, row.answered_by, row.note)


def _views(connection: Connection, rows: Collection[Any], now: int) -> list[Verification]:
    ids = [row.id for row in rows]
    items, findings = _count_items(connection, ids), _count_findings(connection, ids, now)
    found = []
    for row in rows:
        values = {name: getattr(row, name) for name in Verification.__struct_fields__ if name in verification.c}
        is_late = row.state in UNFINISHED and row.planned_at < now
        found.append(
            Verification(
                **values
                | {
                    "measured_by": decode(row.measured_by) or [],
                    "population": None if row.population is None else sum(map(len, population_of(row).values())),
                    "sampled": items[row.id][0],
                    "answered": items[row.id][1],
                    "result": None if row.result is None else _results.decode(row.result),
                    "open_findings": findings[row.id][0],
                    "overdue_findings": findings[row.id][1],
                    "is_overdue": is_late,
                    "is_due_soon": row.state == "planned" and not is_late and row.planned_at - now <= SOON_MS,
                    "digest": None if row.digest is None else bytes(row.digest).hex(),
                }
            )
        )
    return found


def _count_items(connection: Connection, ids: list[str]) -> defaultdict[str, tuple[int, int]]:
    counts: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    answered = func.sum(case((verification_item.c.answer == "open", 0), else_=1))
    for part in parts(ids):
        query = select(verification_item.c.verification_id, func.count(), answered).where(verification_item.c.verification_id.in_(part))
        counts.update({row[0]: (row[1], int(row[2])) for row in connection.execute(query.group_by(verification_item.c.verification_id))})
    return counts


def _count_findings(connection: Connection, ids: list[str], now: int) -> defaultdict[str, tuple[int, int]]:
    counts: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    overdue = func.sum(case((finding.c.due_at < now, 1), else_=0))
    for part in parts(ids):
        query = select(finding.c.verification_id, func.count(), overdue).where(finding.c.verification_id.in_(part), finding.c.state == "open")
        counts.update({row[0]: (row[1], int(row[2])) for row in connection.execute(query.group_by(finding.c.verification_id))})
    return counts


def _findings(connection: Connection, rows: Collection[Any], now: int) -> list[Finding]:
    refs = load_refs(connection, (row.ci_id for row in rows))
    ids = sorted({row.verification_id for row in rows})
    numbers: dict[str, int] = {}
    for part in parts(ids):
        rows_of_runs = connection.execute(select(verification.c.id, verification.c.number).where(verification.c.id.in_(part)))
        numbers |= {row[0]: row[1] for row in rows_of_runs}
    return [
        Finding(
            id=row.id,
            number=row.number,
            verification=numbers[row.verification_id],
            ci=refs[row.ci_id],
            attribute=row.attribute,
            recorded=decode(row.recorded),
            observed=decode(row.observed),
            owner=row.owner,
            due_at=row.due_at,
            action=row.action,
            state=row.state,
            is_overdue=row.state == "open" and row.due_at < now,
            created_at=row.created_at,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
            version=row.version,
        )
        for row in rows
    ]
