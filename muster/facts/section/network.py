"""Section `network`: interfaces and the addresses that can be reached."""

from __future__ import annotations

from collections.abc import Sequence

from muster.facts.address import Address, is_reported
from muster.facts.link import Link
from muster.facts.link_kind import classify_link
from muster.facts.section._item import build_item
from muster.wire.report import Item

# Ends of containers and guests come and go with them; the container or guest is what counts.
_PASSING_KINDS = ("virtual_ethernet", "tap")


def to_items(links: Sequence[Link], addresses: Sequence[Address]) -> list[Item]:
    """Items of class `interface` (every link but those of containers and guests) and `ip_address` (no loopback, no link-local)."""
    kept = [link for link in links if classify_link(link.name) not in _PASSING_KINDS]
    names = {link.name for link in kept}
    return [
        *(_interface(link, addresses) for link in kept),
        *(_address(each) for each in _unique(addresses) if is_reported(each.address) and each.interface in names),
    ]


def _interface(link: Link, addresses: Sequence[Address]) -> Item:
    own = sorted({f"{each.address}/{each.prefix_length}" for each in addresses if each.interface == link.name})
    return build_item(
        f"if:{link.name}",
        "interface",
        {"name": link.name, "permanent_mac": [link.permanent_mac] if link.permanent_mac else []},
        {
            "name": link.name,
            "alias": link.alias,
            "index": link.number,
            "kind": classify_link(link.name),
            "mac": "" if link.mac == "00:00:00:00:00:00" else link.mac,
            "permanent_mac": link.permanent_mac,
            "mtu": link.mtu,
            "speed_bits_per_second": link.speed_bits_per_second,
            "duplex": link.duplex,
            "admin_state": "" if link.is_up is None else ("up" if link.is_up else "down"),
            "oper_state": link.oper_state,
            "addresses": own,
        },
    )


def _unique(addresses: Sequence[Address]) -> list[Address]:
    """One binding an address: the first interface by name, as an anycast address may stand on several."""
    return list({each.address: each for each in sorted(addresses, reverse=True)}.values())[::-1]


def _address(each: Address) -> Item:
    return build_item(
        f"addr:{each.address}",
        "ip_address",
        {"address": each.address},
        {"address": each.address, "prefix_length": each.prefix_length, "interface": each.interface},
    )
