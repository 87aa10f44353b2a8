"""The physical parts of a device: chassis, modules, power supplies, sensors. Source: ENTITY-MIB (RFC 6933), ENTITY-SENSOR-MIB (RFC 3433).

entPhysicalIndex is not kept by many vendors over a restart, so a part is keyed by its name in its parent (`slot`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, Row, UniqueNames, table
from discovery.snmp.varbind import to_integer, to_text

# PhysicalClass (IANA-ENTITY-MIB).
KINDS = {
    1: "other", 2: "unknown", 3: "chassis", 4: "backplane", 5: "container", 6: "power_supply", 7: "fan", 8: "sensor", 9: "module", 10: "port",
    11: "stack", 12: "processor", 13: "energy_object", 14: "battery", 15: "storage_drive",
}  # fmt: skip
SENSOR_KINDS = {3: "voltage", 4: "voltage", 5: "current", 6: "power", 7: "frequency", 8: "temperature", 9: "humidity", 10: "fan_speed", 11: "flow"}
SENSOR_UNITS = {
    "voltage": "volts", "current": "amperes", "power": "watts", "frequency": "hertz", "temperature": "celsius", "humidity": "percent",
    "fan_speed": "revolutions_per_minute", "flow": "cubic_metres_per_minute",
}  # fmt: skip
_DEPTH_LIMIT = 32


class Entity(NamedTuple):
    """One part. `slot` is unique in the device, `parent_index` 0 for a root; empty texts are unknown.

    `sensor_kind` and `sensor_value` (in the unit of SENSOR_UNITS) only for a sensor that measures.
    """

    physical_index: int
    slot: str
    kind: str = "unknown"
    name: str = ""
    description: str = ""
    model: str = ""
    serial: str = ""
    vendor: str = ""
    hardware_version: str = ""
    firmware: str = ""
    software_version: str = ""
    parent_index: int = 0
    position: int | None = None
    sensor_kind: str = ""
    sensor_value: float | None = None


def parse_rows(answers: Answers) -> tuple[Entity, ...]:
    """Parts by index."""
    rows = {index[0]: row for index, row in answers.rows("entPhysicalTable").items() if len(index) == 1}
    sensors = {index[0]: row for index, row in answers.rows("entPhySensorTable").items() if len(index) == 1}
    return name_slots([_entity(index, row, sensors.get(index, {})) for index, row in rows.items()])


def _entity(index: int, row: Row, sensor: Row) -> Entity:
    kind = KINDS.get(to_integer(row.get("entPhysicalClass")) or 2, "unknown")
    sensor_kind = SENSOR_KINDS.get(to_integer(sensor.get("entPhySensorType")) or 0, "")
    return Entity(
        physical_index=index,
        slot="",
        kind=kind,
        name=_text(row, "entPhysicalName"),
        description=_text(row, "entPhysicalDescr"),
        model=_text(row, "entPhysicalModelName"),
        serial=_text(row, "entPhysicalSerialNum"),
        vendor=_text(row, "entPhysicalMfgName"),
        hardware_version=_text(row, "entPhysicalHardwareRev"),
        firmware=_text(row, "entPhysicalFirmwareRev"),
        software_version=_text(row, "entPhysicalSoftwareRev"),
        parent_index=to_integer(row.get("entPhysicalContainedIn")) or 0,
        position=to_integer(row.get("entPhysicalParentRelPos")),
        sensor_kind=sensor_kind,
        sensor_value=_sensor_value(sensor) if sensor_kind else None,
    )


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return (to_text(value) or "") if isinstance(value, bytes) else ""


def _sensor_value(row: Row) -> float | None:
    """The reading in base units: value x 10^(3 * (scale - 9)) / 10^precision (RFC 3433); None where the sensor is not working."""
    value, status = to_integer(row.get("entPhySensorValue")), to_integer(row.get("entPhySensorOperStatus"))
    if value is None or status not in {None, 1} or abs(value) >= 1_000_000_000:
        return None
    scale, precision = to_integer(row.get("entPhySensorScale")) or 9, to_integer(row.get("entPhySensorPrecision")) or 0
    if not 1 <= scale <= 17 or not -8 <= precision <= 9:
        return None
    return float(value) * 10.0 ** (3 * (scale - 9) - precision)


def name_slots(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """The same parts with unique slots: the name where only one part has it, else the parent's slot before it, else with a count."""
    listed = list(entities)
    by_index = {each.physical_index: each for each in listed}
    counts: dict[str, int] = {}
    for each in listed:
        counts[_label(each)] = counts.get(_label(each), 0) + 1
    names = UniqueNames(label for label, number in counts.items() if number == 1)
    found: list[Entity] = []
    for each in sorted(listed, key=lambda part: part.physical_index):
        label = _label(each)
        found.append(each._replace(slot=label if counts[label] == 1 else names.take(_path(each, by_index, counts))))
    return tuple(found)


def _label(entity: Entity) -> str:
    text = entity.name or entity.description or entity.kind
    return re.sub(r"\s+", " ", text)[:120]


def _path(entity: Entity, by_index: Mapping[int, Entity], counts: Mapping[str, int]) -> str:
    """Labels from the nearest ancestor with a label of its own down to the part, with positions where labels repeat."""
    parts: list[str] = []
    at: Entity | None = entity
    while at is not None and len(parts) < _DEPTH_LIMIT:
        label = _label(at)
        is_unique = counts[label] == 1
        parts.append(label if is_unique or at.position is None or at.position < 0 else f"{label} {at.position}")
        at = None if is_unique else by_index.get(at.parent_index)
    return "/".join(reversed(parts))[-200:]


def find_chassis(entities: Iterable[Entity]) -> list[Entity]:
    """The chassis of a device, those of a stack in the order of their positions; a lone stack or root module where no chassis is listed."""
    listed = [each for each in entities if each.kind in {"chassis", "stack", "module"}]
    chassis = sorted((each for each in listed if each.kind == "chassis"), key=lambda each: (each.position or 0, each.physical_index))
    if chassis:
        members = {each.physical_index for each in chassis}
        return [each for each in chassis if each.parent_index not in members]  # a chassis in a chassis is a shelf or line card cage
    roots = [each for each in listed if each.parent_index == 0]
    return sorted(roots, key=lambda each: each.physical_index)[:1]


MIB = Mib(
    name="entity",
    title="ENTITY-MIB",
    parse_rows=parse_rows,
    tables={
        "entPhysicalTable": table(
            "1.3.6.1.2.1.47.1.1.1.1",
            entPhysicalDescr=2, entPhysicalContainedIn=4, entPhysicalClass=5, entPhysicalParentRelPos=6, entPhysicalName=7,
            entPhysicalHardwareRev=8, entPhysicalFirmwareRev=9, entPhysicalSoftwareRev=10, entPhysicalSerialNum=11, entPhysicalMfgName=12,
            entPhysicalModelName=13,
        ),
        "entPhySensorTable": table(
            "1.3.6.1.2.1.99.1.1.1",
            entPhySensorType=1, entPhySensorScale=2, entPhySensorPrecision=3, entPhySensorValue=4, entPhySensorOperStatus=5,
        ),
    },
)  # fmt: skip
