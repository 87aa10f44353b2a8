"""IP addresses as text in one form, and which of them are worth reporting."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple


class Address(NamedTuple):
    """One address of an interface."""

    interface: str
    address: str
    prefix_length: int


def render_address(text: str) -> str | None:
    """The address in its shortest form without a zone (`%eth0`); None where it is none.

    >>> render_address("FE80:0:0::1%eth0"), render_address("010.0.0.1")
    ('fe80::1', None)
    """
    plain = text.strip().partition("%")[0]
    family = socket.AF_INET6 if ":" in plain else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, plain))
    except (OSError, ValueError):
        return None


def is_reported(address: str) -> bool:
    """Whether the address can be reached from elsewhere: no loopback, link-local, multicast or unspecified one."""
    try:
        value = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (value.is_loopback or value.is_link_local or value.is_multicast or value.is_unspecified)
