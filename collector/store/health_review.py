"""What waits for a decision and since when, and what is held by pins. Definitions: docs/health.md."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import Connection, select

from collector.store.health_host import Hosts, load_host_ids
from collector.store.reading import load_refs
from collector.store.schema import ci, difference, pin
from collector.store.statement import parts
from muster.cmdb_health import Backlog, HealthItem

NOBODY = ""
SOON_MS = 30 * 86_400_000
WITHOUT_END, ENDS_SOON, EXPIRED, HELD = "without_end", "ends_soon", "expired", "held"


class Waiting(Struct, frozen=True):
    """One open difference."""

    id: str
    kind: str
    attribute: str
    opened_at: int
    ci_id: str
    ci_class: str
    host_id: str
    manager: str


def load_waiting(connection: Connection, hosts: Hosts) -> list[Waiting]:
    """Open differences in scope, oldest first."""
    columns = (
        difference.c.id,
        difference.c.kind,
        difference.c.attribute,
        difference.c.opened_at,
        ci.c.id,
        ci.c.ci_class,
        ci.c.zone,
        ci.c.owner_ci_id,
    )
    query = select(*columns).join(ci, ci.c.id == difference.c.ci_id).where(difference.c.state == "open")
    rows = connection.execute(query.order_by(difference.c.opened_at, difference.c.id)).all()
    deep = load_host_ids(connection, {row[7] for row in rows if row[7] is not None and row[7] not in hosts.by_id})
    found = []
    for row in rows:
        host_id = row[4] if row[7] is None else deep.get(row[7], row[7])
        if hosts.takes(row[5], row[6], host_id):
            host = hosts.by_id.get(host_id)
            found.append(Waiting(*row[:6], host_id=host_id, manager=host.manager if host else NOBODY))
    return found


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


def to_waiting_items(connection: Connection, waiting: list[Waiting], now: int) -> list[HealthItem]:
    """With their CIs, in the same order."""
    refs = load_refs(connection, (each for one in waiting for each in (one.ci_id, one.host_id)))
    return [
        HealthItem(
            refs[each.ci_id].name,
            each.kind,
            refs[each.ci_id],
            None if each.host_id == each.ci_id else refs.get(each.host_id),
            each.attribute,
            {"difference": each.id, "opened_at": each.opened_at, "age_seconds": (now - each.opened_at) / 1000, "configuration_manager": each.manager},
        )
        for each in waiting
        if each.ci_id in refs
    ]


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
