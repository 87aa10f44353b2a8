"""Addresses of the device itself. Source: IP-MIB (RFC 4293) ipAddressTable, the older ipAddrTable (RFC 1213) and ipv6AddrTable (RFC 2465)."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, table
from discovery.snmp.varbind import Oid, Value, to_address, to_integer

_LENGTHS = {4, 8, 16, 20}  # InetAddress without and with a zone (RFC 4001)
_UNICAST = {None, 1}  # ipAddressType: anycast and broadcast are not the device's own


class DeviceAddress(NamedTuple):
    """One address; `prefix_length` None where the device does not say."""

    interface_index: int
    address: str
    prefix_length: int | None = None


def parse_rows(answers: Answers) -> tuple[DeviceAddress, ...]:
    """Addresses in order; where several tables have one, the newest table that knows its prefix counts."""
    found: dict[str, DeviceAddress] = {}
    for each in (*_address_table(answers), *_ipv6_table(answers), *_ipv4_table(answers)):
        known = found.get(each.address)
        if known is None or (known.prefix_length is None and each.prefix_length is not None):
            found[each.address] = each
    return tuple(sorted(found.values()))


def _address_table(answers: Answers) -> list[DeviceAddress]:
    found = []
    for index, row in answers.rows("ipAddressTable").items():
        address, number = parse_address_index(index), to_integer(row.get("ipAddressIfIndex"))
        if address is None or number is None or to_integer(row.get("ipAddressType")) not in _UNICAST:
            continue
        prefix = row.get("ipAddressPrefix")
        length = prefix[-1] if isinstance(prefix, tuple) and len(prefix) > 12 else None
        found.append(DeviceAddress(number, address, _within(length, address)))
    return found


def _ipv6_table(answers: Answers) -> list[DeviceAddress]:
    found = []
    for index, row in answers.rows("ipv6AddrTable").items():
        address = _from_arcs(index[-16:]) if len(index) in {17, 18} else None
        if address is not None:
            found.append(DeviceAddress(index[0], address, _within(to_integer(row.get("ipv6AddrPfxLength")), address)))
    return found


def _ipv4_table(answers: Answers) -> list[DeviceAddress]:
    found = []
    for index, row in answers.rows("ipAddrTable").items():
        address, number = _from_arcs(index[:4]), to_integer(row.get("ipAdEntIfIndex"))
        if address is not None and number is not None:
            found.append(DeviceAddress(number, address, _mask_length(row.get("ipAdEntNetMask"))))
    return found


def parse_address_index(index: Oid) -> str | None:
    """The address of an InetAddressType and InetAddress index, also where an agent leaves the length out."""
    if len(index) < 2:
        return None
    octets = index[2:] if index[1] == len(index) - 2 else index[1:]
    if len(octets) not in _LENGTHS or any(arc > 255 for arc in octets):
        return None
    return to_address(bytes(octets))


def _from_arcs(arcs: Oid) -> str | None:
    if len(arcs) not in {4, 16} or any(arc > 255 for arc in arcs):
        return None
    return to_address(bytes(arcs))


def _within(length: int | None, address: str) -> int | None:
    limit = 128 if ":" in address else 32
    return length if length is not None and 0 < length <= limit else None


def _mask_length(value: Value) -> int | None:
    mask = to_address(value)
    if mask is None or ":" in mask:
        return None
    try:
        return ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen
    except ValueError:
        return None


MIB = Mib(
    name="ip",
    title="IP-MIB",
    parse_rows=parse_rows,
    tables={
        "ipAddressTable": table("1.3.6.1.2.1.4.34.1", ipAddressIfIndex=3, ipAddressType=4, ipAddressPrefix=5),
        "ipAddrTable": table("1.3.6.1.2.1.4.20.1", ipAdEntIfIndex=2, ipAdEntNetMask=3),
        "ipv6AddrTable": table("1.3.6.1.2.1.55.1.8.1", ipv6AddrPfxLength=2),
    },
)
