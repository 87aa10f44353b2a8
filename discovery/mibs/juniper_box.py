"""The parts of a Juniper device, which it lists in tables of its own; asked where the profile names it.

Source: JUNIPER-MIB jnxContainersTable (the frame and its kinds of slots) and jnxContentsTable (what is in them).
"""

from __future__ import annotations

import re

from discovery.mibs._mib import Answers, Mib, Row, table
from discovery.mibs.entity import Entity, name_slots
from discovery.snmp.varbind import Oid, to_integer, to_text

_BUILT_IN = "BUILTIN"  # a part soldered in says so for its number
_PART_NUMBERS = 1_000_000  # above those of the containers
_KINDS = (("power supply", "power_supply"), ("pem", "power_supply"), ("psm", "power_supply"), ("fan", "fan"))


def parse_rows(answers: Answers) -> tuple[Entity, ...]:
    """The containers (the frame, and the kinds of slots in it) and what is in them."""
    containers = {index[0]: row for index, row in answers.rows("jnxContainersTable").items() if len(index) == 1}
    contents = [(index, row) for index, row in answers.rows("jnxContentsTable").items() if len(index) == 4]
    frames = {index[0]: row for index, row in contents if index[1] <= 1 and containers.get(index[0], {}).get("jnxContainersWithin") == 0}
    slots = [_container(index, row, frames.get(index, {})) for index, row in containers.items()]
    parts = [(index, row) for index, row in contents if index[0] not in frames]
    return name_slots([*slots, *(_part(_PART_NUMBERS + number, index, row) for number, (index, row) in enumerate(parts, 1))])


def _container(number: int, row: Row, frame: Row) -> Entity:
    within = to_integer(row.get("jnxContainersWithin")) or 0
    description = to_text(row.get("jnxContainersDescr")) or ""
    if within == 0:
        part = _part(number, (0, 0, 0, 0), frame)
        return part._replace(kind="chassis", name=part.name or description, description=part.description or description)
    return Entity(number, "", kind="container", name=description, description=description, vendor="Juniper", parent_index=within)


def _part(number: int, index: Oid, row: Row) -> Entity:
    text = {name: to_text(value) or "" for name, value in row.items()}
    description = text.get("jnxContentsDescr", "")
    serial, part = text.get("jnxContentsSerialNo", ""), text.get("jnxContentsPartNo", "")
    return Entity(
        physical_index=number,
        slot="",
        kind=_kind_of(description),
        name=description,
        description=description,
        model="" if part == _BUILT_IN else part,
        serial="" if serial == _BUILT_IN else serial,
        vendor="Juniper",
        hardware_version=text.get("jnxContentsRevision", ""),
        parent_index=index[0],
        position=index[1] - 1 if index[1] > 0 else None,
    )


def _kind_of(description: str) -> str:
    lowered = description.lower()
    for word, kind in _KINDS:
        if re.search(rf"\b{word}", lowered):
            return kind
    return "module"


MIB = Mib(
    name="juniper_box",
    title="JUNIPER-MIB",
    parse_rows=parse_rows,
    tables={
        "jnxContainersTable": table("1.3.6.1.4.1.2636.3.1.6.1", jnxContainersWithin=4, jnxContainersDescr=6),
        "jnxContentsTable": table("1.3.6.1.4.1.2636.3.1.8.1", jnxContentsDescr=6, jnxContentsSerialNo=7, jnxContentsRevision=8, jnxContentsPartNo=10),
    },
    is_standard=False,
)
