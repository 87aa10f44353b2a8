"""A device's facts as sections of a report: the host item, its interfaces, addresses, parts and file systems, its neighbours. Pure.

Each device has sections of its own (`KIND:DEVICE`), so that what one device no longer has is concluded from that device alone.
A Linux host gives items equal in shape to the agent's. See docs/reference/wire.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from discovery.mibs.entity import SENSOR_UNITS, Entity
from discovery.mibs.interface import Interface
from discovery.mibs.ip import DeviceAddress
from discovery.snmp import identity
from discovery.snmp.facts import DeviceFacts
from discovery.snmp.neighbour import relation_identifiers
from muster.facts.address import is_reported
from muster.facts.link_kind import classify_link
from muster.model.normaliser import short_name
from muster.wire.digest import digest_bytes, digest_section
from muster.wire.report import Endpoint, Item, RelationClaim, Section, Value

REF_LIMIT, TEXT_LIMIT, ITEM_LIMIT = 512, 4096, 50_000
# IANAifType: names of those that devices have, and the kind of link each is.
TYPE_NAMES = {
    1: "other", 6: "ethernetCsmacd", 22: "propPointToPointSerial", 23: "ppp", 24: "softwareLoopback", 37: "atm", 53: "propVirtual",
    56: "fibreChannel", 62: "fastEther", 69: "fastEtherFX", 71: "ieee80211", 94: "adsl", 108: "pppMultilinkBundle", 117: "gigabitEthernet",
    131: "tunnel", 135: "l2vlan", 136: "l3ipvlan", 150: "mplsTunnel", 161: "ieee8023adLag", 166: "mpls", 199: "infiniband", 209: "bridge",
}  # fmt: skip
_TYPE_KINDS = {
    23: "tunnel", 24: "loopback", 53: "virtual", 56: "fibre_channel", 71: "wireless", 131: "tunnel", 135: "vlan", 136: "vlan", 150: "tunnel",
    161: "bond", 166: "tunnel", 199: "infiniband", 209: "bridge",
}  # fmt: skip
_PASSING_KINDS = ("virtual_ethernet", "tap")  # ends of containers and guests come and go with them
_DISK_KINDS = frozenset({"fixed_disk", "removable_disk", "flash_memory", "network_disk"})
_HIDDEN_MOUNTS = re.compile(r"/(?:proc|sys|dev|run|snap|packages/mnt|var/lib/(?:docker|containers|kubelet|containerd))(?:/|\Z)")


def to_sections(facts: DeviceFacts, *, interval_seconds: int = 600) -> dict[str, Section]:
    """All sections of a device by name: host, network, hardware, filesystem, neighbour.

    A section whose MIB did not answer to its end is not complete, so that nothing is concluded from what it lacks.
    """
    host = identity.host_ref(facts)
    items = {
        "host": [_host_item(facts, host)],
        "network": _network_items(facts, host),
        "hardware": _part_items(facts, host),
        "filesystem": _filesystem_items(facts, host),
    }
    mibs = {
        "host": ("profile", "entity"),
        "network": ("interface", "ip", "q_bridge", "cisco_vtp", "juniper_l2ald"),
        "hardware": ("entity", "juniper_box"),
        "filesystem": ("host_resources",),
    }
    key = host.removeprefix("snmp:")
    found = {f"{kind}:{key}": _section(items[kind], None, _reason(facts, mibs[kind], kind), interval_seconds) for kind in items}
    found[f"neighbour:{key}"] = _section([], _relations(facts, host), _reason(facts, ("lldp", "cdp", "interface"), ""), interval_seconds)
    return found


def _section(items: list[Item], relations: list[RelationClaim] | None, reason: str, interval_seconds: int) -> Section:
    kept = items[:ITEM_LIMIT]
    if len(kept) < len(items):
        reason = f"{len(items) - len(kept)} of {len(items)} items left out" + (f"; {reason}" if reason else "")
    return Section(
        digest=digest_section(kept, relations or ()),
        complete=not reason,
        reason=reason or None,
        interval_seconds=interval_seconds,
        items=kept,
        relations=relations,
    )


def _reason(facts: DeviceFacts, mibs: Sequence[str], kind: str) -> str:
    """Why a section is not complete; a device that suddenly shows no interface at all hides them rather than lost them."""
    reasons = [facts.faults[name] for name in mibs if name in facts.faults]
    if kind == "network" and not facts.interfaces:
        reasons.append("the device shows no interfaces")
    return "; ".join(reasons)[:1024]


def _host_item(facts: DeviceFacts, ref: str) -> Item:
    system, ci_class = facts.system, facts.profile.ci_class
    serials, macs, ips = identity.host_serials(facts), identity.host_macs(facts), identity.host_addresses(facts)
    identifiers: dict[str, str | Sequence[str]] = {
        "serial": serials,
        "chassis_id": identity.chassis_id(facts),
        "engine_id": identity.engine_id(facts),
        "sysname": identity.usable_name(system.name),
        "mac": macs,
        "ip": ips,
    }
    attributes: dict[str, Value | Sequence[str]] = {
        "name": _display_name(facts),
        "description": system.description,
        "vendor": identity.vendor_of(facts),
        "model": facts.texts.get("model", ""),
        "serial": facts.texts.get("serial", "") or next(iter(serials), ""),
        "hostname": system.name,
        "ip": ips,
        "mac": macs,
        "location": system.location,
        "contact": system.contact,
        "os.name": facts.profile.os_name,
        "os.version": facts.texts.get("os_version", ""),
        "os.kernel": facts.texts.get("os_kernel", ""),
        "architecture": facts.texts.get("architecture", ""),
        "snmp.object_id": system.object_id,
        "snmp.engine_id": facts.engine.engine_id,
    }
    if ci_class in identity.HOST_CLASSES:
        models = {each.description for each in facts.host.processors if each.description}
        attributes |= {
            "memory_bytes": facts.host.memory_bytes or facts.ucd.memory_bytes,
            "cpu.count": len(facts.host.processors) or None,
            "cpu.model": re.sub(r"\AGenuineIntel: |\AAuthenticAMD: ", "", models.pop()) if len(models) == 1 else "",
        }
    return build_item(ref, ci_class, identifiers, attributes, owner=None)


def _display_name(facts: DeviceFacts) -> str:
    """The first label of a sysName that is a domain name, a sysName of another form whole, else the address."""
    name = facts.system.name
    if re.fullmatch(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", name) and not re.fullmatch(r"[0-9.]+", name):
        return short_name(name)
    return name or facts.address


def _network_items(facts: DeviceFacts, host: str) -> list[Item]:
    is_host = facts.profile.ci_class in identity.HOST_CLASSES
    kept = [each for each in facts.interfaces if not (is_host and _kind_of(each) in _PASSING_KINDS)]
    by_index = {each.if_index: each for each in kept}
    own: dict[int, list[DeviceAddress]] = {}
    for each in facts.addresses:
        own.setdefault(each.interface_index, []).append(each)
    interfaces = [_interface_item(each, own.get(each.if_index, []), host) for each in kept]
    addresses = [
        build_item(
            f"{host}/addr:{each.address}",
            "ip_address",
            {"address": each.address},
            {"address": each.address, "prefix_length": each.prefix_length, "interface": by_index[each.interface_index].name},
            owner=host,
        )
        for each in facts.addresses
        if is_reported(each.address) and each.interface_index in by_index
    ]
    vlans = [
        build_item(f"{host}/vlan:{each.number}", "vlan", {"number": str(each.number)}, {"number": each.number, "name": each.name}, owner=host)
        for each in facts.vlans
    ]
    return [*interfaces, *addresses, *vlans]


def _interface_item(each: Interface, addresses: Sequence[DeviceAddress], host: str) -> Item:
    attributes: dict[str, Value | Sequence[str]] = {
        "name": each.name,
        "description": "" if each.description == each.name else each.description,
        "alias": each.alias,
        "index": each.if_index,
        "type": TYPE_NAMES.get(each.type, str(each.type)) if each.type is not None else "",
        "kind": _kind_of(each),
        "mac": each.mac,
        "mtu": each.mtu,
        "speed_bits_per_second": each.speed_bits_per_second,
        "duplex": each.duplex,
        "admin_state": each.admin_state,
        "oper_state": each.oper_state,
        "addresses": sorted({render_prefix(address) for address in addresses}),
    }
    return build_item(interface_ref(host, each.name), "interface", {"name": each.name}, attributes, owner=host)


def render_prefix(address: DeviceAddress) -> str:
    """`10.0.0.1/24`, without the length where it is unknown."""
    return address.address if address.prefix_length is None else f"{address.address}/{address.prefix_length}"


def interface_ref(host: str, name: str) -> str:
    """The ref of a port: by its name, never by its index."""
    return f"{host}/if:{name}"


def _kind_of(each: Interface) -> str:
    """By the type; an Ethernet link by its name too, since Linux gives bridges and container links the same type."""
    if each.type in identity.ETHERNET_TYPES or each.type is None:
        return "wireless" if each.type == 71 else classify_link(each.name)
    return _TYPE_KINDS.get(each.type, "other")


def _part_items(facts: DeviceFacts, host: str) -> list[Item]:
    ports = {each.name for each in facts.interfaces} | {each.description for each in facts.interfaces}
    slots = {each.physical_index: each.slot for each in facts.entities}
    kept = [each for each in facts.entities if each.kind != "port" or each.serial or each.model or each.name not in ports]
    return [_part_item(each, slots.get(each.parent_index, ""), host) for each in kept]


def _part_item(each: Entity, parent_slot: str, host: str) -> Item:
    if each.kind == "sensor":
        sensor: dict[str, Value | Sequence[str]] = {"name": each.slot, "kind": each.sensor_kind, "unit": SENSOR_UNITS.get(each.sensor_kind, "")}
        return build_item(f"{host}/sensor:{each.slot}", "sensor", {"name": each.slot}, sensor, owner=host)
    attributes: dict[str, Value | Sequence[str]] = {
        "name": each.name or each.description,
        "slot": each.slot,
        "kind": each.kind,
        "description": each.description,
        "vendor": each.vendor,
        "model": each.model,
        "serial": each.serial,
        "hardware_version": each.hardware_version,
        "firmware": each.firmware,
        "software_version": each.software_version,
        "parent_slot": parent_slot,
    }
    ci_class = "power_supply" if each.kind == "power_supply" else "chassis_module"
    return build_item(f"{host}/part:{each.slot}", ci_class, {"slot": each.slot, "serial": each.serial}, attributes, owner=host)


def _filesystem_items(facts: DeviceFacts, host: str) -> list[Item]:
    found: dict[str, Item] = {}
    for each in facts.host.storages:
        if each.kind in _DISK_KINDS and each.size_bytes and not _HIDDEN_MOUNTS.match(each.name):
            attributes: dict[str, Value | Sequence[str]] = {"mount_point": each.name, "size_bytes": each.size_bytes}
            found.setdefault(each.name, build_item(f"{host}/fs:{each.name}", "filesystem", {"mount_point": each.name}, attributes, owner=host))
    return list(found.values())


def _relations(facts: DeviceFacts, host: str) -> list[RelationClaim]:
    """From the own port to the other one, known by its device's identifiers and its name; it waits until that one is known."""
    found = []
    for each in facts.neighbours:
        identifiers = dict(relation_identifiers(each))
        if not identity.usable_name(each.system_name):
            identifiers.pop("sysname", None)
        if identifiers.keys() & {"chassis_id", "sysname", "serial", "mac"}:
            found.append(
                RelationClaim("connected_to", fit_ref(interface_ref(host, each.local_port)), Endpoint(identifiers=identifiers, ci_class="interface"))
            )
    return found


def build_item(
    ref: str,
    ci_class: str,
    identifiers: Mapping[str, str | Sequence[str]],
    attributes: Mapping[str, Value | Sequence[str]],
    *,
    owner: str | None,
) -> Item:
    """An item without empty identifiers and attributes; texts cut to the wire's limit."""
    return Item(
        ref=fit_ref(ref),
        ci_class=ci_class,
        identifiers={kind: _fit_identifier(value) for kind, value in identifiers.items() if value},
        attributes={name: _fit(value) for name, value in attributes.items() if value is not None and value not in ("", [], ())},
        owner=owner,
    )


def _fit_identifier(value: str | Sequence[str]) -> str | list[str]:
    return value[:1024] if isinstance(value, str) else list(value)


def _fit(value: Value | Sequence[str]) -> Value:
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    return list(value) if isinstance(value, tuple) else value  # type: ignore[return-value]  # tuples of str only


def fit_ref(ref: str) -> str:
    """The ref within the wire's limit."""
    return ref if len(ref) <= REF_LIMIT else f"{ref[: REF_LIMIT - 33]}~{digest_bytes(ref.encode(errors='replace'))}"
