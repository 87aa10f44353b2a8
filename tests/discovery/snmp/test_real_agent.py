"""The product's client against a real snmpd: v2c and v3 authPriv, a wrong credential, a silent address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pysnmp.entity.rfc3413.config import get_target_address
from pysnmp.smi.error import SmiError

from discovery.snmp.credential import Community, User
from discovery.snmp.device import DeviceFacts, fetch_device, host_ref, to_sections
from discovery.snmp.pysnmp_exchange import PysnmpTransport
from discovery.snmp.session import ExchangeSession
from muster.errors import AuthenticationError, UnavailableError
from muster.facts.link_kind import identifying_macs
from muster.wire.report import Item
from tests.support import snmpd
from tests.support.snmp_device import discover
from tests.support.snmpd import Snmpd, running_snmpd

pytestmark = pytest.mark.server("snmpd")
V3 = User(snmpd.USER, snmpd.AUTHENTICATION_SECRET, snmpd.PRIVACY_SECRET)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with running_snmpd(tmp_path_factory.mktemp("snmpd"), system_name="sw-7.example.org") as running:
        yield running


@pytest.fixture(scope="module")
def both(agent: Snmpd) -> tuple[DeviceFacts, DeviceFacts]:
    """The same host by v2c and by v3."""

    async def discover_both() -> tuple[DeviceFacts, DeviceFacts]:
        return await discover(agent.port, Community(snmpd.COMMUNITY)), await discover(agent.port, V3)

    return asyncio.run(discover_both())


def items(facts: DeviceFacts, ci_class: str) -> list[Item]:
    return [item for section in to_sections(facts).values() for item in section.items or () if item.ci_class == ci_class]


def test_v2c_and_v3_give_the_same_device(both: tuple[DeviceFacts, DeviceFacts]) -> None:
    by_community, by_user = both
    assert host_ref(by_community) == host_ref(by_user)
    assert host_ref(by_user).startswith("snmp:engine:80001f88")
    stable = [
        {name: section.digest for name, section in to_sections(each).items() if not name.startswith(("network", "filesystem"))} for each in both
    ]
    assert stable[0] == stable[1]
    assert (by_community.faults, by_user.faults) == ({}, {})


def test_system_group_of_a_real_agent(both: tuple[DeviceFacts, DeviceFacts]) -> None:
    host = items(both[1], "server")[0].attributes
    assert {name: host[name] for name in ("name", "hostname", "location", "contact", "os.name")} == {
        "name": "sw-7", "hostname": "sw-7.example.org", "location": "rack 7", "contact": "ops@example.org", "os.name": "Linux",
    }  # fmt: skip
    assert host["os.kernel"] == Path("/proc/sys/kernel/osrelease").read_text(encoding="utf-8").strip()


def test_interfaces_and_their_addresses_are_those_of_this_host(both: tuple[DeviceFacts, DeviceFacts]) -> None:
    links = {
        path.name: (path / "address").read_text(encoding="utf-8").strip() for path in Path("/sys/class/net").iterdir() if (path / "address").exists()
    }
    found = {each.name for each in both[1].interfaces}
    assert {name for _, name in socket.if_nameindex()} <= found | {"bonding_masters"}
    loopback = next(item for item in items(both[1], "interface") if item.attributes["name"] == "lo")
    assert loopback.attributes["kind"] == "loopback"
    assert "127.0.0.1/8" in loopback.attributes["addresses"]  # type: ignore[operator]  # a list of texts
    assert items(both[1], "server")[0].identifiers.get("mac", []) == identifying_macs(links.items())


def test_memory_and_processors_are_those_of_this_host(both: tuple[DeviceFacts, DeviceFacts]) -> None:
    host = items(both[0], "server")[0].attributes
    total = next(line.split()[1] for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines() if line.startswith("MemTotal:"))
    assert host["memory_bytes"] == int(total) * 1024
    assert both[0].host.storages


@pytest.mark.parametrize(
    "user",
    [
        User(snmpd.USER, "wrong-secret-1", snmpd.PRIVACY_SECRET),
        User("nobody-known", snmpd.AUTHENTICATION_SECRET, snmpd.PRIVACY_SECRET),
        User(snmpd.USER, snmpd.AUTHENTICATION_SECRET, snmpd.PRIVACY_SECRET, authentication="SHA-512"),
        User(snmpd.USER, snmpd.AUTHENTICATION_SECRET),
    ],
)
async def test_a_refused_user_is_named_as_such_without_secrets(agent: Snmpd, user: User) -> None:
    with pytest.raises(AuthenticationError, match="refuses the credential") as caught:
        await discover(agent.port, user, timeout_seconds=1.0, retries=0)
    assert "secret" not in str(caught.value).replace("secrets", "")
    assert "wrong-secret-1" not in repr(user)


async def test_a_wrong_community_looks_like_silence(agent: Snmpd) -> None:
    with pytest.raises(UnavailableError, match="no SNMP answer"):
        await discover(agent.port, Community("not-the-word"), timeout_seconds=0.3, retries=0)


async def test_a_silent_address_is_unavailable() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match="no SNMP answer"):
            await discover(deaf.getsockname()[1], Community("public"), timeout_seconds=0.2, retries=1)


async def test_a_closed_port_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="no SNMP answer"):
        await discover(snmpd.free_udp_port(), V3, timeout_seconds=0.3, retries=0)


async def test_many_devices_share_one_engine_and_leave_nothing_in_it(agent: Snmpd) -> None:
    transport = PysnmpTransport()
    try:
        sessions = [ExchangeSession(await transport.open_exchange("127.0.0.1", V3, port=agent.port)) for _ in range(3)]
        found = await asyncio.gather(*(fetch_device(each, address="127.0.0.1", profiles=[]) for each in sessions))
        for each in sessions:
            await each.close()
        assert len({host_ref(each) for each in found}) == 1
        assert len(transport._engines) == 1
        for each in sessions:
            with pytest.raises(SmiError):
                get_target_address(transport._engines[0][0], each._exchange._name)  # type: ignore[attr-defined]  # of a v3 exchange
    finally:
        await transport.close()
