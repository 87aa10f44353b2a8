"""Interfaces and addresses, which the sections `host` and `network` share."""

from __future__ import annotations

from agent.host import Host
from muster.facts.address import Address, render_address
from muster.facts.link import IP_COMMAND, SYSFS_FILES, Link, parse_ip_addresses, parse_sysfs_links

FOLDER = "/sys/class/net"


def read_links(host: Host) -> list[Link]:
    """Interfaces by name, from sysfs."""
    texts: dict[str, str] = {}
    for name in host.names(FOLDER):
        for file in SYSFS_FILES:
            text = host.read_text(f"{FOLDER}/{name}/{file}", limit=4096)
            if text and text.strip():
                texts[f"{name}/{file}"] = text
    return parse_sysfs_links(texts)


def read_addresses(host: Host) -> tuple[list[Address], str]:
    """Addresses, and why they are not known for sure (empty: they are); without iproute2 psutil asks the kernel."""
    result = host.run(IP_COMMAND)
    if result is None and host.is_this_machine:
        return read_addresses_portably(), ""
    if result is None:
        return [], "there is no command ip"
    if result.status != 0 or result.fault:
        return [], result.fault or f"ip ended with status {result.status}"
    return parse_ip_addresses(result.output)[1], ""


def read_addresses_portably() -> list[Address]:
    """The same addresses by psutil (getifaddrs(3)), which has no prefix length but the mask."""
    import psutil

    found: set[Address] = set()
    for name, entries in psutil.net_if_addrs().items():
        for entry in entries:
            address = render_address(entry.address)
            if address is not None and entry.netmask:
                found.add(Address(name, address, _prefix_length(entry.netmask)))
    return sorted(found)


def _prefix_length(mask: str) -> int:
    """Bits that are set in `255.255.255.0` or `ffff:ffff::`."""
    import socket

    packed = socket.inet_pton(socket.AF_INET6 if ":" in mask else socket.AF_INET, mask)
    return int.from_bytes(packed, "big").bit_count()
