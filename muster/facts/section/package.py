"""Section `package`: software that a package manager installed."""

from __future__ import annotations

from collections.abc import Sequence

from muster.facts.package import Package
from muster.facts.section._item import build_item
from muster.wire.report import Item


def to_items(packages: Sequence[Package]) -> list[Item]:
    """Items of class `software_package`, in the order of refs; the last of two with one ref counts."""
    found = {item.ref: item for item in map(_item, packages)}
    return [found[ref] for ref in sorted(found)]


def _item(each: Package) -> Item:
    key = (each.manager, each.name, each.architecture, each.slot)
    return build_item(
        "pkg:" + ":".join(part for part in key if part),
        "software_package",
        {"manager": each.manager, "name": each.name, "architecture": each.architecture, "slot": each.slot},
        {
            "name": each.name,
            "manager": each.manager,
            "architecture": each.architecture,
            "slot": each.slot,
            "version": each.version,
            "vendor": each.vendor,
            "source_package": each.source_package,
            "installed_at": each.installed_at,
            "size_bytes": each.size_bytes,
            "summary": each.summary,
        },
    )
