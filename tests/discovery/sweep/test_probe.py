"""Real ICMP and TCP on loopback, and packets that lie."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.sweep.icmp import TOKEN_BYTES, Channel, Pinger, build_echo, internet_checksum, open_channel, parse_reply
from discovery.sweep.neighbour import parse_arp
from discovery.sweep.tcp import connect_tcp
from muster.errors import UnavailableError
from tests.conftest import missing
from tests.support.server import free_port

TOKEN = bytes(range(TOKEN_BYTES))


def require_icmp(version: int) -> None:
    try:
        open_channel(version).socket.close()
    except UnavailableError as error:
        missing(str(error))
    if version == 6 and not os.path.exists("/proc/net/if_inet6"):  # noqa: PTH110  # a file of the kernel
        missing("IPv6 on this machine")


@pytest.fixture
async def pinger() -> AsyncIterator[Pinger]:
    made = Pinger()
    yield made
    made.close()


@pytest.mark.parametrize(("address", "version"), [("127.0.0.1", 4), ("::1", 6)])
async def test_loopback_answers_an_echo_request(pinger: Pinger, address: str, version: int) -> None:
    require_icmp(version)
    answer = await pinger.ping(address, timeout_seconds=5)
    assert (answer.is_up, answer.is_alive, answer.reason) == (True, True, "")
    assert answer.latency_seconds is not None
    assert answer.latency_seconds < 5


async def test_many_targets_share_one_socket(pinger: Pinger) -> None:
    require_icmp(4)
    answers = await asyncio.gather(*(pinger.ping(f"127.0.0.{host}", timeout_seconds=5) for host in range(1, 200)))
    assert [answer.is_up for answer in answers] == [True] * 199


async def test_an_address_that_says_nothing_is_not_up() -> None:
    """A socket that swallows what is sent: nothing is probed on any network."""
    ours, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    class Swallowing(socket.socket):
        def sendto(self, content: bytes, *_: object) -> int:  # type: ignore[override]
            return len(content)

    swallowing = Swallowing(fileno=ours.detach())
    swallowing.setblocking(False)
    silent = Pinger(open_=lambda version: Channel(swallowing, version, has_header=False))
    answer = await silent.ping("192.0.2.77", timeout_seconds=0.05)
    silent.close()
    other.close()
    assert (answer.is_up, answer.is_alive, answer.reason) == (False, False, "no echo reply within 0.05 s")


async def test_a_process_that_may_not_send_icmp_says_what_it_needs() -> None:
    def refuse(_version: int) -> Channel:
        raise UnavailableError("no ICMP socket for IPv4: give the process CAP_NET_RAW")

    with pytest.raises(UnavailableError, match="CAP_NET_RAW"):
        await Pinger(open_=refuse).ping("127.0.0.1")


@given(st.binary(max_size=60), st.sampled_from([4, 6]), st.booleans())
def test_any_packet_is_a_reply_or_nothing(packet: bytes, version: int, has_header: bool) -> None:
    token = parse_reply(packet, version, has_header=has_header)
    assert token is None or len(token) == TOKEN_BYTES


def test_a_request_seen_on_loopback_is_no_reply() -> None:
    request = build_echo(4, 7, 1, TOKEN)
    header = bytes([0x45]) + bytes(19)
    assert parse_reply(header + request, 4, has_header=True) is None
    reply = b"\0" + request[1:]
    assert parse_reply(header + reply, 4, has_header=True) == TOKEN
    assert parse_reply(bytes([0x46]) + bytes(23) + reply, 4, has_header=True) == TOKEN, "options make the header longer"


@given(st.binary(max_size=64))
def test_the_checksum_of_a_packet_with_its_checksum_is_zero(content: bytes) -> None:
    even = content + b"\0" * (len(content) % 2)
    assert internet_checksum(even + struct.pack("!H", internet_checksum(even))) == 0


async def test_an_open_port_is_up_and_a_closed_one_a_sign_of_life() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        opened = await connect_tcp("127.0.0.1", server.getsockname()[1])
    assert (opened.is_up, opened.is_alive) == (True, True)
    port = free_port()
    closed = await connect_tcp("127.0.0.1", port)
    assert (closed.is_up, closed.is_alive, closed.reason) == (False, True, f"port {port}: connection refused")


async def test_a_port_that_swallows_is_silent() -> None:
    """A listener whose queue is full drops further connections, as a filter does."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        held: list[socket.socket] = []
        port = server.getsockname()[1]
        answer = await connect_tcp("127.0.0.1", port, timeout_seconds=0.3)
        while answer.is_up and len(held) < 8:
            waiting = socket.socket()
            waiting.setblocking(False)
            assert waiting.connect_ex(("127.0.0.1", port)) in {0, errno.EINPROGRESS}
            held.append(waiting)
            answer = await connect_tcp("127.0.0.1", port, timeout_seconds=0.3)
        for each in held:
            each.close()
    assert (answer.is_up, answer.is_alive, answer.reason) == (False, False, f"port {port}: no answer within 0.3 s")


def test_neighbours_are_the_complete_entries_of_the_table() -> None:
    text = (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n"
        "192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0\n"
        "192.0.2.10       0x1         zz          02:fc:00:00:00:06     *        eth0\nshort\n"
    )
    assert parse_arp(text) == {"192.0.2.1": "02:fc:00:00:00:05"}
