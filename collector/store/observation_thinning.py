"""Thinning of what sources said long ago: record by record through the whole store, a bounded piece at a time. Design: docs/storage.md."""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct
from sqlalchemy import Connection, delete, select, tuple_

from collector.reconcile.thinning import choose_thinned
from collector.store import setting
from collector.store.schema import baseline, history, observation_history, source_record
from collector.store.statement import parts

DAY_MS = 86_400_000
ROWS_PER_RUN = 5_000
_PLACE = "observation_thinning"


class Thinned(Struct):
    """What one piece did. `is_whole`: the last record was reached; the next walk begins after a day."""

    removed: int = 0
    is_whole: bool = True


def thin_observations(connection: Connection, now: int, days: float, *, limit: int = ROWS_PER_RUN) -> Thinned:
    """Look through at most about `limit` old rows and remove what may go; where it stopped is kept for the next run."""
    place = setting.load(connection, _PLACE, {"record_id": 0, "rested_at": 0})
    if place["record_id"] == 0 and now - place["rested_at"] < DAY_MS:
        return Thinned()
    cutoff = now - round(days * DAY_MS)
    records = _next_records(connection, place["record_id"], cutoff, limit)
    if not records:
        setting.save(connection, _PLACE, {"record_id": 0, "rested_at": now})
        return Thinned()
    removed = sum(_thin(connection, part, cutoff) for part in parts(records))
    setting.save(connection, _PLACE, {"record_id": records[-1], "rested_at": place["rested_at"]})
    return Thinned(removed, is_whole=False)


def _next_records(connection: Connection, after: int, cutoff: int, limit: int) -> list[int]:
    """The next records that have rows past their time, with about `limit` of these together; at least one."""
    table = observation_history.c
    query = select(table.record_id).where(table.record_id > after, table.observed_at < cutoff).order_by(table.record_id).limit(limit)
    return sorted(set(connection.execute(query).scalars()))


def _thin(connection: Connection, records: list[int], cutoff: int) -> int:
    table = observation_history.c
    rows: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for record_id, at, known_from in connection.execute(
        select(table.record_id, table.observed_at, table.known_from).where(table.record_id.in_(records))
    ):
        rows[record_id].append((at, known_from))
    protected = _protected(connection, records)
    gone = [(record_id, *row) for record_id in records for row in choose_thinned(rows[record_id], cutoff, protected[record_id])]
    for part in parts(gone, 300):
        connection.execute(delete(observation_history).where(tuple_(table.record_id, table.observed_at, table.known_from).in_(part)))
    return len(gone)


def _protected(connection: Connection, records: list[int]) -> dict[int, set[int]]:
    """The instants of baselines, and of decisions that wrote anything of the CI that a record belongs to."""
    instants = set(connection.execute(select(baseline.c.at)).scalars()) | set(connection.execute(select(baseline.c.known_at)).scalars())
    found = {record_id: set(instants) for record_id in records}
    joined = source_record.join(history, history.c.ci_id == source_record.c.ci_id)
    query = select(source_record.c.id, history.c.known_from, history.c.valid_from).select_from(joined)
    for record_id, known_from, valid_from in connection.execute(query.where(source_record.c.id.in_(records), history.c.cause_kind == "decision")):
        found[record_id] |= {known_from, valid_from}
    return found
