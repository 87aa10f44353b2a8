"""What identifies a device that answered by SNMP, and its ref. Pure; the rules stand in docs/reference/wire.md and the class files.

SNMP cannot tell whether a MAC address is the card's own, so none is reported as permanent.
"""

from __future__ import annotations

from discovery.snmp.facts import DeviceFacts
from muster.facts.address import is_reported
from muster.facts.link_kind import identifying_macs
from muster.model.junk import shipped_junk
from muster.model.normaliser import normalise, normalise_vendor
from muster.wire.digest import digest_bytes

HOST_CLASSES = frozenset({"server", "virtual_machine", "hypervisor"})
# IANAifType of links that carry Ethernet frames of their own: ethernetCsmacd, iso88023Csmacd, fastEther, fastEtherFX, ieee80211, gigabitEthernet.
ETHERNET_TYPES = frozenset({6, 7, 62, 69, 71, 117})
_KEY_LIMIT = 90  # leaves room for the section's kind in a section's name


def host_serials(facts: DeviceFacts) -> list[str]:
    """Serial numbers of the chassis, all members of a stack, sorted; those that are placeholders left out."""
    chassis = [each.serial for each in facts.chassis if each.serial]
    found = chassis if len(chassis) > 1 else [facts.texts.get("serial", "") or next(iter(chassis), "")]
    return sorted({serial for serial in found if _is_usable("serial", serial, vendor=vendor_of(facts))})


def vendor_of(facts: DeviceFacts) -> str:
    """The vendor by the profile, else as the chassis names it."""
    return facts.profile.vendor or next((each.vendor for each in facts.chassis if each.vendor), "")


def chassis_id(facts: DeviceFacts) -> str:
    """The MAC address by which neighbours know the device, else its base bridge address; "" where neither is worth a key.

    A locally administered address is no key by itself: virtual machines are copied with it.
    """
    for mac in (facts.lldp_chassis_mac, facts.bridge_mac):
        if mac and _is_usable("chassis_id", mac) and not int(mac[:2], 16) & 0x02:
            return mac
    return ""


def host_macs(facts: DeviceFacts) -> list[str]:
    """MAC addresses of the device's own Ethernet links, sorted: for a Linux host the same set that an agent on it reports."""
    takes_all = facts.profile.ci_class in HOST_CLASSES
    links = [each for each in facts.interfaces if takes_all or each.type in ETHERNET_TYPES]
    return identifying_macs((each.name, each.mac) for each in links if each.mac)


def engine_id(facts: DeviceFacts) -> str:
    """The engine id in hexadecimal, "" where it is unknown or a well-known default."""
    return facts.engine.engine_id if _is_usable("engine_id", facts.engine.engine_id) else ""


def host_addresses(facts: DeviceFacts) -> list[str]:
    """Addresses at which the device can be reached, the one it was asked at among them."""
    return sorted({each for each in (facts.address, *(address.address for address in facts.addresses)) if is_reported(each)})


def host_ref(facts: DeviceFacts) -> str:
    """The device's native key: from its engine id, else chassis serial, else base MAC address, else address and sysObjectID."""
    if engine := engine_id(facts):
        return f"snmp:engine:{engine}"
    if serials := host_serials(facts):
        return _limited(f"snmp:serial:{normalise_vendor(vendor_of(facts)) or 'any'}:{serials[0]}")
    mac = chassis_id(facts) or next(iter(host_macs(facts)), "")
    if mac:
        return f"snmp:mac:{mac}"
    return _limited(f"snmp:address:{facts.address}:{facts.system.object_id or 'unknown'}")


def _limited(key: str) -> str:
    return key if len(key) <= _KEY_LIMIT else f"{key[:50]}~{digest_bytes(key.encode())}"


def _is_usable(kind: str, value: str, *, vendor: str = "") -> bool:
    form = normalise(kind, value, vendor=normalise_vendor(vendor)) if value else None
    return form is not None and not shipped_junk().judge(kind, form, value)


def usable_name(name: str) -> str:
    """A sysName that may name a device, "" for a default such as `localhost` and for a placeholder."""
    return name if _is_usable("sysname", name) else ""
