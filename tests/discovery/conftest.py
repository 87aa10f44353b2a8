"""A real sshd and snmpd, and instruments that ask them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from discovery.inquiry import Instruments
from discovery.printout import Printout
from discovery.snmp.device import load_device_profiles, load_mibs
from discovery.snmp.transport import SnmpTransport
from discovery.ssh.host_key import HostKeyStore
from discovery.sweep.icmp import Pinger
from muster.clock import FakeClock, SystemClock
from tests.support.icmp_network import Network
from tests.support.snmpd import Snmpd, running_snmpd
from tests.support.sshd import Sshd, running_sshd

MakeInstruments = Callable[..., Instruments]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with running_snmpd(tmp_path_factory.mktemp("snmpd")) as server:
        yield server


@pytest.fixture
async def make_instruments(tmp_path: Path) -> AsyncIterator[MakeInstruments]:
    made: list[Instruments] = []

    def make(
        *, known_hosts: str = "", environment: Mapping[str, str] | None = None, pinger: Pinger | None = None, clock: FakeClock | None = None
    ) -> Instruments:
        (tmp_path / "known_hosts").write_text(known_hosts, encoding="utf-8")
        made.append(
            Instruments(
                pinger=pinger or Pinger(),
                snmp=SnmpTransport(),
                threads=ThreadPoolExecutor(2),
                host_keys=HostKeyStore(tmp_path / "known_hosts"),
                profiles=load_device_profiles(),
                mibs=load_mibs(),
                clock=clock or SystemClock(),
                environment=environment or {},
                ping_seconds=0.3,
                snmp_seconds=0.5,
                snmp_retries=0,
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.pinger.close()
        await each.snmp.close()
        each.threads.shutdown(wait=True)


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


@pytest.fixture
def printout() -> Printout:
    return Printout("probe-1", SystemClock())
