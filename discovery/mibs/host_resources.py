"""Storage, processors and memory of a host. Source: HOST-RESOURCES-MIB (RFC 2790), also answered by many appliances."""

from __future__ import annotations

import re
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, Row, scalars, table
from discovery.snmp.varbind import to_integer, to_oid, to_text

_STORAGE_TYPES = "1.3.6.1.2.1.25.2.1."
_STORAGE_KINDS = {
    "1": "other", "2": "memory", "3": "virtual_memory", "4": "fixed_disk", "5": "removable_disk", "6": "floppy_disk", "7": "compact_disc",
    "8": "ram_disk", "9": "flash_memory", "10": "network_disk",
}  # fmt: skip
_PROCESSOR = "1.3.6.1.2.1.25.3.1.3"  # hrDeviceProcessor
_NO_DESCRIPTION = "Unknown Processor Type"  # what Windows says of every processor
_WINDOWS_VOLUME = re.compile(r"(?P<path>[A-Za-z]:\\\S*)(?: Label:(?P<label>.*?))?(?:\s+Serial Number (?P<serial>\S+))?", re.DOTALL)

_JUNOS_MOUNT = re.compile(r"mounted on: (?P<path>/\S*)\s*\Z")


class Storage(NamedTuple):
    """One storage area; `size_bytes` and `used_bytes` None where the agent's numbers say nothing."""

    number: int
    name: str
    kind: str
    size_bytes: int | None = None
    used_bytes: int | None = None


class ProcessorLoad(NamedTuple):
    """One logical processor; `load_ratio` over the last minute."""

    number: int
    description: str = ""
    load_ratio: float | None = None


class HostResources(NamedTuple):
    """`memory_bytes` None where unknown, `uptime_centiseconds` of the host itself, not of the agent."""

    memory_bytes: int | None = None
    uptime_centiseconds: int | None = None
    storages: tuple[Storage, ...] = ()
    processors: tuple[ProcessorLoad, ...] = ()


def parse_rows(answers: Answers) -> HostResources:
    """The one record."""
    memory = to_integer(answers.scalars.get("hrMemorySize"))
    storages = [_storage(index[0], row) for index, row in answers.rows("hrStorageTable").items() if len(index) == 1]
    return HostResources(
        memory_bytes=memory * 1024 if memory and memory > 0 else None,
        uptime_centiseconds=to_integer(answers.scalars.get("hrSystemUptime")),
        storages=tuple(each for each in storages if each.name),
        processors=tuple(_processors(answers)),
    )


def _storage(index: int, row: Row) -> Storage:
    unit, size, used = (to_integer(row.get(name)) for name in ("hrStorageAllocationUnits", "hrStorageSize", "hrStorageUsed"))
    name = to_text(row.get("hrStorageDescr")) or ""
    volume = _WINDOWS_VOLUME.fullmatch(name) or _JUNOS_MOUNT.search(name)
    kind = (to_oid(row.get("hrStorageType")) or "").removeprefix(_STORAGE_TYPES)
    return Storage(
        number=index,
        name=volume["path"] if volume else name,
        kind=_STORAGE_KINDS.get(kind, "other"),
        size_bytes=_bytes(size, unit),
        used_bytes=_bytes(used, unit),
    )


def _bytes(amount: int | None, unit: int | None) -> int | None:
    """An amount in allocation units; net-snmp wraps above 2^31 units (its option realStorageUnits), which shows as a negative one."""
    if amount is None or unit is None or unit <= 0:
        return None
    return (amount + 2**32 if amount < 0 else amount) * unit


def _processors(answers: Answers) -> list[ProcessorLoad]:
    devices = answers.rows("hrDeviceTable")
    loads = answers.rows("hrProcessorTable")
    indexes = {index for index, row in devices.items() if to_oid(row.get("hrDeviceType")) == _PROCESSOR} | set(loads)
    found = []
    for index in sorted(indexes):
        load = to_integer(loads.get(index, {}).get("hrProcessorLoad"))
        if len(index) == 1:
            description = re.sub(r"\s+", " ", to_text(devices.get(index, {}).get("hrDeviceDescr")) or "").removeprefix(_NO_DESCRIPTION)
            found.append(ProcessorLoad(index[0], description, load / 100 if load is not None and 0 <= load <= 100 else None))
    return found


MIB = Mib(
    name="host_resources",
    title="HOST-RESOURCES-MIB",
    parse_rows=parse_rows,
    scalars=scalars(hrSystemUptime="1.3.6.1.2.1.25.1.1.0", hrMemorySize="1.3.6.1.2.1.25.2.2.0"),
    tables={
        "hrStorageTable": table(
            "1.3.6.1.2.1.25.2.3.1", hrStorageType=2, hrStorageDescr=3, hrStorageAllocationUnits=4, hrStorageSize=5, hrStorageUsed=6
        ),
        "hrDeviceTable": table("1.3.6.1.2.1.25.3.2.1", hrDeviceType=2, hrDeviceDescr=3),
        "hrProcessorTable": table("1.3.6.1.2.1.25.3.3.1", hrProcessorLoad=2),
    },
)
