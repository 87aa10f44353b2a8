"""The one way to open a conversation by SNMP: over the own codec, or through pysnmp where that lacks a protocol. See docs/discovery.md."""

from __future__ import annotations

from discovery.snmp.credential import Community, Credential
from discovery.snmp.datagram_exchange import DatagramTransport
from discovery.snmp.pysnmp_exchange import PysnmpTransport
from discovery.snmp.usm import supports
from discovery.snmp.walk import Exchange


class SnmpTransport:
    """The sockets and engines of a process. Use within one event loop, then `close`."""

    def __init__(self) -> None:
        self._datagrams = DatagramTransport()
        self._pysnmp = PysnmpTransport()

    async def open_exchange(
        self, address: str, credential: Credential, *, port: int = 161, timeout_seconds: float = 2.0, retries: int = 1
    ) -> Exchange:
        """An exchange with one device; nothing is sent yet. `address` is an IP address. Raises UnavailableError without a socket."""
        if isinstance(credential, Community) or supports(credential):
            return await self._datagrams.open_exchange(address, credential, port=port, timeout_seconds=timeout_seconds, retries=retries)
        return await self._pysnmp.open_exchange(address, credential, port=port, timeout_seconds=timeout_seconds, retries=retries)

    async def close(self) -> None:
        """Close every socket."""
        await self._datagrams.close()
        await self._pysnmp.close()
