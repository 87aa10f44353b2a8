"""VLANs by their standard table. Source: Q-BRIDGE-MIB (RFC 4363) dot1qVlanStaticTable, whose index is the VLAN's number."""

from __future__ import annotations

from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, table
from discovery.snmp.varbind import to_text


class Vlan(NamedTuple):
    """One VLAN, number 1 to 4094."""

    number: int
    name: str = ""


def is_vlan_number(number: int | None) -> bool:
    """Whether IEEE 802.1Q allows the number."""
    return number is not None and 1 <= number <= 4094


def parse_rows(answers: Answers) -> tuple[Vlan, ...]:
    """By number."""
    rows = answers.rows("dot1qVlanStaticTable")
    return tuple(
        Vlan(index[0], to_text(row.get("dot1qVlanStaticName")) or "") for index, row in rows.items() if len(index) == 1 and is_vlan_number(index[0])
    )


MIB = Mib(
    name="q_bridge",
    title="Q-BRIDGE-MIB",
    parse_rows=parse_rows,
    tables={"dot1qVlanStaticTable": table("1.3.6.1.2.1.17.7.1.4.3.1", dot1qVlanStaticName=1)},
)
