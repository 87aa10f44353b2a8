"""The base address of a bridge, and which interface a bridge port is. Source: BRIDGE-MIB (RFC 4188)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, scalars, table
from discovery.snmp.varbind import to_integer, to_mac


class Bridge(NamedTuple):
    """`base_mac` "" where the device is no bridge; `port_indexes`: bridge port number to interface index."""

    base_mac: str = ""
    port_indexes: Mapping[int, int] = {}


def parse_rows(answers: Answers) -> Bridge:
    """The one record."""
    ports: dict[int, int] = {}
    for index, row in answers.rows("dot1dBasePortTable").items():
        number = to_integer(row.get("dot1dBasePortIfIndex"))
        if len(index) == 1 and number:
            ports[index[0]] = number
    return Bridge(to_mac(answers.scalars.get("dot1dBaseBridgeAddress")) or "", ports)


MIB = Mib(
    name="bridge",
    title="BRIDGE-MIB",
    parse_rows=parse_rows,
    scalars=scalars(dot1dBaseBridgeAddress="1.3.6.1.2.1.17.1.1.0"),
    tables={"dot1dBasePortTable": table("1.3.6.1.2.1.17.1.4.1", dot1dBasePortIfIndex=2)},
)
