"""Metric series and their samples as reports bring them: a table of series is kept once, each report adds one block of its samples.

A block can be read as soon as its report is durable; `compaction.py` joins those of an hour. Reading: `read_series.py`. Format:
`sample_block.py`. Design: docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, func, insert, select, update

from collector.store.content import decode, encode
from collector.store.sample_block import Column, encode_received
from collector.store.schema import chunk, series, series_table, source
from collector.store.statement import insert_missing, parts
from muster.wire.report import SampleBlock, SeriesDefinition

# What a series measures that names no subject: the host that reports.
DEFAULT_SUBJECT = "host"
# What one source may make; past it series are not kept, and their samples are counted as dropped.
SERIES_PER_TABLE = 20_000
SERIES_PER_SOURCE = 100_000
TABLES_PER_SOURCE = 2_000
_INT64 = 2**63
# Built once: for so small a statement, building it costs more than running it.
_TABLE = select(series_table.c.series_ids).where(series_table.c.source_id == bindparam("source"), series_table.c.digest == bindparam("digest"))
_NEW_CHUNK = insert(chunk)


def save_samples(
    connection: Connection,
    source_id: int,
    *,
    tables: Mapping[str, Sequence[SeriesDefinition]],
    samples: Sequence[SampleBlock],
    received_at: int,
    shift_ms: int = 0,
) -> list[str]:
    """Keep the tables that are new and the samples, within the report's transaction; the digests of tables to send in full.

    `shift_ms` corrects the source's clock; what is still in the future is taken as of `received_at`. Samples of an unknown table, or
    that do not fit theirs, are counted in `source.samples_dropped_total` and never refuse the report.
    """
    known = load_tables(connection, source_id, {*tables, *(block.table for block in samples)})
    for digest in tables:
        if digest not in known and (numbers := _save_table(connection, source_id, digest, tables[digest])) is not None:
            known[digest] = numbers
    rows: list[dict[str, Any]] = []
    dropped = 0
    for block in samples:
        row, lost = _to_row(block, known.get(block.table), received_at, shift_ms)
        dropped += lost
        if row is not None:
            rows.append({"source_id": source_id, **row})
    if rows:
        connection.execute(_NEW_CHUNK, rows)
    if dropped:
        total = source.c.samples_dropped_total + dropped
        connection.execute(update(source).where(source.c.id == source_id).values(samples_dropped_total=total))
    return sorted({block.table for block in samples if block.table not in known})


def load_tables(connection: Connection, source_id: int, digests: Iterable[str]) -> dict[str, list[int]]:
    """The series of a source's tables, by position; unknown digests are missing."""
    found: dict[str, list[int]] = {}
    for digest in digests:  # a report names one table, seldom two
        body = connection.execute(_TABLE, {"source": source_id, "digest": digest}).scalar()
        if body is not None:
            found[digest] = decode(body)
    return found


def _save_table(connection: Connection, source_id: int, digest: str, definitions: Sequence[SeriesDefinition]) -> list[int] | None:
    """Series of one table, made where they are new; None: the source has too many tables.

    A series named twice, or over a limit, has number 0: its samples are not kept.
    """
    if _count(connection, series_table, source_id) >= TABLES_PER_SOURCE:
        return None
    keys = [_key(each) for each in definitions[:SERIES_PER_TABLE]]
    known = _load_series(connection, source_id, keys)
    new = {key: each for key, each in zip(keys, definitions, strict=False) if key not in known}
    room = max(0, SERIES_PER_SOURCE - _count(connection, series, source_id)) if new else 0
    new = dict(list(new.items())[:room])
    rows = [
        {"source_id": source_id, "subject_ref": key[0], "name": key[1], "labels": key[2], "unit": each.unit, "kind": each.kind}
        for key, each in new.items()
    ]
    insert_missing(connection, series, rows)
    known.update(_load_series(connection, source_id, new))
    taken: set[int] = set()
    numbers: list[int] = []
    for key in keys:
        number = known.get(key, 0)
        numbers.append(0 if number in taken else number)
        taken.add(number)
    numbers += [0] * (len(definitions) - len(numbers))
    insert_missing(connection, series_table, [{"digest": digest, "source_id": source_id, "series_ids": encode(numbers)}])
    return numbers


def _count(connection: Connection, table: Table, source_id: int) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(table.c.source_id == source_id)).scalar_one())


def _key(definition: SeriesDefinition) -> tuple[str, str, str]:
    labels = msgspec.json.encode(definition.labels, order="deterministic").decode()
    return definition.subject or DEFAULT_SUBJECT, definition.name, labels


def _load_series(connection: Connection, source_id: int, keys: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
    wanted = set(keys)
    columns = (series.c.subject_ref, series.c.name, series.c.labels, series.c.id)
    found: dict[tuple[str, str, str], int] = {}
    for part in parts(sorted({subject for subject, _, _ in wanted})):
        query = select(*columns).where(series.c.source_id == source_id, series.c.subject_ref.in_(part))
        found.update({(subject, name, labels): number for subject, name, labels, number in connection.execute(query)})
    return {key: number for key, number in found.items() if key in wanted}


def _to_row(block: SampleBlock, numbers: list[int] | None, received_at: int, shift_ms: int) -> tuple[dict[str, Any] | None, int]:
    """The columns of a chunk, and how many samples were dropped."""
    size = len(block.times) * len(block.values)
    if numbers is None or len(block.values) != len(numbers):
        return None, size
    times = [min(at + shift_ms, received_at) for at in block.times if isinstance(at, int)]
    columns: list[Column] = block.values
    unkept = numbers.count(0)
    if unkept:
        columns = [column if number else [None] * len(times) for number, column in zip(numbers, columns, strict=True)]
    kept = [place for place, at in enumerate(times) if at >= 0]
    if len(kept) < len(times):
        times = [times[place] for place in kept]
        columns = [[column[place] for place in kept] for column in columns]
    if not times:
        return None, size
    try:
        body = encode_received(times, columns)
    except OverflowError:
        columns = [[_bounded(value) for value in column] for column in columns]
        body = encode_received(times, columns)
    row = {"table_digest": block.table, "start_at": min(times), "end_at": max(times), "count": len(times), "body": body}
    return row, size - len(times) * (len(columns) - unkept)


def _bounded(value: float | int | None) -> float | int | None:
    """JSON knows no largest integer; what 64 bits cannot hold becomes a float, else missing."""
    if not isinstance(value, int) or -_INT64 <= value < 2 * _INT64:
        return value
    try:
        return float(value)
    except OverflowError:
        return None
