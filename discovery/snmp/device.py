"""One device by SNMP: what is asked of it, and the facts that come out. `to_sections` and `to_samples` make a report of them.

The system group decides the profile; then every standard MIB is read, and those that the profile names. A table that does not
answer to its end leaves a fault, which keeps its section from being complete. See docs/discovery.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import discovery.mibs
from discovery.mibs._mib import Answers, Mib, Row
from discovery.mibs.bridge import Bridge
from discovery.mibs.cdp import CdpNeighbour
from discovery.mibs.entity import Entity, find_chassis
from discovery.mibs.framework import Engine
from discovery.mibs.host_resources import HostResources
from discovery.mibs.huawei_entity import ModuleText, fill_in
from discovery.mibs.interface import Interface
from discovery.mibs.ip import DeviceAddress
from discovery.mibs.lldp import Lldp
from discovery.mibs.q_bridge import Vlan
from discovery.mibs.snmpv2 import System
from discovery.mibs.ucd_snmp import UcdHost
from discovery.snmp.facts import DeviceFacts
from discovery.snmp.identity import host_ref
from discovery.snmp.neighbour import join_neighbours
from discovery.snmp.profile import FACTS, Profile, load_profiles, match_profile, read_fact
from discovery.snmp.sample import to_samples
from discovery.snmp.section import to_sections
from discovery.snmp.session import Session
from discovery.snmp.varbind import Oid, Value
from muster.errors import UnavailableError
from muster.plugins import load_plugins

T = TypeVar("T")
SILENT_WALKS = 2  # one table may be what an agent cannot answer; after two in a row it is the device
VLAN_MIBS = ("cisco_vtp", "juniper_l2ald", "q_bridge")  # a vendor's own table before the standard one
__all__ = ["DeviceFacts", "fetch_device", "host_ref", "load_device_profiles", "load_mibs", "to_samples", "to_sections"]


def load_mibs() -> dict[str, Mib]:
    """Every MIB module by name."""
    return load_plugins(discovery.mibs, "MIB", Mib)


def load_device_profiles(*folders: Path) -> list[Profile]:
    """The shipped profiles and those of a site's folders, checked against the MIB modules. Raises DocumentError."""
    return load_profiles(*folders, mibs=tuple(load_mibs()))


async def fetch_device(session: Session, *, address: str, profiles: Sequence[Profile], mibs: Mapping[str, Mib] | None = None) -> DeviceFacts:
    """Everything that Muster reads of the device at `address`, over a session that the caller closes.

    Raises UnavailableError where it does not answer at all, AuthenticationError where it refuses the credential. What fails
    later costs only its own part, and is named in `faults`.
    """
    known = mibs if mibs is not None else load_mibs()
    reading = _Reading(session)
    standard = [mib for mib in known.values() if mib.is_standard]
    await reading.get([oid for mib in standard for oid in mib.scalars.values()])
    if not reading.values:
        raise UnavailableError(f"{address}: answers SNMP but shows none of the objects asked for; check the view of the credential")
    system: System = known["snmpv2"].parse_rows(reading.answers(known["snmpv2"]))
    profile = match_profile(profiles, system)
    chosen = [*standard, *(known[name] for name in profile.mibs if name in known and not known[name].is_standard)]
    try:
        await reading.get([*profile.object_ids(), *(oid for mib in chosen if not mib.is_standard for oid in mib.scalars.values())])
    except UnavailableError as error:
        reading.faults["profile"] = f"objects of profile {profile.name}: {error}"
    for mib in chosen:
        await reading.walk(mib)
    return _compose(address, system, profile, {mib.name: mib.parse_rows(reading.answers(mib)) for mib in chosen}, reading)


@dataclass
class _Reading:
    session: Session
    values: dict[Oid, Value] = field(default_factory=dict)
    tables: dict[str, dict[str, Mapping[Oid, Row]]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    request_count: int = 0
    varbind_count: int = 0
    silent_walks: int = 0

    async def get(self, oids: Sequence[Oid]) -> None:
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self.values]
        if wanted:
            found = await self.session.get(wanted)
            self.values.update({oid: each.value for oid, each in found.items()})
            self.varbind_count += len(found)

    async def walk(self, mib: Mib) -> None:
        """One walk over the columns of all tables of a MIB."""
        if not mib.tables:
            return
        if self.silent_walks >= SILENT_WALKS:
            self.faults[mib.name] = f"{mib.title}: not asked, because the device has fallen silent"
            return
        walk = await self.session.walk([oid for table in mib.tables.values() for oid in table.column_oids()])
        self.request_count += walk.request_count
        self.varbind_count += len(walk.varbinds)
        self.silent_walks = self.silent_walks + 1 if not walk.is_complete and not walk.varbinds else 0
        if not walk.is_complete:
            self.faults[mib.name] = f"{mib.title}: {walk.reason}"
        self.tables[mib.name] = {name: table.parse(walk.varbinds) for name, table in mib.tables.items()}

    def answers(self, mib: Mib) -> Answers:
        scalars = {name: self.values[oid] for name, oid in mib.scalars.items() if oid in self.values}
        return Answers(scalars, self.tables.get(mib.name, {}))


def _take(parsed: Mapping[str, object], name: str, default: T) -> T:
    """The record of a MIB, or its empty form where the MIB was not asked."""
    found = parsed.get(name, default)
    assert isinstance(found, type(default))
    return found


def _first(chassis: Sequence[Entity]) -> Entity | None:
    return chassis[0] if chassis else None


def _with_firmware(entities: tuple[Entity, ...], texts: Mapping[str, str]) -> tuple[Entity, ...]:
    """The firmware that only the vendor's own objects tell, on the chassis; one is made where the device lists no parts."""
    firmware, first = texts.get("firmware", ""), _first(find_chassis(entities))
    if not firmware or (first is not None and first.firmware):
        return entities
    if first is None:
        made = Entity(1, "chassis", kind="chassis", model=texts.get("model", ""), serial=texts.get("serial", ""), firmware=firmware)
        return (*entities, made)
    return tuple(each._replace(firmware=firmware) if each is first else each for each in entities)


def _compose(address: str, system: System, profile: Profile, parsed: Mapping[str, object], reading: _Reading) -> DeviceFacts:
    no_interfaces: tuple[Interface, ...] = ()
    no_addresses: tuple[DeviceAddress, ...] = ()
    no_entities: tuple[Entity, ...] = ()
    no_vlans: tuple[Vlan, ...] = ()
    no_cdp: tuple[CdpNeighbour, ...] = ()
    interfaces = _take(parsed, "interface", no_interfaces)
    bridge, lldp = _take(parsed, "bridge", Bridge()), _take(parsed, "lldp", Lldp())
    no_texts: Mapping[int, ModuleText] = {}
    entities = fill_in(_take(parsed, "entity", no_entities) or _take(parsed, "juniper_box", no_entities), _take(parsed, "huawei_entity", no_texts))
    texts = {name: text for name in FACTS if (text := read_fact(profile, name, system, _first(find_chassis(entities)), reading.values))}
    entities = _with_firmware(entities, texts)
    chassis = tuple(find_chassis(entities))
    neighbours, unplaced = join_neighbours(lldp, _take(parsed, "cdp", no_cdp), interfaces, bridge)
    return DeviceFacts(
        address=address,
        system=system,
        profile=profile,
        engine=_take(parsed, "framework", Engine()),
        interfaces=interfaces,
        addresses=_take(parsed, "ip", no_addresses),
        entities=entities,
        chassis=chassis,
        neighbours=neighbours,
        vlans=next(filter(None, (_take(parsed, name, no_vlans) for name in VLAN_MIBS)), no_vlans),
        lldp_chassis_mac=lldp.chassis_mac,
        bridge_mac=bridge.base_mac,
        host=_take(parsed, "host_resources", HostResources()),
        ucd=_take(parsed, "ucd_snmp", UcdHost()),
        texts=texts,
        faults=reading.faults,
        dropped={"neighbour without a known local port": unplaced} if unplaced else {},
        request_count=reading.request_count,
        varbind_count=reading.varbind_count,
    )
