"""Requests and answers of SNMPv1 and v2c over one UDP socket per address family for all devices, with the codec of ber.py.

An answer counts when it comes from the address that was asked and names the request's number, which is random and stays the same
over the retries, so that a late answer counts too. Datagrams that are no such answer are counted. See docs/discovery.md.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from discovery.snmp import ber
from discovery.snmp.credential import Community
from discovery.snmp.varbind import END_OF_MIB_VIEW, Oid, Varbind
from discovery.snmp.walk import Exchange, Response
from muster.errors import InputError, UnavailableError

RECEIVE_BUFFER_BYTES = 4 * 1_048_576
NO_SUCH_NAME, GENERAL_ERROR = 2, 5
_Peer = tuple[str, int]
_Waiting = dict[tuple[_Peer, int], asyncio.Future[ber.Message]]


def random_request_id() -> int:
    """31 random bits, so that nobody who does not see the request can answer it."""
    return secrets.randbits(31)


class DatagramTransport:
    """The sockets; makes the exchanges. Use within one event loop, then `close`. `foreign_count`: datagrams that answered nothing."""

    def __init__(self, *, request_id: Callable[[], int] = random_request_id) -> None:
        self._request_id = request_id
        self._sockets: dict[int, _Socket] = {}

    @property
    def foreign_count(self) -> int:
        """Datagrams received that were no answer to a request in flight."""
        return sum(each.foreign_count for each in self._sockets.values())

    async def open_exchange(
        self, address: str, credential: Community, *, port: int = 161, timeout_seconds: float = 2.0, retries: int = 1
    ) -> Exchange:
        """An exchange with one device; nothing is sent yet. `address` is an IP address. Raises UnavailableError without a socket."""
        version = ipaddress.ip_address(address).version
        if version not in self._sockets:
            self._sockets[version] = await _open_socket(version)
        limits = _Patience(timeout_seconds, retries)
        return _DatagramExchange(self._sockets[version], (address, port), credential, limits, self._request_id)

    async def close(self) -> None:
        """Close every socket; what still waits is unavailable."""
        for each in self._sockets.values():
            each.close()
        self._sockets = {}
        await asyncio.sleep(0)  # lets the loop close the sockets before it is closed itself


class _Socket(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.waiting: _Waiting = {}
        self.foreign_count = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own class of it is no subclass

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        try:
            message = ber.decode_message(data)
        except InputError:
            self.foreign_count += 1
            return
        future = self.waiting.get(((_plain(str(addr[0])), int(addr[1])), message.request_id))
        if future is None or future.done():
            self.foreign_count += 1
        else:
            future.set_result(message)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error of some earlier datagram, which does not say whose: the time-out decides."""

    def send(self, datagram: bytes, peer: _Peer) -> None:
        if self._transport is None or self._transport.is_closing():
            raise UnavailableError("no SNMP answer: the socket is closed")
        self._transport.sendto(datagram, peer)

    def close(self) -> None:
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(UnavailableError("no SNMP answer: the socket was closed"))
        if self._transport is not None:
            self._transport.close()


async def _open_socket(version: int) -> _Socket:
    """A bound socket with 4 MiB of receive buffer where the kernel allows: the default drops answers above some 200 in flight."""
    made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        made.bind(("::" if version == 6 else "0.0.0.0", 0))  # noqa: S104  replies come from any device
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(_Socket, sock=made)
    except OSError as error:
        made.close()
        raise UnavailableError(f"no UDP socket for SNMP: {error.strerror or error}; check the limits of the process") from error
    return protocol


def _plain(address: str) -> str:
    """An address without the zone that a link-local one carries."""
    return address.partition("%")[0]


@dataclass(frozen=True, slots=True)
class _Patience:
    timeout_seconds: float
    retries: int


class _DatagramExchange:
    def __init__(self, shared: _Socket, peer: _Peer, credential: Community, patience: _Patience, request_id: Callable[[], int]) -> None:
        self._socket, self._peer, self._patience, self._request_id = shared, peer, patience, request_id
        self._key = (_plain(str(ipaddress.ip_address(peer[0]))), peer[1])
        self._version, self._community = ber.VERSIONS[credential.version], credential.community.encode()

    async def get(self, oids: Sequence[Oid]) -> Response:
        return _response(await self._ask(ber.GET, oids))

    async def get_next(self, oids: Sequence[Oid]) -> Response:
        message = await self._ask(ber.GET_NEXT, oids)
        if self._version or message.error_status != NO_SUCH_NAME:
            return _response(message)
        # SNMPv1 has no endOfMibView: the whole request fails with noSuchName (RFC 1157 4.1.3).
        if len(oids) == 1:
            return Response([Varbind(oids[0], END_OF_MIB_VIEW, None)])
        singles = [await self.get_next([oid]) for oid in oids]
        return Response([each for single in singles for each in single.varbinds], max(single.error_status for single in singles))

    async def get_bulk(self, oids: Sequence[Oid], repetitions: int) -> Response:
        if not self._version:
            return await self.get_next(oids)
        return _response(await self._ask(ber.GET_BULK, oids, repetitions))

    async def close(self) -> None:
        """Nothing is held for one device."""

    async def _ask(self, kind: int, oids: Sequence[Oid], repetitions: int = 0) -> ber.Message:
        request_id = self._request_id()
        datagram = ber.encode_request(self._version, self._community, kind, request_id, oids, repetitions=repetitions)
        future: asyncio.Future[ber.Message] = asyncio.get_running_loop().create_future()
        self._socket.waiting[self._key, request_id] = future
        try:
            for _ in range(self._patience.retries + 1):
                self._socket.send(datagram, self._peer)
                done, _pending = await asyncio.wait([future], timeout=self._patience.timeout_seconds)
                if done:
                    return future.result()
        finally:
            del self._socket.waiting[self._key, request_id]
        waited = self._patience.timeout_seconds * (self._patience.retries + 1)
        raise UnavailableError(f"no SNMP answer: none within {waited:g} s; check address, credential and the device's access list")


def _response(message: ber.Message) -> Response:
    """A message that broke off before its first binding counts as a general error, which makes a walk ask for less."""
    if not message.is_whole and not message.varbinds and not message.error_status:
        return Response((), GENERAL_ERROR)
    if message.error_status:
        return Response((), message.error_status, message.error_index)
    return Response(message.varbinds)
