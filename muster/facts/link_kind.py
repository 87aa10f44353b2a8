"""Which links of a host can identify it: one rule for agent, SSH and SNMP, so that their sets of MAC addresses are equal.

It looks at the name and the address only, because a remote observer of a Linux host (SNMP ifName and ifPhysAddress) sees no more.
A locally administered address counts: virtual machines have no other (docs/agent.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LEFT_OUT_PREFIXES = (
    "bond", "br-", "cali", "cni", "docker", "dummy", "erspan", "flannel", "gre", "ifb", "ip6", "sit", "tap", "team", "tun", "veth", "virbr",
    "vnet", "vrrp", "vxlan", "wg",
)  # fmt: skip
_KINDS = (
    ("veth", "virtual_ethernet"), ("docker", "bridge"), ("br-", "bridge"), ("br", "bridge"), ("virbr", "bridge"), ("cni", "bridge"),
    ("vnet", "tap"), ("tap", "tap"), ("tun", "tunnel"), ("bond", "bond"), ("team", "bond"), ("dummy", "dummy"), ("ifb", "intermediate"),
    ("flannel", "vxlan"), ("vxlan", "vxlan"), ("cali", "virtual_ethernet"), ("vrrp", "vrrp"), ("wg", "tunnel"), ("sit", "tunnel"),
    ("gre", "tunnel"), ("erspan", "tunnel"), ("ip6", "tunnel"), ("wl", "wireless"), ("ww", "mobile"),
)  # fmt: skip
# VRRPv2/3 (RFC 5798 section 7.3), HSRPv1 and v2, GLBP: addresses that move between devices.
_VIRTUAL_ROUTER_PREFIXES = ("00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:0c:07:ac:", "00:00:0c:9f:f", "00:05:73:a0:0", "00:07:b4:00:")
_HEX = re.compile(r"[0-9a-f]{12}\Z")


def render_mac(text: str) -> str | None:
    """The address as six lower-case hexadecimal pairs with colons; None where it is no 48-bit address.

    >>> render_mac("0050.56AB.cdef"), render_mac("0:50:56:ab:cd:ef"), render_mac("lo")
    ('00:50:56:ab:cd:ef', '00:50:56:ab:cd:ef', None)
    """
    lowered = text.strip().lower()
    parts = lowered.replace("-", ":").split(":")
    if len(parts) == 6 and all(1 <= len(part) <= 2 for part in parts):
        lowered = "".join(part.zfill(2) for part in parts)
    digits = lowered.replace(":", "").replace("-", "").replace(".", "")
    if not digits.isascii() or not _HEX.match(digits):
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def names_identifying_link(name: str) -> bool:
    """Whether a link of this name may belong to the host itself, not to a container, tunnel, bond, bridge or VLAN on it."""
    return bool(name) and name != "lo" and "." not in name and "@" not in name and not name.startswith(_LEFT_OUT_PREFIXES)


def classify_link(name: str) -> str:
    """The kind of a link by its name: loopback, ethernet, bridge, bond, vlan, tunnel and so on.

    >>> [classify_link(each) for each in ("lo", "eth0", "eth0.7", "bond0.7", "veth12")]
    ['loopback', 'ethernet', 'vlan', 'vlan', 'virtual_ethernet']
    """
    if name == "lo":
        return "loopback"
    for prefix, kind in _KINDS:
        if name.startswith(prefix):
            # A VLAN on a bond or bridge is named after it: bond0.20.
            return "vlan" if "." in name and kind in ("bond", "bridge") and not name.startswith("br-") else kind
    return "vlan" if "." in name or "@" in name else "ethernet"


def identifying_macs(links: Iterable[tuple[str, str]]) -> list[str]:
    """Sorted MAC addresses (lower-case, colons) of the links, given as (name, address), that can identify their host."""
    found: set[str] = set()
    for name, text in links:
        mac = render_mac(text)
        if mac is None or not names_identifying_link(name):
            continue
        is_multicast = int(mac[:2], 16) & 1
        if mac == "00:00:00:00:00:00" or is_multicast or mac.startswith(_VIRTUAL_ROUTER_PREFIXES):
            continue
        found.add(mac)
    return sorted(found)
