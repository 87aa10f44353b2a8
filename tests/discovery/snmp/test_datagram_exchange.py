"""The datagram exchange over real sockets: answers are matched, lost ones asked for again, foreign ones counted, v1 spoken."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from discovery.snmp import ber
from discovery.snmp.credential import Community
from discovery.snmp.datagram_exchange import SOCKETS_PER_FAMILY, DatagramTransport
from discovery.snmp.device import host_ref
from discovery.snmp.varbind import Varbind
from discovery.snmp.walk import Exchange, WalkLimits, walk_columns
from muster.errors import UnavailableError
from tests.support import snmpd
from tests.support.snmp_device import discover
from tests.support.snmp_responder import Recording, answer, encode_oid, encode_value, tlv
from tests.support.snmpd import Snmpd, running_snmpd

NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)
COLUMN = (1, 3, 6, 1, 2, 1, 2, 2, 1, 2)
Answering = Callable[[int, bytes], list[bytes]]


def recording() -> dict[str, Recording]:
    oids = [NAME, *((*COLUMN, row) for row in range(1, 41))]
    encoded = [tlv(0x30, encode_oid(oid) + encode_value(4, f"value {oid[-1]}", is_hex=False)) for oid in oids]
    return {"public": Recording(oids, encoded, {oid: at for at, oid in enumerate(oids)})}


def good(datagram: bytes) -> bytes:
    reply = answer(recording(), datagram)
    assert reply is not None
    return reply


class _Agent(asyncio.DatagramProtocol):
    def __init__(self, answering: Answering) -> None:
        self.answering, self.count = answering, 0
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a datagram transport, though asyncio's class is no subclass

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self.count += 1
        assert self.transport is not None
        for reply in self.answering(self.count, data):
            self.transport.sendto(reply, addr)


@asynccontextmanager
async def exchanging(
    answering: Answering, *, address: str = "127.0.0.1", **patience: float
) -> AsyncIterator[tuple[Exchange, _Agent, DatagramTransport]]:
    made, agent = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Agent(answering), local_addr=(address, 0))
    made.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1_048_576)
    transport = DatagramTransport()
    port = made.get_extra_info("sockname")[1]
    try:
        exchange = await transport.open_exchange(address, Community("public"), port=port, **patience)  # type: ignore[arg-type]  # numbers
        yield exchange, agent, transport
    finally:
        await transport.close()
        made.close()
        await asyncio.sleep(0)


async def test_a_lost_answer_is_asked_for_again() -> None:
    async with exchanging(lambda count, data: [] if count == 1 else [good(data)], timeout_seconds=0.1, retries=2) as (exchange, agent, _):
        assert (await exchange.get([NAME])).varbinds == [Varbind(NAME, 4, b"value 0")]
        assert agent.count == 2


async def test_the_answer_to_the_first_attempt_counts_for_the_second() -> None:
    """The request keeps its number over retries, so whichever answer comes is the answer."""
    late: list[bytes] = []

    def answering(count: int, data: bytes) -> list[bytes]:
        late.append(good(data))
        return late[:1] if count == 2 else []

    async with exchanging(answering, timeout_seconds=0.1, retries=1) as (exchange, _, _transport):
        assert len((await exchange.get([NAME])).varbinds) == 1
        assert late[0] == late[1]


async def test_silence_is_unavailable_after_the_retries() -> None:
    async with exchanging(lambda _count, _data: [], timeout_seconds=0.05, retries=2) as (exchange, agent, _):
        with pytest.raises(UnavailableError, match=r"no SNMP answer: none within 0\.15 s"):
            await exchange.get([NAME])
        assert agent.count == 3


async def test_answers_to_other_requests_and_noise_are_counted_and_not_taken() -> None:
    def answering(_count: int, data: bytes) -> list[bytes]:
        other = ber.encode_request(1, b"public", ber.RESPONSE, 5, [NAME])
        return [b"", b"\x30", b"noise", other, good(data), good(data)]

    async with exchanging(answering) as (exchange, _, transport):
        assert (await exchange.get([NAME])).varbinds == [Varbind(NAME, 4, b"value 0")]
        assert (await exchange.get([NAME])).varbinds == [Varbind(NAME, 4, b"value 0")]
        # Empty datagram, two pieces of noise and one foreign answer each time; the doubled answer of the first request too.
        assert transport.foreign_count >= 8


async def test_an_answer_from_another_address_is_not_taken() -> None:
    """Another socket that guesses the request's number still answers from the wrong port."""
    loop = asyncio.get_running_loop()
    stranger, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))

    class Relay(_Agent):
        def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
            stranger.sendto(good(data), addr)

    made, _ = await loop.create_datagram_endpoint(lambda: Relay(lambda _count, _data: []), local_addr=("127.0.0.1", 0))
    transport = DatagramTransport()
    try:
        port = made.get_extra_info("sockname")[1]
        exchange = await transport.open_exchange("127.0.0.1", Community("public"), port=port, timeout_seconds=0.2, retries=0)
        with pytest.raises(UnavailableError):
            await exchange.get([NAME])
        assert transport.foreign_count == 1
    finally:
        await transport.close()
        made.close()
        stranger.close()
        await asyncio.sleep(0)


async def test_answers_that_break_off_are_walked_to_the_end() -> None:
    def answering(_count: int, data: bytes) -> list[bytes]:
        return [good(data)[:200]]

    async with exchanging(answering) as (exchange, agent, _):
        found = await walk_columns(exchange, [COLUMN], WalkLimits())
        assert (found.is_complete, len(found.varbinds)) == (True, 40)
        assert agent.count < 60


async def test_an_answer_without_one_whole_binding_makes_the_walk_ask_for_less() -> None:
    def answering(_count: int, data: bytes) -> list[bytes]:
        whole = good(data)
        return [whole if len(whole) < 150 else whole[:40]]

    async with exchanging(answering) as (exchange, _, _transport):
        found = await walk_columns(exchange, [COLUMN], WalkLimits())
        assert (found.is_complete, len(found.varbinds)) == (True, 40)


async def test_ipv6_devices_are_asked_too() -> None:
    async with exchanging(lambda _count, data: [good(data)], address="::1") as (exchange, _, _transport):
        assert (await exchange.get([NAME])).varbinds == [Varbind(NAME, 4, b"value 0")]


async def test_closing_ends_what_waits() -> None:
    async with exchanging(lambda _count, _data: [], timeout_seconds=30) as (exchange, _, transport):
        waiting = asyncio.create_task(exchange.get([NAME]))
        await asyncio.sleep(0)
        await transport.close()
        with pytest.raises(UnavailableError, match="closed"):
            await waiting
        with pytest.raises(UnavailableError, match="closed"):
            await exchange.get([NAME])


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with running_snmpd(tmp_path_factory.mktemp("snmpd"), system_name="old-box") as running:
        yield running


@pytest.mark.server("snmpd")
async def test_snmpv1_reads_what_v2c_reads(agent: Snmpd, tmp_path: Path) -> None:
    new = await discover(agent.port, Community(snmpd.COMMUNITY))
    old = await discover(agent.port, Community(snmpd.COMMUNITY, version="1"))
    assert (old.system.name, old.faults) == ("old-box", {})
    assert host_ref(old) == host_ref(new)
    assert {each.name for each in old.interfaces} == {each.name for each in new.interfaces}
    assert old.addresses == new.addresses
    # 64-bit counters do not exist in v1 (RFC 3584 4.2.2.1).
    assert all(not each.wide for each in old.interfaces)


async def test_hundreds_of_devices_share_a_few_sockets_without_loss() -> None:
    async with exchanging(lambda _count, data: [good(data)]) as (_, agent, transport):
        assert agent.transport is not None
        port = agent.transport.get_extra_info("sockname")[1]
        opening = (transport.open_exchange("127.0.0.1", Community("public"), port=port) for _ in range(300))
        exchanges = await asyncio.gather(*opening)
        assert len(transport._sockets[4]) == SOCKETS_PER_FAMILY
        answers = await asyncio.gather(*(each.get([NAME]) for each in exchanges))
        assert all(len(each.varbinds) == 1 for each in answers)
        assert agent.count == 300
