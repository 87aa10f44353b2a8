"""One device discovered over real UDP, as the discovery process does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from discovery.snmp.credential import Credential
from discovery.snmp.device import fetch_device, load_device_profiles, load_mibs
from discovery.snmp.facts import DeviceFacts
from discovery.snmp.profile import Profile
from discovery.snmp.pysnmp_exchange import PysnmpTransport
from discovery.snmp.session import ExchangeSession
from discovery.snmp.transport import SnmpTransport
from discovery.snmp.walk import WalkLimits


async def discover(
    port: int,
    credential: Credential,
    *,
    address: str = "127.0.0.1",
    timeout_seconds: float = 2.0,
    retries: int = 1,
    limits: WalkLimits | None = None,
    profiles: Sequence[Profile] | None = None,
    make_transport: Callable[[], SnmpTransport | PysnmpTransport] = SnmpTransport,
) -> DeviceFacts:
    """The facts of the device at a port of this machine."""
    transport = make_transport()
    try:
        exchange = await transport.open_exchange(address, credential, port=port, timeout_seconds=timeout_seconds, retries=retries)
        session = ExchangeSession(exchange, limits)
        try:
            return await fetch_device(session, address=address, profiles=load_device_profiles() if profiles is None else profiles, mibs=load_mibs())
        finally:
            await session.close()
    finally:
        await transport.close()


def recording_names(folder: Path) -> list[str]:
    """The names of the recordings in a folder that have expected facts beside them."""
    return sorted(file.name.removesuffix(".expected.json") for file in folder.glob("*.expected.json"))
