"""Neighbours of a device's own ports, joined from LLDP and CDP. Pure.

LLDP counts local ports for itself: the number goes through the local port table, then the bridge ports, then interface indexes.
One neighbour heard by both protocols on one port is one neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from discovery.mibs.bridge import Bridge
from discovery.mibs.cdp import CdpNeighbour
from discovery.mibs.interface import Interface
from discovery.mibs.lldp import Lldp, RemotePort
from muster.model.normaliser import short_name

_SHORT_PORTS = {
    "FastEthernet": "Fa", "GigabitEthernet": "Gi", "TwoGigabitEthernet": "Tw", "FiveGigabitEthernet": "Fi", "TenGigabitEthernet": "Te",
    "TwentyFiveGigE": "Twe", "FortyGigabitEthernet": "Fo", "HundredGigE": "Hu", "Port-channel": "Po",
}  # fmt: skip
_LONG_PORT = re.compile(rf"({'|'.join(_SHORT_PORTS)})(\d[\d/.]*)")


class Neighbour(NamedTuple):
    """One device on the other side of the interface named `local_port`; empty texts are unknown.

    `remote_port` is the name of the other port as its device gives it, `remote_port_id` its raw identifier.
    """

    protocol: str
    local_port: str
    system_name: str = ""
    chassis_mac: str = ""
    serial: str = ""
    remote_port: str = ""
    remote_port_id: str = ""
    remote_port_mac: str = ""
    platform: str = ""
    version: str = ""
    addresses: tuple[str, ...] = ()


def join_neighbours(lldp: Lldp, cdp: Sequence[CdpNeighbour], interfaces: Sequence[Interface], bridge: Bridge) -> tuple[tuple[Neighbour, ...], int]:
    """Neighbours in the order of local ports, and how many were left out because their local port is unknown."""
    ports = _Ports(interfaces, lldp, bridge)
    found: list[Neighbour] = []
    unplaced = 0
    for heard in lldp.neighbours:
        local = ports.of_lldp(heard.local_number)
        if local is None:
            unplaced += 1
        else:
            found.append(_from_lldp(local, heard))
    for entry in cdp:
        local = ports.of_index(entry.interface_index)
        if local is None:
            unplaced += 1
        elif not any(_is_same(each, local, entry) for each in found):
            found.append(_from_cdp(local, entry))
    return tuple(sorted(set(found))), unplaced


class _Ports:
    def __init__(self, interfaces: Sequence[Interface], lldp: Lldp, bridge: Bridge) -> None:
        self._by_index = {each.if_index: each.name for each in interfaces}
        self._by_text: dict[str, str] = {}
        for each in interfaces:
            for text in (each.mac, each.alias, each.description, each.name):
                if text:
                    self._by_text[text] = each.name
        self._by_name = {each.name: each.name for each in interfaces}
        self._lldp, self._bridge = lldp, bridge

    def of_index(self, index: int) -> str | None:
        return self._by_index.get(index)

    def of_lldp(self, number: int | None) -> str | None:
        if number is None:
            return None
        identifier, description = self._lldp.local_ports.get(number, ("", ""))
        for text in (identifier, description):
            name = self._by_name.get(text) or (None if text.isdecimal() else self._by_text.get(text))
            if name is not None:
                return name
        if identifier.isascii() and identifier.isdecimal() and len(identifier) < 11 and int(identifier) in self._by_index:
            return self._by_index[int(identifier)]
        bridged = self._bridge.port_indexes.get(number)
        return self._by_index.get(bridged if bridged is not None else number)


def _from_lldp(local: str, heard: RemotePort) -> Neighbour:
    return Neighbour(
        protocol="lldp",
        local_port=local,
        system_name=heard.system_name or heard.chassis_text,
        chassis_mac=heard.chassis_mac,
        remote_port=_port_name(heard),
        remote_port_id=heard.port_text or heard.port_mac,
        remote_port_mac=heard.port_mac,
        version=heard.system_description,
        addresses=tuple(sorted({*heard.addresses, *filter(None, (heard.chassis_address,))})),
    )


def _port_name(heard: RemotePort) -> str:
    """A number that the device does not also call its port is an index of its own making: then the description names the port."""
    if heard.port_text and not (heard.port_text.isdecimal() and heard.port_description):
        return heard.port_text
    return heard.port_description or heard.port_mac


def _from_cdp(local: str, entry: CdpNeighbour) -> Neighbour:
    return Neighbour(
        protocol="cdp",
        local_port=local,
        system_name=entry.system_name,
        serial=entry.serial,
        remote_port=short_port_name(entry.port),
        remote_port_id=entry.port,
        platform=entry.platform,
        version=entry.version,
        addresses=(entry.address,) if entry.address else (),
    )


def short_port_name(port: str) -> str:
    """A port as IOS writes it in ifName: CDP carries ifDescr, and ports are known by ifName. Other names stay.

    >>> short_port_name("GigabitEthernet1/0/3"), short_port_name("Ethernet1/49")
    ('Gi1/0/3', 'Ethernet1/49')
    """
    found = _LONG_PORT.fullmatch(port)
    return f"{_SHORT_PORTS[found.group(1)]}{found.group(2)}" if found else port


def _is_same(known: Neighbour, local: str, entry: CdpNeighbour) -> bool:
    names = {short_name(known.system_name).casefold(), short_name(entry.system_name).casefold()}
    return known.local_port == local and (len(names) == 1 or known.remote_port == short_port_name(entry.port))


def relation_identifiers(neighbour: Neighbour) -> Mapping[str, str | list[str]]:
    """What identifies the other port: its device's identifiers and its own name."""
    found: dict[str, str | list[str]] = {
        "chassis_id": neighbour.chassis_mac,
        "sysname": neighbour.system_name,
        "serial": neighbour.serial,
        "name": neighbour.remote_port,
        "mac": neighbour.remote_port_mac,
    }
    return {kind: value for kind, value in found.items() if value}
