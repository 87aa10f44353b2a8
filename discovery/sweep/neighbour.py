"""MAC addresses of targets on the same link, from the kernel's own tables: a sign of identity that costs no packet."""

from __future__ import annotations

from pathlib import Path

from muster.facts.link_kind import render_mac

_COMPLETE = 0x2  # ATF_COM, linux/if_arp.h


def read_neighbours(root: Path = Path("/")) -> dict[str, str]:
    """MAC address by IPv4 address, of /proc/net/arp below `root`; empty where there is none."""
    try:
        text = (root / "proc/net/arp").read_text(encoding="ascii", errors="replace")
    except OSError:
        return {}
    return parse_arp(text)


def parse_arp(text: str) -> dict[str, str]:
    """Complete entries of /proc/net/arp (proc(5)); all-zero addresses are left out."""
    found: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 6:
            continue
        mac = render_mac(words[3])
        try:
            is_complete = bool(int(words[2], 16) & _COMPLETE)
        except ValueError:
            continue
        if is_complete and mac is not None and mac != "00:00:00:00:00:00":
            found[words[0]] = mac
    return found
