"""The journal: every acknowledged report as it came, so that it can be replayed byte for byte, and its answer given again."""

from __future__ import annotations

import hashlib

import msgspec
import zstandard
from msgspec import Struct
from sqlalchemy import Connection, bindparam, insert, select, update

from collector.store.schema import report
from muster.errors import ConflictError, NotFoundError
from muster.wire.report import Answer

COMPRESSION_LEVEL = 3
_answers = msgspec.msgpack.Decoder(Answer)
# Built once: for so small a statement, building it costs more than running it.
_ANSWER = select(report.c.body_hash, report.c.answer).where(report.c.source_id == bindparam("source"), report.c.sequence == bindparam("sequence"))
_NEW_REPORT = insert(report).returning(report.c.id)


class Entry(Struct, frozen=True):
    """One report of the journal, inflated."""

    id: int
    source_id: int
    sequence: int
    body: bytes
    content_type: str
    observed_at: int
    received_at: int


def compress_body(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(body)


def hash_body(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def find_answer(connection: Connection, source_id: int, sequence: int, body_hash: bytes) -> Answer | None:
    """The answer that this very report got before; None: it is new.

    Raises ConflictError (`sequence-reused`) where the sequence belongs to another body.
    """
    row = connection.execute(_ANSWER, {"source": source_id, "sequence": sequence}).first()
    if row is None:
        return None
    if bytes(row.body_hash) != body_hash:
        raise ConflictError(f"sequence {sequence} was used for another report; go on with a new instance", code="sequence-reused", current=sequence)
    return _answers.decode(row.answer)


def save_report(connection: Connection, entry: Entry, body_hash: bytes, compressed: bytes, answer: Answer) -> int:
    """Make a report durable with its answer, and give its number; `entry.id` and `entry.body` are not looked at."""
    row = {
        "source_id": entry.source_id,
        "sequence": entry.sequence,
        "body_hash": body_hash,
        "body": compressed,
        "content_type": entry.content_type,
        "observed_at": entry.observed_at,
        "received_at": entry.received_at,
        "answer": msgspec.msgpack.encode(answer),
    }
    return int(connection.execute(_NEW_REPORT, row).scalar_one())


def save_answer(connection: Connection, report_id: int, answer: Answer) -> None:
    """Replace the answer of a report, within the transaction that made it durable."""
    connection.execute(update(report).where(report.c.id == report_id).values(answer=msgspec.msgpack.encode(answer)))


def load_entry(connection: Connection, report_id: int) -> Entry:
    """A report as it came. Raises NotFoundError, also where its retention has ended."""
    row = connection.execute(select(report).where(report.c.id == report_id)).first()
    if row is None:
        raise NotFoundError(f"no report {report_id} in the journal; its retention may have ended")
    body = zstandard.ZstdDecompressor().decompress(row.body)
    return Entry(row.id, row.source_id, row.sequence, body, row.content_type, row.observed_at, row.received_at)
