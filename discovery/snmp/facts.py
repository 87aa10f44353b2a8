"""What one device said over SNMP, as one frozen value. Made by discovery/snmp/device.py, read by section.py and sample.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from discovery.mibs.entity import Entity
from discovery.mibs.framework import Engine
from discovery.mibs.host_resources import HostResources
from discovery.mibs.interface import Interface
from discovery.mibs.ip import DeviceAddress
from discovery.mibs.q_bridge import Vlan
from discovery.mibs.snmpv2 import System
from discovery.mibs.ucd_snmp import UcdHost
from discovery.snmp.neighbour import Neighbour
from discovery.snmp.profile import GENERIC, Profile

NO_ENGINE, NO_HOST, NO_UCD = Engine(), HostResources(), UcdHost()


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """`texts` by the names of profile.FACTS, `chassis` the members of a stack in order, `dropped` how many of what were left out.

    `faults`: MIB name to why its tables are not complete.
    """

    address: str
    system: System
    profile: Profile = GENERIC
    engine: Engine = NO_ENGINE
    interfaces: tuple[Interface, ...] = ()
    addresses: tuple[DeviceAddress, ...] = ()
    entities: tuple[Entity, ...] = ()
    chassis: tuple[Entity, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    lldp_chassis_mac: str = ""
    bridge_mac: str = ""
    host: HostResources = NO_HOST
    ucd: UcdHost = NO_UCD
    texts: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    request_count: int = 0
    varbind_count: int = 0
