"""Compaction: the blocks that reports brought in one hour become one small block of that hour.

Three steps, so that the writer never waits for the packing: `load_work` and `load_blocks` on a reading connection, `join_blocks`
(pure, about half a microsecond a sample) on any thread, `save_block` inside the writer. Late samples join the hour's block again.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, delete, false, func, insert, select

from collector.store.sample_block import Block, Column, decode_block, encode_compact
from collector.store.schema import chunk
from collector.store.series import load_tables

HOUR_MS = 3_600_000
# Samples of an hour that are still on their way when it ends.
GRACE_MS = 5 * 60_000
# How many samples one packing holds in memory, at about 100 bytes each, and of how many blocks.
SAMPLES_AT_ONCE = 1_000_000
BLOCKS_AT_ONCE = 2_000


class Work(Struct, frozen=True):
    """An hour (by the instant at which its blocks start) of one table of one source."""

    source_id: int
    table_digest: str
    hour: int


class Joined(Struct, frozen=True):
    """What takes the place of the blocks `ids`."""

    work: Work
    ids: list[int]
    start_at: int
    end_at: int
    count: int
    body: bytes


def load_work(connection: Connection, now: int, *, limit: int) -> list[Work]:
    """Hours that are over and hold blocks as received, at most `limit`."""
    hour = (chunk.c.start_at - chunk.c.start_at % HOUR_MS).label("hour")
    is_due = (chunk.c.is_compact == false()) & (chunk.c.start_at < (now - GRACE_MS) // HOUR_MS * HOUR_MS)
    query = select(chunk.c.source_id, chunk.c.table_digest, hour).where(is_due).distinct().limit(limit)
    return [Work(*row) for row in connection.execute(query)]


def load_blocks(connection: Connection, work: Work, *, maximum_samples: int = SAMPLES_AT_ONCE) -> list[tuple[int, bytes]]:
    """Number and body of the blocks of that hour, in the order of their coming.

    Where they hold more than `maximum_samples`, only the first as received, at least one; the others are the next round's work.
    """
    is_of_hour = (chunk.c.start_at >= work.hour) & (chunk.c.start_at < work.hour + HOUR_MS)
    is_it = (chunk.c.source_id == work.source_id) & (chunk.c.table_digest == work.table_digest) & is_of_hour
    # As received first: those must get done.
    rows = connection.execute(select(chunk.c.id, chunk.c.count).where(is_it).order_by(chunk.c.is_compact, chunk.c.id).limit(BLOCKS_AT_ONCE)).all()
    series = max(1, len(load_tables(connection, work.source_id, [work.table_digest]).get(work.table_digest, ())))
    chosen: list[int] = []
    samples = 0
    for number, instants in rows:
        samples += instants * series
        if chosen and samples > maximum_samples:
            break
        chosen.append(number)
    query = select(chunk.c.id, chunk.c.body).where(chunk.c.id.in_(chosen)).order_by(chunk.c.id)
    return [(row.id, row.body) for row in connection.execute(query)]


def join_blocks(work: Work, blocks: Sequence[tuple[int, bytes]]) -> Joined:
    """One block of all. At an instant that two blocks hold, a later known sample counts before an earlier one."""
    rows: dict[int, list[float | int | None]] = {}
    width = 0
    for _, body in blocks:
        times, columns = decode_block(body)
        width = max(width, len(columns))
        for place, at in enumerate(times):
            row = [columns[position][place] for position in range(len(columns))]
            before = rows.get(at)
            rows[at] = row if before is None else [old if new is None else new for old, new in zip(before, row, strict=True)]
    times = sorted(rows)
    joined: list[Column] = [[rows[at][position] for at in times] for position in range(width)]
    return Joined(work, [number for number, _ in blocks], times[0], times[-1], len(times), encode_compact(Block(times, joined)))


def save_block(connection: Connection, joined: Joined) -> bool:
    """Put the joined block in the place of the others, in one transaction; False where one of them is gone meanwhile (retention)."""
    is_one = chunk.c.id.in_(joined.ids)
    if connection.execute(select(func.count()).select_from(chunk).where(is_one)).scalar_one() != len(joined.ids):
        return False
    connection.execute(delete(chunk).where(is_one))
    connection.execute(
        insert(chunk).values(
            source_id=joined.work.source_id,
            table_digest=joined.work.table_digest,
            start_at=joined.start_at,
            end_at=joined.end_at,
            count=joined.count,
            body=joined.body,
            is_compact=True,
        )
    )
    return True
