"""Items of reports by their bytes: what ten thousand hosts have in common is decoded, judged and hashed once for each process.

Only items that were taken without any complaint are kept, and only what follows from their bytes and the model. Bounded: two
generations of a limited number of entries, so that what is used stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from muster.wire.report import Item

ENTRIES = 32_768  # of one generation; an entry takes about 2 KiB
BYTES_LIMIT = 4_096  # of one item; longer ones are seldom alike


class NewbornForm(msgspec.Struct, frozen=True):
    """How the CI of a new part looks while its only source is fresh. `searched`: (attribute, value) as lists are searched by."""

    name: str
    local_key: str
    control_level: str
    effective: Mapping[str, Any]
    effective_body: bytes
    effective_hash: bytes | None
    searched: tuple[tuple[str, str], ...]


class KnownItem(msgspec.Struct, frozen=True):
    """An item that was found good, with the content that is kept of it. `forms`: of its CI, by what they depend on besides."""

    item: Item
    content: dict[str, Any]
    body: bytes
    content_hash: bytes
    forms: dict[Any, NewbornForm | None]
    signature: tuple[str, bytes, str | None]  # ref, content and owner: where a section holds it, nothing of the item is new


class ItemCache:
    """Known items by their bytes as received. Threads that use one cache at once may judge an item twice, no more."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        self._young: dict[bytes, KnownItem] = {}
        self._old: dict[bytes, KnownItem] = {}

    def find(self, key: bytes) -> KnownItem | None:
        known = self._young.get(key)
        if known is None and (known := self._old.get(key)) is not None:
            self.keep(key, known)
        return known

    def keep(self, key: bytes, known: KnownItem) -> None:
        if len(key) > BYTES_LIMIT:
            return
        if len(self._young) >= self._entries:
            self._old, self._young = self._young, {}
        self._young[key] = known

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())
