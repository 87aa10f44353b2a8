"""Bodies of attributes by a hash of their canonical MessagePack: what is equal anywhere is stored once.

The hash is SHA-256, its first 16 bytes: it is kept several times with each CI. Among 10**9 bodies the chance that any two share it is
below 10**-20, and to find a body for another's hash takes 2**128 tries. Reports (`journal.py`) and the audit trail keep all 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from collector.store.bulk import select_in
from collector.store.schema import content
from collector.store.statement import insert_missing, parts

HASH_BYTES = 16
_KNOWN = "SELECT hash, unused_since FROM content WHERE hash"
# Built once: for so small a statement, building it costs more than running it.
_BODIES = select(content.c.hash, content.c.body).where(content.c.hash.in_(bindparam("hashes", expanding=True)))
_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decode = msgspec.msgpack.Decoder().decode


def encode(value: Any) -> bytes:
    """Canonical MessagePack: equal values give equal bytes."""
    return _encoder.encode(value)


def decode(body: bytes | None) -> Any:
    """The value of a column; None for NULL."""
    return None if body is None else _decode(body)


def hash_body(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:HASH_BYTES]


def save_contents(connection: Connection, bodies: Mapping[bytes, bytes]) -> None:
    """Keep bodies by their hash; those that are there already cost nothing more."""
    known: set[bytes] = set()
    unused: list[bytes] = []
    for part in parts(bodies):
        for key, since in select_in(connection, _KNOWN, part):
            known.add(key)
            if since is not None:
                unused.append(key)
    for part in parts(unused):  # what was about to be removed is in use again
        connection.execute(update(content).where(content.c.hash.in_(part)).values(unused_since=None))
    insert_missing(connection, content, [{"hash": key, "body": body} for key, body in bodies.items() if key not in known])


def load_contents(connection: Connection, hashes: Iterable[bytes | None], cache: dict[bytes, Any] | None = None) -> dict[bytes, Any]:
    """The decoded values by hash; into `cache`, whose entries are not read again."""
    found = cache if cache is not None else {}
    for part in parts({key for key in hashes if key is not None and key not in found}):
        for key, body in connection.execute(_BODIES, {"hashes": part}):
            found[bytes(key)] = _decode(body)
    return found
