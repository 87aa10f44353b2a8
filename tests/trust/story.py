"""A host's reports: one inventory that grows, samples and states, the same for the same sequence, as JSON lines."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Table, func, select

from collector.store.engine import Database
from collector.store.schema import (
    check_state,
    chunk,
    ci,
    content,
    history,
    identity_claim,
    observation_history,
    report,
    series,
    source_record,
    transition,
)

START = 1_772_359_200_000
MINUTE = 60_000
INSTANCE = "00112233445566778899aabbccddeeff"
PACKAGES = 40
_TABLE = "load"


def make_report(sequence: int, *, start: int = START) -> dict[str, Any]:
    """The report of a minute: every third brings another package, up to a bound, the state falls twice in ten."""
    at = start + sequence * MINUTE
    host = {
        "ref": "host",
        "class": "server",
        "identifiers": {"machine_id": "5d1f0c3a9b7e4d2f8a6c1b0e9d8f7a6b"},
        "attributes": {"os.kernel": f"6.1.{sequence // 3}"},
    }
    packages = [
        {
            "ref": f"pkg:{number}",
            "class": "software_package",
            "owner": "host",
            "identifiers": {},
            "attributes": {"name": f"p{number}", "manager": "dpkg", "version": "1"},
        }
        for number in range(min(sequence // 3, PACKAGES) + 1)
    ]
    section = {"complete": True, "interval_seconds": 60, "items": [host, *packages], "digest": f"{sequence // 3}"}
    return {
        "schema": 1,
        "source": {"kind": "agent", "name": "web1", "instance": INSTANCE},
        "sequence": sequence,
        "observed_at": at,
        "sections": {"host": section},
        "tables": {_TABLE: [{"name": "node_load1"}, {"name": "node_load5"}]},
        "samples": [{"table": _TABLE, "times": [at, at + 15_000], "values": [[sequence, None], [0.5, sequence / 4]]}],
        "states": [{"subject": "host", "check": "agent_heartbeat", "state": "down" if sequence % 10 in (4, 5) else "up", "at": at}],
    }


def make_line(sequence: int) -> bytes:
    return msgspec.json.encode(make_report(sequence)) + b"\n"


_COUNTED: tuple[Table, ...] = (
    report, chunk, series, source_record, ci, history, transition, check_state, content, observation_history, identity_claim,
)  # fmt: skip


def count_rows(database: Database) -> dict[str, int]:
    """Rows of every table that a report writes."""
    with database.connect() as connection:
        return {table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one()) for table in _COUNTED}


def load_sequences(database: Database) -> list[int]:
    """What the journal holds, in order; a doubled one stands there twice."""
    with database.connect() as connection:
        return list(connection.execute(select(report.c.sequence).order_by(report.c.sequence)).scalars())
