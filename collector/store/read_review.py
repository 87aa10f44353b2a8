"""Policies, approved changes, waiting decisions and the backlog as people see them. Design: docs/policies.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import func, or_, select

from collector.reconcile.authorise import APPROVED_CHANGE
from collector.reconcile.policy_document import PolicyDocument
from collector.store.change_check import Check
from collector.store.policy_set import load_files, load_version
from collector.store.reading import Reading, check_limit, make_cursor, read_cursor
from collector.store.schema import change, ci, decision, difference, search_value, waiting_decision
from collector.store.stored_change import decode_change
from muster.document import parse_document
from muster.errors import NotFoundError, quote
from muster.ports import Page
from muster.review import BacklogRow, ChangeView, PolicyList, PolicyView, ReviewCounts, WaitingView

DAYS_30_MS = 30 * 86_400_000
BACKLOG_LIMIT = 100_000
_checks = msgspec.msgpack.Decoder(list[Check])
_terms = msgspec.msgpack.Decoder(dict[str, Any])


def load_policy_list(reading: Reading) -> PolicyList:
    """Every policy and requirement in force, in the order in which they are asked."""
    counts = _count_decisions(reading)
    items: list[PolicyView] = []
    for file in load_files(reading.connection):
        document = parse_document(file.text, PolicyDocument, file=file.file)
        told: Any = {"file": file.file, "applied_by": file.applied_by}
        for each in document.policies:
            when = msgspec.to_builtins(each.when)
            items.append(
                PolicyView(id=each.id, kind="policy", action=each.action, when=when, reason=each.reason or "", decided=counts.get(each.id, 0), **told)
            )
        for rule in document.requirements:
            needs = " and ".join(name for name, holds in (("reason", rule.reason), ("second_person", rule.second_person)) if holds)
            items.append(PolicyView(id=rule.id, kind="requirement", action=needs, when=msgspec.to_builtins(rule.when), reason="", **told))
    items.append(
        PolicyView(
            id=APPROVED_CHANGE,
            kind="policy",
            action="accept_in_change",
            when={},
            reason="",
            file="",
            applied_by="",
            decided=counts.get(APPROVED_CHANGE, 0),
        )
    )
    version, applied_at = load_version(reading.connection)
    return PolicyList(version=version, applied_at=applied_at, items=items)


def _count_decisions(reading: Reading) -> dict[str, int]:
    """Differences that each policy decided in the last 30 days."""
    recent = (decision.c.at >= reading.now - DAYS_30_MS) & decision.c.made_by.like("policy:%")
    query = select(decision.c.made_by, func.count(difference.c.id)).outerjoin(difference, difference.c.decision_id == decision.c.id)
    rows = reading.connection.execute(query.where(recent).group_by(decision.c.made_by))
    return {row[0].removeprefix("policy:"): row[1] for row in rows}


def list_changes(reading: Reading, states: Collection[str], *, cursor: str | None, limit: int) -> Page:
    """The latest window first."""
    chosen = select(change).where(change.c.state.in_(sorted(states))) if states else select(change)
    total = reading.connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    values = read_cursor(cursor, "window", 2)
    if values is not None:
        at, change_id = values
        chosen = chosen.where(or_(change.c.from_at < at, (change.c.from_at == at) & (change.c.id > change_id)))
    rows = reading.connection.execute(chosen.order_by(change.c.from_at.desc(), change.c.id).limit(check_limit(limit) + 1)).all()
    following = make_cursor("window", rows[limit - 1].from_at, rows[limit - 1].id) if len(rows) > limit else None
    return Page(_changes(reading, rows[:limit]), total, following)


def load_change(reading: Reading, change_id: str) -> ChangeView:
    """Raises NotFoundError."""
    rows = reading.connection.execute(select(change).where(change.c.id == change_id)).all()
    if not rows:
        raise NotFoundError(f"no change {quote(change_id)}; see `muster change list`")
    return _changes(reading, rows)[0]


def _changes(reading: Reading, rows: Collection[Any]) -> list[ChangeView]:
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    ids = sorted(row.id for row in rows)
    query = select(difference.c.change_id, difference.c.state, func.count()).where(difference.c.change_id.in_(ids))
    for change_id, state, count in reading.connection.execute(query.group_by(difference.c.change_id, difference.c.state)) if ids else ():
        counts[change_id][state] = count
    found = []
    for row in rows:
        checked = decode_change(row.body)
        found.append(
            ChangeView(
                id=row.id,
                title=checked.title,
                state=row.state,
                from_at=row.from_at,
                to_at=row.to_at,
                approved_by=checked.approved_by,
                approved_at=checked.approved_at,
                services=[msgspec.to_builtins(each) for each in checked.services],
                expects=[_told(msgspec.to_builtins(each)) for each in checked.expects],
                evidence=[] if row.evidence is None else [msgspec.to_builtins(each) for each in _checks.decode(row.evidence)],
                accepted=counts[row.id].get("accepted", 0),
                open=counts[row.id].get("open", 0),
                applied_by=row.applied_by,
                applied_at=row.applied_at,
                version=row.version,
            )
        )
    return found


def _told(expectation: Mapping[str, Any]) -> dict[str, Any]:
    """An expectation without what it leaves open."""
    value = {name: each for name, each in expectation.items() if each not in ("", None) and name not in ("to", "has_to")}
    return {**value, **({"to": expectation["to"]} if expectation["has_to"] else {})}


def list_waiting(reading: Reading, states: Collection[str], *, limit: int) -> list[WaitingView]:
    """Decisions that wait for a second person, the oldest first."""
    query = select(waiting_decision).where(waiting_decision.c.state.in_(sorted(states))) if states else select(waiting_decision)
    rows = reading.connection.execute(query.order_by(waiting_decision.c.at, waiting_decision.c.id).limit(check_limit(limit)))
    return [_waiting(row) for row in rows]


def load_waiting(reading: Reading, waiting_id: str) -> WaitingView:
    """Raises NotFoundError."""
    row = reading.connection.execute(select(waiting_decision).where(waiting_decision.c.id == waiting_id)).first()
    if row is None:
        raise NotFoundError(f"no decision {quote(waiting_id)} waits for a second person")
    return _waiting(row)


def _waiting(row: Any) -> WaitingView:
    return WaitingView(
        id=row.id,
        kind=row.kind,
        made_by=row.made_by,
        reason=row.reason,
        at=row.at,
        state=row.state,
        requirement=row.requirement,
        difference_ids=sorted(_terms.decode(row.terms)["tokens"]),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def load_counts(reading: Reading) -> ReviewCounts:
    """How much waits, from the index of groups alone."""
    is_open = difference.c.state == "open"
    columns = (func.count(), func.count().filter(difference.c.is_unauthorised.is_(True)), func.min(difference.c.opened_at))
    count, unauthorised, oldest = reading.connection.execute(select(*columns).where(is_open)).one()
    waiting = reading.connection.execute(select(func.count()).select_from(waiting_decision).where(waiting_decision.c.state == "waiting")).scalar_one()
    return ReviewCounts(open=count, unauthorised=unauthorised, oldest_at=oldest, waiting=waiting)


def load_backlog(reading: Reading) -> list[BacklogRow]:
    """What waits for each configuration manager, who is the recorded owner of the CI or of its host; the largest backlog first."""
    host = func.coalesce(ci.c.owner_ci_id, ci.c.id)
    columns = (difference.c.opened_at, difference.c.risk, difference.c.is_unauthorised, host.label("host_id"))
    joined = difference.join(ci, ci.c.id == difference.c.ci_id)
    chosen = select(*columns).select_from(joined).where(difference.c.state == "open").limit(BACKLOG_LIMIT).subquery()
    owned = (search_value.c.ci_id == chosen.c.host_id) & (search_value.c.attribute == "owner")
    query = select(chosen.c.opened_at, chosen.c.risk, chosen.c.is_unauthorised, search_value.c.value).select_from(
        chosen.outerjoin(search_value, owned)
    )
    by_owner: defaultdict[str, list[Any]] = defaultdict(list)
    for row in reading.connection.execute(query):
        by_owner[row.value or ""].append(row)
    found = [_backlog(reading.now, owner, rows) for owner, rows in by_owner.items()]
    return sorted(found, key=lambda row: (-row.open, row.owner))


def _backlog(now: int, owner: str, rows: list[Any]) -> BacklogRow:
    ages = sorted(now - row.opened_at for row in rows)
    return BacklogRow(
        owner=owner,
        open=len(rows),
        unauthorised=sum(row.is_unauthorised for row in rows),
        oldest_at=now - ages[-1],
        median_age_ms=ages[len(ages) // 2],
        high_risk=sum(row.risk >= 2 for row in rows),
    )
