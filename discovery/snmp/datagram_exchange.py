"""Requests and answers of SNMP over a few UDP sockets for all devices, with the codec of ber.py and usm.py.

Makes the exchanges: v1 and v2c here, v3 in user_exchange.py. See docs/discovery.md.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import secrets
from collections.abc import Callable, Sequence

from discovery.snmp import ber
from discovery.snmp.credential import Community, Credential
from discovery.snmp.datagram_socket import DatagramSocket, Patience, Peer, open_socket
from discovery.snmp.user_exchange import Keyring, UserExchange
from discovery.snmp.varbind import END_OF_MIB_VIEW, Oid, Varbind
from discovery.snmp.walk import Exchange, Response
from muster.clock import Clock, SystemClock
from muster.errors import InputError

NO_SUCH_NAME, GENERAL_ERROR = 2, 5
# The kernel caps a receive buffer (net.core.rmem_max, 208 KiB by default), so that the answers to some dozens of requests fill it.
SOCKETS_PER_FAMILY = 8


def random_number() -> int:
    """31 random bits, so that nobody who does not see the request can answer it."""
    return secrets.randbits(31)


class DatagramTransport:
    """The sockets and localised keys; makes the exchanges. Use within one event loop, then `close`."""

    def __init__(self, *, number: Callable[[], int] = random_number, clock: Clock | None = None) -> None:
        self._number, self._clock = number, clock or SystemClock()
        self._sockets: dict[int, list[DatagramSocket]] = {4: [], 6: []}
        self._opened, self._opening = itertools.count(), asyncio.Lock()
        self._keyring = Keyring()

    @property
    def foreign_count(self) -> int:
        """Datagrams received that were no answer to a request in flight."""
        return sum(each.foreign_count for sockets in self._sockets.values() for each in sockets)

    async def open_exchange(
        self, address: str, credential: Credential, *, port: int = 161, timeout_seconds: float = 2.0, retries: int = 1
    ) -> Exchange:
        """An exchange with one device; nothing is sent yet. `address` is an IP address. Raises UnavailableError without a socket."""
        shared, peer = await self._next_socket(ipaddress.ip_address(address).version), (str(ipaddress.ip_address(address)), port)
        patience = Patience(timeout_seconds, retries)
        if isinstance(credential, Community):
            return _CommunityExchange(shared, peer, credential, patience, self._number)
        return UserExchange(shared, peer, credential, patience, number=self._number, keyring=self._keyring, clock=self._clock)

    async def _next_socket(self, version: int) -> DatagramSocket:
        sockets = self._sockets[version]
        async with self._opening:
            if len(sockets) < SOCKETS_PER_FAMILY:
                sockets.append(await open_socket(version))
                return sockets[-1]
        return sockets[next(self._opened) % SOCKETS_PER_FAMILY]

    async def close(self) -> None:
        """Close every socket; what still waits is unavailable."""
        for each in (*self._sockets[4], *self._sockets[6]):
            each.close()
        self._sockets = {4: [], 6: []}
        await asyncio.sleep(0)  # lets the loop close the sockets before it is closed itself


class _CommunityExchange:
    def __init__(self, shared: DatagramSocket, peer: Peer, credential: Community, patience: Patience, number: Callable[[], int]) -> None:
        self._socket, self._peer, self._patience, self._number = shared, peer, patience, number
        self._version, self._community = ber.VERSIONS[credential.version], credential.community.encode()

    async def get(self, oids: Sequence[Oid]) -> Response:
        return to_response(await self._ask(ber.GET, oids))

    async def get_next(self, oids: Sequence[Oid]) -> Response:
        message = await self._ask(ber.GET_NEXT, oids)
        if self._version or message.error_status != NO_SUCH_NAME:
            return to_response(message)
        # SNMPv1 has no endOfMibView: the whole request fails with noSuchName (RFC 1157 4.1.3).
        if len(oids) == 1:
            return Response([Varbind(oids[0], END_OF_MIB_VIEW, None)])
        singles = [await self.get_next([oid]) for oid in oids]
        return Response([each for single in singles for each in single.varbinds], max(single.error_status for single in singles))

    async def get_bulk(self, oids: Sequence[Oid], repetitions: int) -> Response:
        if not self._version:
            return await self.get_next(oids)
        return to_response(await self._ask(ber.GET_BULK, oids, repetitions))

    async def close(self) -> None:
        """Nothing is held for one device."""

    async def _ask(self, kind: int, oids: Sequence[Oid], repetitions: int = 0) -> ber.Message:
        number = self._number()
        datagram = ber.encode_request(self._version, self._community, kind, number, oids, repetitions=repetitions)
        return await self._socket.ask(datagram, self._peer, number, _decode, self._patience)


def _decode(datagram: bytes) -> ber.Message | None:
    try:
        return ber.decode_message(datagram)
    except InputError:
        return None


def to_response(message: ber.Message) -> Response:
    """A message that broke off before its first binding counts as a general error, which makes a walk ask for less."""
    if not message.is_whole and not message.varbinds and not message.error_status:
        return Response((), GENERAL_ERROR)
    if message.error_status:
        return Response((), message.error_status, message.error_index)
    return Response(message.varbinds)
