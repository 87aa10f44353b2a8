"""The CIs behind the figures that every CI adds to, a page at a time: only blocks that hold something of the kind are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, select, text

from collector.store.content import load_contents
from collector.store.health_block import BLOCK, EXPECTED, IN_SCOPE, Blocks, within
from collector.store.health_host import Hosts, load_host_ids
from collector.store.reading import load_refs
from collector.store.schema import NOT_SEEN, ci
from muster.cmdb_health import HealthItem
from muster.model.ci_class import ClassCatalogue
from muster.ports import CiRef

MISSING, DIFFERS = "missing", "differs"
_COLUMNS = (
    ci.c.id, ci.c.number, ci.c.ci_class, ci.c.name, ci.c.zone, ci.c.owner_ci_id, ci.c.is_recorded, ci.c.effective_hash, ci.c.recorded_hash,
    ci.c.presence, ci.c.seen_at,
)  # fmt: skip
_AT_ONCE = 2_000


def list_scored(connection: Connection, blocks: Blocks, hosts: Hosts, *, name: str, after: int, limit: int) -> tuple[list[HealthItem], int | None]:
    """One item for each attribute that is missing (completeness) or differs (correctness) of each CI, by number; and after which
    number the next page begins. A page ends with a whole CI, so it may be a little longer than its limit."""
    items: list[HealthItem] = []
    kind = MISSING if name == "completeness" else DIFFERS
    for block in blocks.with_faults("missing" if kind == MISSING else "differing", hosts.classes):
        if (block + 1) * BLOCK <= after + 1:
            continue
        rows = connection.execute(select(*_COLUMNS).where(within(block), IN_SCOPE, ci.c.number > after).order_by(ci.c.number)).all()
        for row, names in _faulty(connection, blocks, hosts, rows, kind):
            if len(items) >= limit:
                return items, items[-1].ci.number if items[-1].ci else None
            items += _items(connection, row, names, kind)
    return items, None


def _faulty(connection: Connection, blocks: Blocks, hosts: Hosts, rows: Sequence[Any], kind: str) -> list[tuple[Any, tuple[str, ...]]]:
    pairs = [_pair(row) for row in rows]
    known = blocks.scores.judge(connection, pairs)
    judged = [(row, known[pair][0] if kind == MISSING else known[pair][2]) for row, pair in zip(rows, pairs, strict=True)]
    chosen = [(row, names) for row, names in judged if names]
    deep = load_host_ids(connection, {row.owner_ci_id for row, _ in chosen if row.owner_ci_id is not None})
    return [(row, names) for row, names in chosen if hosts.takes(row.ci_class, row.zone, deep.get(row.owner_ci_id, row.id))]


def _items(connection: Connection, row: Any, names: tuple[str, ...], kind: str) -> list[HealthItem]:
    ref = CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name)
    owner = load_refs(connection, [row.owner_ci_id]).get(row.owner_ci_id)
    if kind == MISSING:
        return [HealthItem(row.name, kind, ref, owner, name) for name in names]
    hashes = [bytes(each) for each in (row.effective_hash, row.recorded_hash) if each is not None]
    contents = load_contents(connection, hashes)
    effective, recorded = (contents.get(bytes(each), {}) for each in (row.effective_hash, row.recorded_hash))
    return [HealthItem(row.name, kind, ref, owner, name, {"recorded": recorded.get(name), "observed": effective.get(name)}) for name in names]


def _pair(row: Any) -> tuple[str, bytes | None, bytes | None]:
    recorded = row.recorded_hash if row.is_recorded else None
    return row.ci_class, row.effective_hash, recorded


def list_freshness(connection: Connection, catalogue: ClassCatalogue, hosts: Hosts, *, after: int, limit: int) -> tuple[list[HealthItem], int | None]:
    """What ought to be seen and is not, by number; and after which number the next page begins."""
    observable = sorted(each.name for each in catalogue if not each.is_recorded_only and (hosts.classes is None or each.name in hosts.classes))
    condition = and_(text(NOT_SEEN), ci.c.lifecycle.in_(EXPECTED), ci.c.ci_class.in_(observable), IN_SCOPE)
    items: list[HealthItem] = []
    while len(items) <= limit:
        # The sum keeps SQLite from walking all CIs by their number instead of the few that are not seen.
        rows = connection.execute(select(*_COLUMNS).where(condition, ci.c.number + 0 > after).order_by(ci.c.number + 0).limit(_AT_ONCE)).all()
        deep = load_host_ids(connection, {row.owner_ci_id for row in rows if row.owner_ci_id is not None})
        refs = load_refs(connection, (row.owner_ci_id for row in rows))
        for row in rows:
            after = row.number
            if hosts.takes(row.ci_class, row.zone, deep.get(row.owner_ci_id, row.id)):
                ref = CiRef(id=row.id, number=row.number, ci_class=row.ci_class, name=row.name)
                items.append(HealthItem(row.name, row.presence, ref, refs.get(row.owner_ci_id), detail={"seen_at": row.seen_at}))
        if len(rows) < _AT_ONCE:
            break
    shown = items[:limit]
    return shown, shown[-1].ci.number if len(items) > limit and shown[-1].ci else None
