"""Every recorded device, discovered once over real UDP for all tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from discovery.snmp.credential import Community
from discovery.snmp.facts import DeviceFacts
from tests.support.snmp_device import discover
from tests.support.snmp_responder import SnmpResponder, load_recordings

NAMES = (
    "apc_smtl1000-nmc3", "arubaos-cx_10.06", "fortigate_60fospfv3", "ios_2960x", "jetdirect_m130nw", "junos_qfx5100", "linux_icecast",
    "nxos_n3k-3064pq", "procurve_e2910", "routeros_crs317", "vrp_5720", "windows_svr_2019_1809",
)  # fmt: skip


@pytest.fixture(scope="session")
def discovered(recordings: Path) -> Iterator[Mapping[str, DeviceFacts]]:
    """Facts by the recording's name, all from one responder."""
    responder = SnmpResponder(load_recordings(recordings)).start()

    async def discover_all() -> dict[str, DeviceFacts]:
        return {name: await discover(responder.port, Community(name)) for name in NAMES}

    try:
        yield asyncio.run(discover_all())
    finally:
        responder.stop()
