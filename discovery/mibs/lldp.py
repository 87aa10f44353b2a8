"""Neighbours by LLDP. Source: LLDP-MIB (IEEE 802.1AB-2005), which agents of LLDP v2 devices still answer.

The local port number is no interface index: it goes through lldpLocPortTable, else the bridge port. Joined in discovery/snmp/neighbour.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, Row, scalars, table
from discovery.mibs.ip import parse_address_index
from discovery.snmp.varbind import Value, to_address, to_integer, to_mac, to_text

_CHASSIS_MAC, _CHASSIS_ADDRESS = 4, 5  # LldpChassisIdSubtype
_PORT_MAC, _PORT_ADDRESS = 3, 4  # LldpPortIdSubtype


class RemotePort(NamedTuple):
    """One neighbour as heard on a local port number (None where the agent does not say which).

    `chassis_mac` and `chassis_address` only for chassis identifiers of that kind, else `chassis_text`.
    """

    local_number: int | None
    chassis_mac: str = ""
    chassis_address: str = ""
    chassis_text: str = ""
    port_mac: str = ""
    port_text: str = ""
    port_description: str = ""
    system_name: str = ""
    system_description: str = ""
    addresses: tuple[str, ...] = ()


class Lldp(NamedTuple):
    """`chassis_mac`: how this device names itself, "" where not by a MAC address; `local_ports`: port number to identifier and description."""

    chassis_mac: str = ""
    local_ports: Mapping[int, tuple[str, str]] = {}
    neighbours: tuple[RemotePort, ...] = ()


def parse_rows(answers: Answers) -> Lldp:
    """The one record."""
    kind, value = to_integer(answers.scalars.get("lldpLocChassisIdSubtype")), answers.scalars.get("lldpLocChassisId")
    local = {
        index[0]: (_local_identifier(row), to_text(row.get("lldpLocPortDesc")) or "")
        for index, row in answers.rows("lldpLocPortTable").items()
        if len(index) == 1
    }
    addresses: dict[tuple[int, ...], list[str]] = {}
    for index in answers.rows("lldpRemManAddrTable"):
        address = parse_address_index(index[3:])
        if address is not None:
            addresses.setdefault(index[:3], []).append(address)
    neighbours = tuple(
        _remote(index[1] if len(index) == 3 else None, row, addresses.get(index, [])) for index, row in answers.rows("lldpRemTable").items()
    )
    return Lldp((to_mac(value) or "") if kind == _CHASSIS_MAC else "", local, neighbours)


def _local_identifier(row: Row) -> str:
    if to_integer(row.get("lldpLocPortIdSubtype")) == _PORT_MAC:
        return to_mac(row.get("lldpLocPortId")) or ""
    return to_text(row.get("lldpLocPortId")) or ""


def _remote(local_number: int | None, row: Row, addresses: list[str]) -> RemotePort:
    chassis_kind, chassis = to_integer(row.get("lldpRemChassisIdSubtype")), row.get("lldpRemChassisId")
    port_kind, port = to_integer(row.get("lldpRemPortIdSubtype")), row.get("lldpRemPortId")
    chassis_mac = (to_mac(chassis) or "") if chassis_kind == _CHASSIS_MAC else ""
    chassis_address = _network_address(chassis) if chassis_kind == _CHASSIS_ADDRESS else ""
    port_mac = (to_mac(port) or "") if port_kind == _PORT_MAC else ""
    return RemotePort(
        local_number=local_number,
        chassis_mac=chassis_mac,
        chassis_address=chassis_address,
        chassis_text="" if chassis_kind in {_CHASSIS_MAC, _CHASSIS_ADDRESS} else to_text(chassis) or "",
        port_mac=port_mac,
        port_text=_network_address(port) if port_kind == _PORT_ADDRESS else "" if port_kind == _PORT_MAC else to_text(port) or "",
        port_description=to_text(row.get("lldpRemPortDesc")) or "",
        system_name=to_text(row.get("lldpRemSysName")) or "",
        system_description=to_text(row.get("lldpRemSysDesc")) or "",
        addresses=tuple(sorted(set(addresses))),
    )


def _network_address(value: Value) -> str:
    """An address after its IANA family octet (1 IPv4, 2 IPv6)."""
    if isinstance(value, bytes) and value[:1] in {b"\1", b"\2"}:
        return to_address(value[1:]) or ""
    return ""


MIB = Mib(
    name="lldp",
    title="LLDP-MIB",
    parse_rows=parse_rows,
    scalars=scalars(lldpLocChassisIdSubtype="1.0.8802.1.1.2.1.3.1.0", lldpLocChassisId="1.0.8802.1.1.2.1.3.2.0"),
    tables={
        "lldpLocPortTable": table("1.0.8802.1.1.2.1.3.7.1", lldpLocPortIdSubtype=2, lldpLocPortId=3, lldpLocPortDesc=4),
        "lldpRemTable": table(
            "1.0.8802.1.1.2.1.4.1.1",
            lldpRemChassisIdSubtype=4, lldpRemChassisId=5, lldpRemPortIdSubtype=6, lldpRemPortId=7, lldpRemPortDesc=8, lldpRemSysName=9,
            lldpRemSysDesc=10,
        ),
        "lldpRemManAddrTable": table("1.0.8802.1.1.2.1.4.2.1", lldpRemManAddrIfSubtype=3),
    },
)  # fmt: skip
