"""Listening sockets from the kernel by netlink (sock_diag(7)): pure encoding and decoding; `agent/host.py` holds the socket.

The kernel filters by state, so that ten thousand open connections cost nothing, as they would in /proc/net/tcp.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
ROUTE = 0  # NETLINK_ROUTE
_GROUP_LINK, _GROUP_IPV4_ADDRESS, _GROUP_IPV6_ADDRESS = 0x1, 0x10, 0x100  # RTMGRP_* of linux/rtnetlink.h
CHANGE_GROUPS = _GROUP_LINK | _GROUP_IPV4_ADDRESS | _GROUP_IPV6_ADDRESS
PROTOCOLS = {"tcp": 6, "udp": 17}
FAMILIES = (2, 10)  # AF_INET, AF_INET6 on Linux

_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x1 | 0x300  # NLM_F_REQUEST | NLM_F_DUMP
_DONE, _ERROR = 3, 2
_HEADER = struct.Struct("=IHHII")
# inet_diag_req_v2: family, protocol, extensions, padding, states, then inet_diag_sockid (zeros: any socket)
_REQUEST = struct.Struct("=BBBBI48x")
# inet_diag_msg: family, state, timer, retransmissions; ports and addresses in network order; interface, cookie, then
# expiry, receive queue, send queue, user, inode
_SOCKET = struct.Struct("=BBBB2s2s16s16sI8xIIIII")
_LISTEN, _UNCONNECTED = 10, 7


class SocketEntry(NamedTuple):
    """One socket that waits for others; `packed` is the address in network order (4 or 16 bytes)."""

    protocol: str
    packed: bytes
    port: int
    inode: int


def encode_request(family: int, protocol: str) -> bytes:
    """The request for the listening sockets of a family and protocol."""
    state = _LISTEN if protocol == "tcp" else _UNCONNECTED
    body = _REQUEST.pack(family, PROTOCOLS[protocol], 0, 0, 1 << state)
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + body


def decode_answer(data: bytes, protocol: str) -> tuple[list[SocketEntry], bool]:
    """The sockets in one datagram, and whether it was the last. Raises OSError where the kernel refuses the request."""
    found: list[SocketEntry] = []
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            break
        if kind == _DONE:
            return found, True
        if kind == _ERROR:
            code = struct.unpack_from("=i", data, at + _HEADER.size)[0] if length >= _HEADER.size + 4 else 0
            raise OSError(-code, "the kernel refuses to list sockets")
        if kind == _SOCK_DIAG_BY_FAMILY and length >= _HEADER.size + _SOCKET.size:
            found.append(_entry(data, at + _HEADER.size, protocol))
        at += (length + 3) & ~3
    return found, False


def _entry(data: bytes, at: int, protocol: str) -> SocketEntry:
    fields = _SOCKET.unpack_from(data, at)
    packed = fields[6] if fields[0] == FAMILIES[1] else fields[6][:4]
    return SocketEntry(protocol, packed, int.from_bytes(fields[4], "big"), fields[-1])
