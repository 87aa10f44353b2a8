"""The outbox's rows: one lane per (target, incident) in order, leased to one worker at a time.

A lease's token fences: whoever's lease ran out can no longer settle the delivery. Design: docs/incidents.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, case, delete, exists, func, insert, or_, select, update

from collector.incidents.incident import Change, delivery_id, to_incident_change
from collector.incidents.target_document import ConfiguredTarget
from collector.store import audit_chain
from collector.store.schema import delivery as table
from muster.ports import IncidentChange

ANSWER_LIMIT = 500
_decoder = msgspec.msgpack.Decoder(IncidentChange)


@dataclass(frozen=True)
class Announcement:
    """What every message says of this installation."""

    instance: str = "main"
    public_url: str = "http://127.0.0.1:8420"


@dataclass(frozen=True)
class Claim:
    """A delivery leased to this worker. `attempts`: how often it failed before."""

    id: str
    target: str
    incident_id: str
    attempts: int
    lease: str
    change: IncidentChange


def enqueue(connection: Connection, change: Change, targets: Sequence[ConfiguredTarget], announcement: Announcement) -> None:
    """A pending delivery for each target that wants the change or was told of its incident before."""
    incident = change.incident
    told = set(connection.execute(select(table.c.target).where(table.c.incident_id == incident.id).distinct()).scalars())
    rows = [
        {
            "id": delivery_id(target.id, incident.id, incident.sequence),
            "target": target.id,
            "incident_id": incident.id,
            "sequence": incident.sequence,
            "type": change.type,
            "body": msgspec.msgpack.encode(
                to_incident_change(change, target=target.id, instance=announcement.instance, public_url=announcement.public_url)
            ),
            "state": "pending",
            "created_at": change.at,
            "next_attempt_at": change.at,
        }
        for target in targets
        if target.id in told or target.wants(incident)
    ]
    if rows:
        connection.execute(insert(table), rows)


def claim_due(connection: Connection, targets: Collection[str], *, lease: str, now: int, lease_ms: int, limit: int) -> list[Claim]:
    """Lease the due heads of lanes of these targets, the longest waiting first. `lease` is a token used for this one call."""
    if not targets or limit <= 0:
        return []
    earlier = table.alias("earlier")
    is_head = ~exists(
        select(earlier.c.id).where(
            earlier.c.target == table.c.target,
            earlier.c.incident_id == table.c.incident_id,
            earlier.c.state == "pending",
            earlier.c.sequence < table.c.sequence,
        )
    )
    query = (
        select(table.c.id, table.c.target, table.c.incident_id, table.c.attempts, table.c.body)
        .where(table.c.state == "pending", table.c.next_attempt_at <= now, table.c.target.in_(sorted(targets)))
        .where(or_(table.c.leased_until.is_(None), table.c.leased_until <= now), is_head)
        .order_by(table.c.next_attempt_at, table.c.created_at, table.c.sequence)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(query).all()
    if rows:
        ids = [row.id for row in rows]
        connection.execute(update(table).where(table.c.id.in_(ids)).values(leased_by=lease, leased_until=now + lease_ms))
    return [Claim(row.id, row.target, row.incident_id, row.attempts, lease, _decoder.decode(row.body)) for row in rows]


def settle_delivered(connection: Connection, claim: Claim, now: int, answer: str) -> bool:
    """It arrived. False where the lease was lost meanwhile: another worker has it, the receiver drops the double by its id."""
    return _settle(connection, claim, state="delivered", delivered_at=now, attempts=claim.attempts + 1, last_answer=answer[:ANSWER_LIMIT])


def settle_dead(connection: Connection, claim: Claim, answer: str) -> bool:
    """Refused, or the schedule is used up: a dead letter, which a person may replay."""
    return _settle(connection, claim, state="dead", attempts=claim.attempts + 1, last_answer=answer[:ANSWER_LIMIT])


def settle_retry(connection: Connection, claim: Claim, next_attempt_at: int, answer: str, *, is_counted: bool) -> bool:
    """Try again then. Not counted: the target as a whole is held, so no attempt of this delivery is used up."""
    attempts = claim.attempts + (1 if is_counted else 0)
    return _settle(connection, claim, next_attempt_at=next_attempt_at, attempts=attempts, last_answer=answer[:ANSWER_LIMIT])


def hasten(connection: Connection, target: str, now: int) -> int:
    """The target answers again: what waits for it is due now."""
    due = update(table).where(table.c.target == target, table.c.state == "pending", table.c.next_attempt_at > now, table.c.leased_by.is_(None))
    return connection.execute(due.values(next_attempt_at=now)).rowcount


def replay_dead(connection: Connection, target: str, *, now: int, actor: str) -> int:
    """Make the dead letters of a target pending again, with their ids and bytes. How many; the audit trail says who did it."""
    again = update(table).where(table.c.state == "dead", table.c.target == target)
    count = connection.execute(again.values(state="pending", attempts=0, next_attempt_at=now, leased_by=None, leased_until=None)).rowcount
    if count:
        audit_chain.append(connection, now, actor=actor, action="dead_letters_replayed", subject=target, detail={"count": count})
    return count


def release_leases(connection: Connection, holder: str) -> int:
    """Free what a killed predecessor of the same name held, so that its deliveries need not wait for the lease to run out."""
    held = update(table).where(table.c.state == "pending", table.c.leased_by.startswith(holder + "/", autoescape=True))
    return connection.execute(held.values(leased_by=None, leased_until=None)).rowcount


def bury_unknown(connection: Connection, known: Collection[str]) -> int:
    """Deliveries to targets that are configured no longer become dead letters; adding the target again and replaying sends them."""
    gone = update(table).where(table.c.state == "pending", table.c.target.not_in(sorted(known)))
    return connection.execute(gone.values(state="dead", last_answer="the target is configured no longer", leased_by=None, leased_until=None)).rowcount


def load_lanes(connection: Connection, target: str) -> dict[str, int]:
    """Of each incident that this target was or will be told of, how many deliveries still wait."""
    is_pending = case((table.c.state == "pending", 1), else_=0)
    query = select(table.c.incident_id, func.sum(is_pending)).where(table.c.target == target).group_by(table.c.incident_id)
    return {incident_id: int(waiting) for incident_id, waiting in connection.execute(query)}


def count_deliveries(connection: Connection) -> tuple[dict[str, int], int | None]:
    """Pending and dead deliveries, and when the oldest pending one was made (None: none waits)."""
    counted = dict.fromkeys(("pending", "dead"), 0)
    query = select(table.c.state, func.count(), func.min(table.c.created_at)).where(table.c.state.in_(counted)).group_by(table.c.state)
    oldest: int | None = None
    for state, number, first in connection.execute(query):
        counted[state] = number
        oldest = first if state == "pending" else oldest
    return counted, oldest


def prune_deliveries(connection: Connection, before: int) -> int:
    """Forget what was delivered before that instant, but the last word to each target on each incident."""
    newer = table.alias("newer")
    is_not_last = exists(
        select(newer.c.id).where(newer.c.target == table.c.target, newer.c.incident_id == table.c.incident_id, newer.c.sequence > table.c.sequence)
    )
    return connection.execute(delete(table).where(table.c.state == "delivered", table.c.delivered_at < before, is_not_last)).rowcount


def _settle(connection: Connection, claim: Claim, **values: object) -> bool:
    own = update(table).where(table.c.id == claim.id, table.c.leased_by == claim.lease, table.c.state == "pending")
    return connection.execute(own.values(leased_by=None, leased_until=None, **values)).rowcount == 1
