"""Neighbours by Cisco's discovery protocol. Source: CISCO-CDP-MIB cdpCacheTable; asked where the profile names it."""

from __future__ import annotations

import re
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, table
from discovery.snmp.varbind import to_address, to_text

_WITH_SERIAL = re.compile(r"(?P<name>[^()]+)\((?P<serial>[0-9A-Za-z]{8,})\)")


class CdpNeighbour(NamedTuple):
    """One neighbour of the interface of `interface_index`. `serial` only where the device identifier holds it, as of NX-OS."""

    interface_index: int
    system_name: str = ""
    serial: str = ""
    port: str = ""
    platform: str = ""
    version: str = ""
    address: str = ""


def parse_rows(answers: Answers) -> tuple[CdpNeighbour, ...]:
    """Neighbours in the order of local interfaces."""
    found = []
    for index, row in answers.rows("cdpCacheTable").items():
        if len(index) != 2:
            continue
        device = to_text(row.get("cdpCacheDeviceId")) or ""
        matched = _WITH_SERIAL.fullmatch(device)
        found.append(
            CdpNeighbour(
                interface_index=index[0],
                system_name=matched["name"] if matched else device,
                serial=matched["serial"] if matched else "",
                port=to_text(row.get("cdpCacheDevicePort")) or "",
                platform=to_text(row.get("cdpCachePlatform")) or "",
                version=to_text(row.get("cdpCacheVersion")) or "",
                address=to_address(row.get("cdpCacheAddress")) or "",
            )
        )
    return tuple(found)


MIB = Mib(
    name="cdp",
    title="CISCO-CDP-MIB",
    parse_rows=parse_rows,
    tables={
        "cdpCacheTable": table(
            "1.3.6.1.4.1.9.9.23.1.2.1.1", cdpCacheAddress=4, cdpCacheVersion=5, cdpCacheDeviceId=6, cdpCacheDevicePort=7, cdpCachePlatform=8
        )
    },
    is_standard=False,
)
