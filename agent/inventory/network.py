"""Network interfaces and their addresses. Linux."""

from __future__ import annotations

from agent.host import Host
from agent.inventory._link import FOLDER, read_addresses, read_links
from agent.section import Content, Section, failed
from muster.facts.section.network import to_items


def read_network(host: Host) -> Content:
    """Interfaces and addresses; without knowing all addresses the section is not complete."""
    links = read_links(host)
    addresses, reason = read_addresses(host)
    items = to_items(links, addresses)
    return Content(items, is_complete=not reason, reason=reason) if items else failed(reason or f"{FOLDER} shows no interface")


SECTION = Section("network", "Network interfaces and addresses", read_network, (FOLDER,))
