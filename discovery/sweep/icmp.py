"""ICMP echo, by IPv4 and IPv6, through one socket for all targets of a process.

A datagram ICMP socket needs no privilege where `net.ipv4.ping_group_range` holds the process's group; a raw one needs
CAP_NET_RAW. The first that can be opened is used. Replies are matched by 16 random bytes in the payload, because the kernel
rewrites the identifier of a datagram socket. Source: RFC 792, RFC 4443, icmp(7).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from discovery.sweep.answer import Answer
from muster.clock import Clock, SystemClock
from muster.errors import UnavailableError

ECHO_REQUEST, ECHO_REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
TOKEN_BYTES = 16
_HEADER = struct.Struct("!BBHHH")
_RECEIVE_BUFFER_BYTES = 4 * 1_048_576
_SOL_RAW, _ICMP_FILTER = 255, 1  # linux/icmp.h
_IPPROTO_ICMPV6_FILTER = 1  # linux/icmpv6.h


class Channel(NamedTuple):
    """An open socket and how it shows packets: with the IPv4 header before them (raw) or without."""

    socket: socket.socket
    version: int
    has_header: bool


def build_echo(version: int, identifier: int, sequence: int, token: bytes) -> bytes:
    """An echo request. The kernel fills in the checksum of ICMPv6."""
    blank = _HEADER.pack(ECHO_REQUEST[version], 0, 0, identifier, sequence) + token
    check = internet_checksum(blank) if version == 4 else 0
    return _HEADER.pack(ECHO_REQUEST[version], 0, check, identifier, sequence) + token


def internet_checksum(content: bytes) -> int:
    """RFC 1071: the one's complement sum of 16-bit words."""
    padded = content + b"\0" * (len(content) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse_reply(packet: bytes, version: int, *, has_header: bool) -> bytes | None:
    """The token of an echo reply; None for any other or malformed packet."""
    if has_header:
        if not packet or packet[0] >> 4 != 4:
            return None
        packet = packet[(packet[0] & 0x0F) * 4 :]
    if len(packet) != _HEADER.size + TOKEN_BYTES or packet[0] != ECHO_REPLY[version]:
        return None
    return packet[_HEADER.size :]


def open_channel(version: int) -> Channel:
    """A datagram or raw ICMP socket, whichever this process may have. Raises UnavailableError."""
    family, protocol = (socket.AF_INET, socket.IPPROTO_ICMP) if version == 4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            opened = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
        except OSError:
            continue
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        if kind == socket.SOCK_RAW:
            _accept_replies_alone(opened, version)
        return Channel(opened, version, has_header=kind == socket.SOCK_RAW and version == 4)
    raise UnavailableError(
        f"no ICMP socket for IPv{version}: give the process CAP_NET_RAW, or put its group into sysctl net.ipv4.ping_group_range, "
        "or take icmp out of the job's probes"
    )


class Pinger:
    """Sends echo requests and hands each reply to who waits for it. Use within one event loop, then `close`."""

    def __init__(
        self, *, clock: Clock | None = None, open_: Callable[[int], Channel] = open_channel, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._clock = clock or SystemClock()
        self._open = open_
        self._random_bytes = random_bytes
        self._channels: dict[int, Channel] = {}
        self._waiting: dict[bytes, tuple[str, asyncio.Future[float]]] = {}
        self._identifier = int.from_bytes(random_bytes(2), "big")
        self._sequence = 0

    async def ping(self, address: str, *, timeout_seconds: float = 1.0) -> Answer:
        """Whether the address answers one echo request in time. Raises UnavailableError where this process may not ask by ICMP."""
        version = ipaddress.ip_address(address).version
        channel = self._channel(version)
        token = self._random_bytes(TOKEN_BYTES)
        self._sequence = (self._sequence + 1) & 0xFFFF
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[token] = (address, future)
        started = self._clock.monotonic_seconds()
        try:
            channel.socket.sendto(build_echo(version, self._identifier, self._sequence, token), (address, 0))
            received = await asyncio.wait_for(future, timeout_seconds)
        except TimeoutError:
            return Answer(is_up=False, is_alive=False, reason=f"no echo reply within {timeout_seconds:g} s")
        except BlockingIOError:
            return Answer(is_up=None, is_alive=False, reason="the send buffer of this machine is full")
        except OSError as error:
            return Answer(is_up=False, is_alive=False, reason=f"echo request not sent: {error.strerror}")
        finally:
            del self._waiting[token]
        return Answer(is_up=True, is_alive=True, latency_seconds=max(0.0, received - started))

    def close(self) -> None:
        """Close the sockets; who still waits runs into the time-out."""
        for channel in self._channels.values():
            with contextlib.suppress(RuntimeError):  # the loop may be closed already
                asyncio.get_running_loop().remove_reader(channel.socket)
            channel.socket.close()
        self._channels = {}

    def _channel(self, version: int) -> Channel:
        if version not in self._channels:
            channel = self._open(version)
            self._channels[version] = channel
            asyncio.get_running_loop().add_reader(channel.socket, self._receive, channel)
        return self._channels[version]

    def _receive(self, channel: Channel) -> None:
        for _ in range(1000):  # others get their turn
            try:
                packet, sender = channel.socket.recvfrom(2048)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error that an earlier request brought back; its asker runs into the time-out
            token = parse_reply(packet, channel.version, has_header=channel.has_header)
            waiting = self._waiting.get(token) if token is not None else None
            # An answer from another address proves nothing of the one that was asked.
            if waiting is not None and sender[0].partition("%")[0] == waiting[0] and not waiting[1].done():
                waiting[1].set_result(self._clock.monotonic_seconds())


def _accept_replies_alone(opened: socket.socket, version: int) -> None:
    """Let the kernel drop everything but echo replies: a raw socket would see all ICMP of the host."""
    with contextlib.suppress(OSError):  # only an optimisation: other packets are left out in any case
        if version == 4:
            opened.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << ECHO_REPLY[4]) & 0xFFFF_FFFF))
        else:
            words = [0xFFFF_FFFF] * 8
            words[ECHO_REPLY[6] >> 5] &= ~(1 << (ECHO_REPLY[6] & 31))
            opened.setsockopt(socket.IPPROTO_ICMPV6, _IPPROTO_ICMPV6_FILTER, struct.pack("=8I", *words))
