"""Network links of a host: from sysfs (agent, or SSH through `SYSFS_COMMAND`) or from `ip -json address` (SSH)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from muster.facts.address import Address, render_address
from muster.facts.link_kind import render_mac

# The files of /sys/class/net/<link>/ that `parse_sysfs_links` reads.
SYSFS_FILES = ("address", "addr_assign_type", "duplex", "flags", "ifalias", "ifindex", "mtu", "operstate", "speed")
SYSFS_COMMAND = ("sh", "-c", "cd /sys/class/net && grep -s . " + " ".join(f"*/{name}" for name in SYSFS_FILES))
IP_COMMAND = ("ip", "-json", "address", "show")
_FLAG_UP = 0x1


class Link(NamedTuple):
    """One interface; `permanent_mac` only where the driver says that the address is the card's own, speed None when unknown."""

    name: str
    number: int | None = None
    mac: str = ""
    permanent_mac: str = ""
    mtu: int | None = None
    is_up: bool | None = None
    oper_state: str = ""
    speed_bits_per_second: int | None = None
    duplex: str = ""
    alias: str = ""


def parse_grep_output(text: str) -> dict[str, str]:
    """What `grep -s . FILES` prints, as path -> first line."""
    files: dict[str, str] = {}
    for line in text.splitlines():
        path, colon, value = line.partition(":")
        if colon:
            files.setdefault(path, value)
    return files


def parse_sysfs_links(files: Mapping[str, str]) -> list[Link]:
    """Links by name from `<link>/<file>` -> text, the files being `SYSFS_FILES`."""
    grouped: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        name, slash, file = path.rpartition("/")
        if slash and file in SYSFS_FILES:
            grouped.setdefault(name.rpartition("/")[2], {})[file] = text.strip()
    return [_from_sysfs(name, grouped[name]) for name in sorted(grouped) if name]


def parse_ip_addresses(text: str) -> tuple[list[Link], list[Address]]:
    """Links and addresses of `ip -json address show`; both empty where the text is no such JSON."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return [], []
    links: list[Link] = []
    addresses: list[Address] = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("ifname"), str) and row["ifname"]:
            links.append(_from_ip(row))
            addresses.extend(_addresses(row))
    return sorted(links, key=lambda link: link.name), sorted(set(addresses))


def _from_sysfs(name: str, files: dict[str, str]) -> Link:
    mac = render_mac(files.get("address", "")) or ""
    speed = _integer(files.get("speed"))
    flags = _integer(files.get("flags"), number_system=16)
    return Link(
        name=name,
        number=_integer(files.get("ifindex")),
        mac=mac,
        permanent_mac=mac if files.get("addr_assign_type") == "0" and _is_universal(mac) else "",
        mtu=_integer(files.get("mtu")),
        is_up=None if flags is None else bool(flags & _FLAG_UP),
        oper_state=files.get("operstate", ""),
        speed_bits_per_second=speed * 1_000_000 if speed and speed > 0 else None,
        duplex=files.get("duplex", "").replace("unknown", ""),
        alias=files.get("ifalias", ""),
    )


def _from_ip(row: dict[str, Any]) -> Link:
    flags = row.get("flags")
    permanent = render_mac(str(row.get("permaddr", ""))) or ""
    number, mtu = row.get("ifindex"), row.get("mtu")
    return Link(
        name=row["ifname"],
        number=number if isinstance(number, int) else None,
        mac=render_mac(str(row.get("address", ""))) or "",
        permanent_mac=permanent if _is_universal(permanent) else "",
        mtu=mtu if isinstance(mtu, int) else None,
        is_up="UP" in flags if isinstance(flags, list) else None,
        oper_state=str(row.get("operstate", "")).lower(),
        alias=str(row.get("ifalias", "")),
    )


def _addresses(row: dict[str, Any]) -> list[Address]:
    found: list[Address] = []
    entries = row.get("addr_info")
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        address, length = render_address(str(entry.get("local", ""))), entry.get("prefixlen")
        if address is not None and isinstance(length, int):
            found.append(Address(row["ifname"], address, length))
    return found


def _is_universal(mac: str) -> bool:
    """An address from the IEEE's registry: the locally administered bit is clear and it is not all zeros."""
    return bool(mac) and mac != "00:00:00:00:00:00" and not int(mac[:2], 16) & 0x02


def _integer(text: str | None, *, number_system: int = 10) -> int | None:
    try:
        return int(text, number_system) if text else None
    except ValueError:
        return None
