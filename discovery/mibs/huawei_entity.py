"""Model and description of a Huawei device's parts, which its ENTITY-MIB leaves empty. Source: HUAWEI-ENTITY-EXTENT-MIB hwRUModuleInfoTable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, table
from discovery.mibs.entity import Entity
from discovery.snmp.varbind import to_text


class ModuleText(NamedTuple):
    """What the vendor's table says of a part, "" where nothing."""

    model: str = ""
    description: str = ""


def parse_rows(answers: Answers) -> Mapping[int, ModuleText]:
    """By the physical index of the part."""
    return {
        index[0]: ModuleText(to_text(row.get("hwEntityBoardType")) or "", to_text(row.get("hwEntityBomEnDesc")) or "")
        for index, row in answers.rows("hwRUModuleInfoTable").items()
        if len(index) == 1
    }


def fill_in(entities: Iterable[Entity], texts: Mapping[int, ModuleText]) -> tuple[Entity, ...]:
    """The parts with the vendor's texts where their own are empty."""
    found = []
    for each in entities:
        text = texts.get(each.physical_index, ModuleText())
        found.append(each._replace(model=each.model or text.model, description=each.description or text.description))
    return tuple(found)


MIB = Mib(
    name="huawei_entity",
    title="HUAWEI-ENTITY-EXTENT-MIB",
    parse_rows=parse_rows,
    tables={"hwRUModuleInfoTable": table("1.3.6.1.4.1.2011.5.25.31.1.1.2.1", hwEntityBomEnDesc=2, hwEntityBoardType=11)},
    is_standard=False,
)
