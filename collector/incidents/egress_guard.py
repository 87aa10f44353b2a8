"""Where deliveries may go: not to private, link-local or metadata addresses unless the operator allows it.

Names are resolved once per delivery and the connection goes to exactly the addresses that were checked.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from muster.errors import ConfigurationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Cloud metadata services outside the link-local ranges, which are always refused: Alibaba, AWS over IPv6, Oracle.
METADATA = frozenset(ipaddress.ip_address(text) for text in ("100.100.100.200", "fd00:ec2::254", "192.0.0.192"))
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class EgressRefusedError(ConfigurationError):
    """The address of a target is not allowed; the operator may allow it."""


@dataclass(frozen=True)
class EgressPolicy:
    """What the operator allows: loopback for the whole collector, private addresses per target."""

    allow_private: bool = False
    allow_loopback: bool = False


def check_address(text: str, policy: EgressPolicy, *, is_encrypted: bool) -> None:
    """Raises EgressRefusedError where nothing may be sent to this address. Plain HTTP stays on loopback and allowed private ones."""
    address = _unwrap(ipaddress.ip_address(text.partition("%")[0]))
    if address in METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        raise EgressRefusedError(f"{address} is a metadata, link-local or multicast address; nothing is ever sent there")
    if address.is_loopback:
        if not (policy.allow_loopback or policy.allow_private):
            raise EgressRefusedError(f"{address} is this machine; set allow_private: true in the target to allow it")
        return
    if not address.is_global:
        if not policy.allow_private:
            raise EgressRefusedError(f"{address} is a private address; set allow_private: true in the target to allow it")
        return
    if not is_encrypted:
        raise EgressRefusedError(f"{address} is public and the URL is http://; use https://")


def check_url(url: str, policy: EgressPolicy) -> None:
    """Refuse schemes other than HTTP, credentials in the URL, and literal addresses that are not allowed."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise EgressRefusedError("the URL must begin with https:// and name a host")
    if parts.username or parts.password:
        raise EgressRefusedError("the URL holds a user name or password; give it as a secret")
    try:
        ipaddress.ip_address(parts.hostname)
    except ValueError:
        return  # a name: its addresses are checked when it is resolved
    check_address(parts.hostname, policy, is_encrypted=parts.scheme == "https")


class GuardedResolver(AbstractResolver):
    """Resolves by the system and refuses a name as soon as one of its addresses is refused: rebinding finds no gap."""

    def __init__(self, policy: EgressPolicy, inner: AbstractResolver, *, is_encrypted: bool) -> None:
        self._policy = policy
        self._inner = inner
        self._is_encrypted = is_encrypted

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for each in found:
            check_address(each["host"], self._policy, is_encrypted=self._is_encrypted)
        return found

    async def close(self) -> None:
        await self._inner.close()


def _unwrap(address: Address) -> Address:
    """The IPv4 address inside a mapped, 6to4 or NAT64 address: a detour must not pass the guard."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return inner
        if address in _TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
