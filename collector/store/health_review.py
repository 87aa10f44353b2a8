"""What waits for a decision and since when, and what is held by pins. Definitions: docs/health.md."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, func, select

from collector.store.health_host import Host, Hosts, load_host_ids
from collector.store.reading import load_refs
from collector.store.schema import ci, difference, pin
from collector.store.statement import parts
from muster.cmdb_health import Backlog, HealthItem
from muster.ports import CiRef

NOBODY = ""
SOON_MS = 30 * 86_400_000
WITHOUT_END, ENDS_SOON, EXPIRED, HELD = "without_end", "ends_soon", "expired", "held"


class Waiting(Struct, frozen=True):
    """One open difference, as far as figures need it."""

    kind: str
    opened_at: int
    ci_class: str
    manager: str


OpenRow = tuple[str, int, str, str, int]  # kind, opened_at, class, zone, number of the host


def load_open(connection: Connection) -> list[OpenRow]:
    """Every open difference, as far as figures need it. By the host's number: fifty thousand ids would cost more than all else."""
    owner = ci.alias("owner")
    columns = (difference.c.kind, difference.c.opened_at, ci.c.ci_class, ci.c.zone, func.coalesce(owner.c.number, ci.c.number))
    joined = difference.join(ci, ci.c.id == difference.c.ci_id).outerjoin(owner, owner.c.id == ci.c.owner_ci_id)
    rows = connection.execute(select(*columns).select_from(joined).where(difference.c.state == "open"))
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def select_waiting(connection: Connection, rows: Sequence[OpenRow], hosts: Hosts) -> list[Waiting]:
    """Those of a scope, in no order."""
    host_of = {each.ref.number: each for each in hosts.by_id.values()}
    found = []
    for kind, opened_at, ci_class, zone, number in rows:
        host = host_of.get(number) or _outer_host(connection, hosts, number)
        if hosts.takes(ci_class, zone, host.ref.id if host else None):
            found.append(Waiting(kind, opened_at, ci_class, host.manager if host else NOBODY))
    return found


def _outer_host(connection: Connection, hosts: Hosts, number: int) -> Host | None:
    """The host of a part that itself holds others, which is rare."""
    ci_id = connection.execute(select(ci.c.id).where(ci.c.number == number)).scalar()
    return None if ci_id is None else hosts.by_id.get(load_host_ids(connection, [ci_id])[ci_id])


def list_waiting(connection: Connection, hosts: Hosts, now: int, *, start: int, limit: int) -> tuple[list[HealthItem], int]:
    """Open differences in scope, oldest first: `limit` of them from `start` on, and how many there are."""
    columns = (difference.c.id, difference.c.ci_id, ci.c.ci_class, ci.c.zone, ci.c.owner_ci_id)
    query = select(*columns).join(ci, ci.c.id == difference.c.ci_id).where(difference.c.state == "open")
    rows = connection.execute(query.order_by(difference.c.opened_at, difference.c.id)).all()
    deep = load_host_ids(connection, {row[4] for row in rows if row[4] is not None and row[4] not in hosts.by_id})
    host_of = {row[0]: row[1] if row[4] is None else deep.get(row[4], row[4]) for row in rows}
    chosen = [row for row in rows if hosts.takes(row[2], row[3], host_of[row[0]])]
    shown = chosen[start : start + limit]
    refs = load_refs(connection, (each for row in shown for each in (row[1], host_of[row[0]])))
    told = _load_told(connection, [row[0] for row in shown])
    items = []
    for row in shown:
        host_id = host_of[row[0]]
        manager = hosts.by_id[host_id].manager if host_id in hosts.by_id else NOBODY
        items.append(_to_item(told[row[0]], row[1], host_id, refs, manager, now=now))
    return items, len(chosen)


def _load_told(connection: Connection, ids: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts(ids):
        columns = (difference.c.id, difference.c.kind, difference.c.attribute, difference.c.opened_at)
        found |= {row.id: row for row in connection.execute(select(*columns).where(difference.c.id.in_(part)))}
    return found


def _to_item(told: Any, ci_id: str, host_id: str, refs: Mapping[str, CiRef], manager: str, *, now: int) -> HealthItem:
    age = {"age_seconds": (now - told.opened_at) / 1000, "configuration_manager": manager}
    detail = {"difference": told.id, "opened_at": told.opened_at, **age}
    owner = None if host_id == ci_id else refs.get(host_id)
    return HealthItem(refs[ci_id].name, told.kind, refs[ci_id], owner, told.attribute, detail)


def measure_backlog(waiting: list[Waiting], attribute: str, now: int) -> list[Backlog]:
    """How many wait and how long, by `ci_class` or `manager`; the oldest first."""
    opened: defaultdict[str, list[int]] = defaultdict(list)
    for each in waiting:
        opened[getattr(each, attribute)].append(each.opened_at)
    found = [Backlog(key, len(times), min(times), median_age_seconds(times, now)) for key, times in opened.items()]
    return sorted(found, key=lambda each: (each.oldest_at, each.key))


def median_age_seconds(opened: list[int], now: int) -> float:
    """The median of ages; of an even number the mean of the two in the middle."""
    return statistics.median(max(now - each, 0) for each in opened) / 1000


def load_pins(connection: Connection, hosts: Hosts, now: int) -> list[HealthItem]:
    """Every pin in scope with what is the matter with it; those that end first before the others."""
    rows = connection.execute(select(pin.c.ci_id, pin.c.attribute, pin.c.owner, pin.c.reason, pin.c.expires_at)).all()
    refs = load_refs(connection, (row.ci_id for row in rows))
    places = _places(connection, set(refs))
    host_ids = load_host_ids(connection, refs)
    chosen = [row for row in rows if row.ci_id in refs and hosts.takes(refs[row.ci_id].ci_class, places[row.ci_id], host_ids[row.ci_id])]
    chosen.sort(key=lambda row: (row.expires_at is None, row.expires_at or 0, refs[row.ci_id].number, row.attribute))
    return [
        HealthItem(
            refs[row.ci_id].name,
            _pin_kind(row.expires_at, now),
            refs[row.ci_id],
            attribute=row.attribute,
            detail={"owner": row.owner, "reason": row.reason, "expires_at": row.expires_at},
        )
        for row in chosen
    ]


def _pin_kind(expires_at: int | None, now: int) -> str:
    if expires_at is None:
        return WITHOUT_END
    if expires_at <= now:
        return EXPIRED
    return ENDS_SOON if expires_at - now <= SOON_MS else HELD


def _places(connection: Connection, ids: set[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in parts(sorted(ids)):
        found |= {row[0]: row[1] for row in connection.execute(select(ci.c.id, ci.c.zone).where(ci.c.id.in_(part)))}
    return found
