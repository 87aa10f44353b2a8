"""Section `filesystem`: mounts that hold data of this host. What is used is a metric, not inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from muster.facts.mountinfo import Mount, select_storage
from muster.facts.section._item import build_item
from muster.wire.report import Item


def to_items(mounts: Sequence[Mount], sizes_bytes: Mapping[str, int]) -> list[Item]:
    """Items of class `filesystem`; `sizes_bytes` by mount point (blocks × fragment size, as statvfs and df give it)."""
    return [
        build_item(
            f"fs:{mount.mount_point}",
            "filesystem",
            {"mount_point": mount.mount_point},
            {
                "mount_point": mount.mount_point,
                "device": mount.device,
                "type": mount.type,
                "options": mount.options,
                "size_bytes": sizes_bytes.get(mount.mount_point),
            },
        )
        for mount in select_storage(list(mounts))
    ]
