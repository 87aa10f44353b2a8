"""Bodies of attributes by a hash of their canonical MessagePack: what is equal anywhere is stored once.

The hash is SHA-256, its first 16 bytes: it is kept several times with each CI. Among 10**9 bodies the chance that any two share it is
below 10**-20, and to find a body for another's hash takes 2**128 tries. Reports (`journal.py`) and the audit trail keep all 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from collector.store.bulk import select_in
from collector.store.engine import transaction_memory
from collector.store.schema import content
from collector.store.statement import Lookup, insert_missing, parts

HASH_BYTES = 16
KEPT_LIMIT = 100_000  # hashes that a transaction remembers
_KNOWN = "SELECT hash, unused_since FROM content WHERE hash"
_BODIES = Lookup(select(content.c.hash, content.c.body), content.c.hash)
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
    kept = _kept(connection)
    asked = [key for key in bodies if key not in kept]
    known: set[bytes] = set()
    unused: list[bytes] = []
    for part in parts(asked):
        for key, since in select_in(connection, _KNOWN, part):
            known.add(key)
            if since is not None:
                unused.append(key)
    for part in parts(unused):  # what was about to be removed is in use again
        connection.execute(update(content).where(content.c.hash.in_(part)).values(unused_since=None))
    insert_missing(connection, content, [{"hash": key, "body": bodies[key]} for key in asked if key not in known])
    kept.update(asked)


def forget_kept(connection: Connection) -> None:
    """Contents are removed in this transaction: those kept before have to be asked for again."""
    _kept(connection).clear()


def _kept(connection: Connection) -> set[bytes]:
    """The hashes that this transaction found or kept; nothing but the sweep takes one away before its end."""
    kept: set[bytes] = transaction_memory(connection).setdefault("kept_contents", set())
    if len(kept) > KEPT_LIMIT:
        kept.clear()
    return kept


def load_contents(connection: Connection, hashes: Iterable[bytes | None], cache: dict[bytes, Any] | None = None) -> dict[bytes, Any]:
    """The decoded values by hash; into `cache`, whose entries are not read again."""
    found = cache if cache is not None else {}
    for key, body in _BODIES.rows(connection, {key for key in hashes if key is not None and key not in found}):
        found[bytes(key)] = _decode(body)
    return found
