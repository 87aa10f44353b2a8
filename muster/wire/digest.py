"""Digests that a source computes and a collector only compares: 128 bits of SHA-256 in hexadecimal."""

from __future__ import annotations

import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from muster.wire.report import Item, RelationClaim, SeriesDefinition


def digest_bytes(content: bytes) -> str:
    """The digest of bytes: 32 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:32]


def digest_section(items: Iterable[Item], relations: Iterable[RelationClaim] = ()) -> str:
    """The digest of a section's content, whatever the order in which its parts were found."""
    import msgspec

    parts = sorted(msgspec.msgpack.encode(part, order="deterministic") for group in (items, relations) for part in group)
    return digest_bytes(b"".join(parts))


def digest_table(series: Iterable[SeriesDefinition]) -> str:
    """The digest of a series table; the order of its rows counts, because values refer to rows by position."""
    import msgspec

    return digest_bytes(msgspec.msgpack.encode(list(series), order="deterministic"))
