"""What one device turned out to be: its sections as one source of discovery reports them, each under the device's own name.

Each section's name ends in the device's key (`package:machine:3d12…`), so that the absence of one device says nothing about another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from muster.model.state import SectionStatus, SourceKind
from muster.wire.digest import digest_bytes, digest_section
from muster.wire.report import Item, RelationClaim, Section

REF_LIMIT = 512
DEVICE_REF_LIMIT = 96  # leaves room for the part's name in a section name of at most 128 characters


@dataclass(frozen=True)
class Part:
    """One part of a device's inventory before it is a section: what was read, and whether that is all there is."""

    items: Sequence[Item]
    relations: Sequence[RelationClaim] = ()
    is_complete: bool = True
    status: SectionStatus = "ok"
    reason: str | None = None


@dataclass(frozen=True)
class DiscoveredDevice:
    """One device under its native key `ref`, with its sections by name; `name` is for people."""

    kind: SourceKind
    ref: str
    name: str
    sections: Mapping[str, Section] = field(default_factory=dict)

    @property
    def item_count(self) -> int:
        """Items of all sections."""
        return sum(len(section.items or ()) for section in self.sections.values())


def fit_device_ref(text: str) -> str:
    """The text as a device's ref, cut where it is too long, with a digest so that two stay two."""
    return text if len(text) <= DEVICE_REF_LIMIT else f"{text[: DEVICE_REF_LIMIT - 33]}~{digest_bytes(text.encode())}"


def to_sections(ref: str, parts: Mapping[str, Part], *, interval_seconds: int) -> dict[str, Section]:
    """Sections `<part>:<key>` of a host's parts, whose items name the host `host`: refs become those of this device.

    The key is the ref without its leading kind (`ssh:machine:3d12…` gives `machine:3d12…`).
    """
    key = ref.partition(":")[2]
    return {f"{name}:{key}": _section(ref, part, interval_seconds) for name, part in parts.items()}


def _section(ref: str, part: Part, interval_seconds: int) -> Section:
    items = [_rename(item, ref) for item in part.items]
    relations = list(part.relations)
    return Section(
        digest=digest_section(items, relations),
        complete=part.is_complete,
        status=part.status,
        reason=part.reason,
        interval_seconds=interval_seconds,
        items=items,
        relations=relations or None,
    )


def _rename(item: Item, ref: str) -> Item:
    own = ref if item.owner is None else _fit(f"{ref}/{item.ref}")
    return msgspec.structs.replace(item, ref=own, owner=None if item.owner is None else ref)


def _fit(ref: str) -> str:
    return ref if len(ref) <= REF_LIMIT else f"{ref[: REF_LIMIT - 33]}~{digest_bytes(ref.encode(errors='replace'))}"
