"""The one way to open a conversation by SNMP: over the own codec, or through pysnmp where that lacks a protocol. See docs/discovery.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery.snmp.credential import Community, Credential
from discovery.snmp.datagram_exchange import DatagramTransport
from discovery.snmp.usm import supports
from discovery.snmp.walk import Exchange

if TYPE_CHECKING:
    from discovery.snmp.pysnmp_exchange import PysnmpTransport


class SnmpTransport:
    """The sockets and engines of a process. Use within one event loop, then `close`."""

    def __init__(self) -> None:
        self._datagrams = DatagramTransport()
        self._pysnmp: PysnmpTransport | None = None

    @property
    def foreign_count(self) -> int:
        """Datagrams received that were no answer to a request in flight."""
        return self._datagrams.foreign_count

    async def open_exchange(
        self, address: str, credential: Credential, *, port: int = 161, timeout_seconds: float = 2.0, retries: int = 1
    ) -> Exchange:
        """An exchange with one device; nothing is sent yet. `address` is an IP address. Raises UnavailableError without a socket."""
        if isinstance(credential, Community) or supports(credential):
            return await self._datagrams.open_exchange(address, credential, port=port, timeout_seconds=timeout_seconds, retries=retries)
        if self._pysnmp is None:
            from discovery.snmp.pysnmp_exchange import PysnmpTransport  # costs memory and start time that few credentials need

            self._pysnmp = PysnmpTransport()
        return await self._pysnmp.open_exchange(address, credential, port=port, timeout_seconds=timeout_seconds, retries=retries)

    async def close(self) -> None:
        """Close every socket."""
        await self._datagrams.close()
        if self._pysnmp is not None:
            await self._pysnmp.close()
            self._pysnmp = None
