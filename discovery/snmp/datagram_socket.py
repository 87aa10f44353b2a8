"""One UDP socket for the conversations with many devices: sends, sends again, and hands each answer to the request that it names.

An answer counts when it comes from the address that was asked, names the request's number, which is random, and is accepted by the
request (SNMPv3: its digest is right). Datagrams that are no such answer are counted.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from discovery.snmp import ber
from muster.errors import InputError, UnavailableError

RECEIVE_BUFFER_BYTES = 4 * 1_048_576
Peer = tuple[str, int]
T = TypeVar("T")


class Patience(NamedTuple):
    """How long an answer is waited for, and how often it is asked for again."""

    timeout_seconds: float
    retries: int


class DatagramSocket(asyncio.DatagramProtocol):
    """`foreign_count`: datagrams that answered nothing. Made by `open_socket`."""

    def __init__(self) -> None:
        self.foreign_count = 0
        self._waiting: dict[tuple[Peer, int], tuple[asyncio.Future[None], Callable[[bytes], bool]]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's side of the socket."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own class of it is no subclass

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Hand an answer to its request."""
        try:
            number = ber.read_number(data)
        except InputError:
            self.foreign_count += 1
            return
        future, accept = self._waiting.get(((plain_address(str(addr[0])), int(addr[1])), number), (None, None))
        if future is None or accept is None or future.done() or not accept(data):
            self.foreign_count += 1
        else:
            future.set_result(None)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error of some earlier datagram, which does not say whose: the time-out decides."""

    async def ask(self, datagram: bytes, peer: Peer, number: int, accept: Callable[[bytes], T | None], patience: Patience) -> T:
        """What `accept` makes of the first datagram for which it gives something. Raises UnavailableError where none comes in time.

        The same datagram is sent again, so that a late answer to the first attempt counts too.
        """
        taken: list[T] = []

        def take(answer: bytes) -> bool:
            found = accept(answer)
            if found is not None:
                taken.append(found)
            return found is not None

        key = ((plain_address(peer[0]), peer[1]), number)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[key] = (future, take)
        try:
            for _ in range(patience.retries + 1):
                self._send(datagram, peer)
                await asyncio.wait([future], timeout=patience.timeout_seconds)
                if future.done():
                    future.result()
                    return taken[0]
        finally:
            del self._waiting[key]
        waited = patience.timeout_seconds * (patience.retries + 1)
        raise UnavailableError(f"no SNMP answer: none within {waited:g} s; check address, credential and the device's access list")

    def close(self) -> None:
        """Close the socket; what still waits is unavailable."""
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(UnavailableError("no SNMP answer: the socket was closed"))
        if self._transport is not None:
            self._transport.close()

    def _send(self, datagram: bytes, peer: Peer) -> None:
        if self._transport is None or self._transport.is_closing():
            raise UnavailableError("no SNMP answer: the socket is closed")
        self._transport.sendto(datagram, peer)


async def open_socket(version: int) -> DatagramSocket:
    """A bound socket for IPv4 or IPv6 with 4 MiB of receive buffer where the kernel allows: the default drops answers above some 200
    in flight. Raises UnavailableError.
    """
    made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        made.bind(("::" if version == 6 else "0.0.0.0", 0))  # noqa: S104  replies come from any device
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(DatagramSocket, sock=made)
    except OSError as error:
        made.close()
        raise UnavailableError(f"no UDP socket for SNMP: {error.strerror or error}; check the limits of the process") from error
    return protocol


def plain_address(address: str) -> str:
    """An address without the zone that a link-local one carries."""
    return address.partition("%")[0]
