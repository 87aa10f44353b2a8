"""Section `hardware`: processors, memory modules and disks."""

from __future__ import annotations

from collections.abc import Sequence

from muster.facts.cpuinfo import Processor, ProcessorFacts
from muster.facts.lsblk import Disk
from muster.facts.section._item import build_item
from muster.facts.smbios import MemoryModule
from muster.wire.report import Item


def to_items(processors: ProcessorFacts, disks: Sequence[Disk], modules: Sequence[MemoryModule] = ()) -> list[Item]:
    """Items of class `processor`, `disk` and `memory_module`."""
    return [*map(_processor, processors.packages), *map(_disk, disks), *map(_module, modules)]


def _processor(each: Processor) -> Item:
    return build_item(
        f"cpu:{each.slot}",
        "processor",
        {"slot": each.slot},
        {"slot": each.slot, "vendor": each.vendor, "model": each.model, "core_count": each.core_count, "thread_count": each.thread_count},
    )


def _disk(each: Disk) -> Item:
    return build_item(
        f"disk:{each.serial or each.name}",
        "disk",
        {"slot": each.name, "serial": each.serial, "wwn": each.wwn},
        {
            "name": each.name,
            "slot": each.name,
            "vendor": each.vendor,
            "model": each.model,
            "serial": each.serial,
            "wwn": each.wwn,
            "firmware": each.firmware,
            "size_bytes": each.size_bytes,
            "rotational": each.is_rotational,
        },
    )


def _module(each: MemoryModule) -> Item:
    return build_item(
        f"memory:{each.slot}",
        "memory_module",
        {"slot": each.slot, "serial": each.serial},
        {"slot": each.slot, "vendor": each.vendor, "model": each.model, "serial": each.serial, "size_bytes": each.size_bytes},
    )
