"""SNMPv3 over the own codec against a real snmpd: every protocol, equal to pysnmp, through restarts and a new engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from discovery.snmp.credential import AuthenticationProtocol, Community, PrivacyProtocol, User
from discovery.snmp.datagram_exchange import DatagramTransport
from discovery.snmp.device import to_sections
from discovery.snmp.pysnmp_exchange import PysnmpTransport
from discovery.snmp.varbind import parse_oid
from discovery.snmp.walk import WalkLimits, walk_columns
from tests.support import snmpd
from tests.support.snmp_device import discover
from tests.support.snmpd import Snmpd, running_snmpd

pytestmark = pytest.mark.server("snmpd")
NAME = parse_oid("1.3.6.1.2.1.1.5.0")
V3 = User(snmpd.USER, snmpd.AUTHENTICATION_SECRET, snmpd.PRIVACY_SECRET)
PAIRS: list[tuple[AuthenticationProtocol, PrivacyProtocol]] = [
    ("MD5", "AES"), ("SHA", "AES"), ("SHA-224", "AES"), ("SHA-384", "AES"), ("SHA-512", "AES"), ("SHA-256", "AES-192"), ("SHA-512", "AES-256"),
    ("SHA", "AES-256"),
]  # fmt: skip


def name_of(digest: str, cipher: str) -> str:
    return f"u-{digest}-{cipher}".lower()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    users = "".join(
        f'createUser {name_of(digest, cipher)} {digest} "authpass123" {cipher} "privpass123"\nrouser {name_of(digest, cipher)} authpriv .1\n'
        for digest, cipher in PAIRS
    )
    users += 'createUser cisco SHA "authpass123" AES-256-C "privpass123"\nrouser cisco authpriv .1\n'
    users += 'createUser halfway SHA-256 "authpass123"\nrouser halfway authnopriv .1\ncreateUser open\nrouser open noauth .1\n'
    with running_snmpd(tmp_path_factory.mktemp("snmpd"), system_name="v3-box", extra=users) as running:
        yield running


async def read_name(port: int, user: User) -> object:
    transport = DatagramTransport()
    try:
        exchange = await transport.open_exchange("127.0.0.1", user, port=port)
        return (await exchange.get([NAME])).varbinds[0].value
    finally:
        await transport.close()


@pytest.mark.parametrize(("digest", "cipher"), PAIRS)
async def test_every_protocol_is_spoken(agent: Snmpd, digest: AuthenticationProtocol, cipher: PrivacyProtocol) -> None:
    assert await read_name(agent.port, User(name_of(digest, cipher), "authpass123", "privpass123", digest, cipher)) == b"v3-box"


async def test_the_key_extension_of_cisco_is_spoken_through_pysnmp(agent: Snmpd) -> None:
    facts = await discover(agent.port, User("cisco", "authpass123", "privpass123", "SHA", "AES-256-C"))
    assert (facts.system.name, facts.faults) == ("v3-box", {})


@pytest.mark.parametrize("user", [User("halfway", "authpass123"), User("open")])
async def test_lower_security_levels_are_spoken(agent: Snmpd, user: User) -> None:
    assert await read_name(agent.port, user) == b"v3-box"


async def test_a_walk_reads_what_pysnmp_and_v2c_read(agent: Snmpd) -> None:
    """ifTable's names and types do not change between the walks."""
    columns = [parse_oid("1.3.6.1.2.1.2.2.1.2"), parse_oid("1.3.6.1.2.1.2.2.1.3"), parse_oid("1.3.6.1.2.1.31.1.1.1.1")]
    found = []
    for transport, credential in ((DatagramTransport(), V3), (PysnmpTransport(), V3), (DatagramTransport(), Community(snmpd.COMMUNITY))):
        try:
            exchange = await transport.open_exchange("127.0.0.1", credential, port=agent.port)
            found.append((await walk_columns(exchange, columns, WalkLimits())).varbinds)
            await exchange.close()
        finally:
            await transport.close()
    assert found[0] == found[1] == found[2]
    assert len(found[0]) >= 3


async def test_a_device_is_the_same_by_both_codecs(agent: Snmpd) -> None:
    own = to_sections(await discover(agent.port, V3))
    other = to_sections(await discover(agent.port, V3, make_transport=PysnmpTransport))
    stable = ("host", "hardware", "neighbour")
    assert {name: own[name].digest for name in own if name.startswith(stable)} == {
        name: other[name].digest for name in other if name.startswith(stable)
    }


async def test_an_exchange_outlives_a_restart_of_the_agent_and_a_new_engine(tmp_path: Path) -> None:
    """A restart raises the engine's boots: the report about the time window sets the clock. A lost state makes a new engine."""
    port = snmpd.free_udp_port()
    transport = DatagramTransport()
    try:
        exchange = await transport.open_exchange("127.0.0.1", V3, port=port)
        for name in ("first", "second"):
            with running_snmpd(tmp_path, system_name=name, port=port):
                assert (await exchange.get([NAME])).varbinds[0].value == name.encode()
        shutil.rmtree(tmp_path / "state")
        with running_snmpd(tmp_path, system_name="third", port=port):
            assert (await exchange.get([NAME])).varbinds[0].value == b"third"
    finally:
        await transport.close()


async def test_devices_with_one_engine_id_keep_their_own_clocks(tmp_path: Path) -> None:
    """Cloned machines have one engine id and different boots and times."""
    ports = [snmpd.free_udp_port() for _ in range(2)]
    transport = DatagramTransport()
    with running_snmpd(tmp_path / "a", system_name="a", port=ports[0], extra="exactEngineID 0x80001f880102030405\n"):
        for _ in range(2):
            with running_snmpd(tmp_path / "b", system_name="b", port=ports[1], extra="exactEngineID 0x80001f880102030405\n"):
                pass
        with running_snmpd(tmp_path / "b", system_name="b", port=ports[1], extra="exactEngineID 0x80001f880102030405\n"):
            try:
                exchanges = [await transport.open_exchange("127.0.0.1", V3, port=port) for port in ports]
                for _ in range(2):
                    assert [(await each.get([NAME])).varbinds[0].value for each in exchanges] == [b"a", b"b"]
            finally:
                await transport.close()
