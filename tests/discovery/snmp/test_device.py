"""One device, asked through a session over an agent in memory: what fails costs its own part and is said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from discovery.mibs._mib import Mib
from discovery.snmp.device import fetch_device, load_device_profiles, load_mibs, to_sections
from discovery.snmp.facts import DeviceFacts
from discovery.snmp.session import ExchangeSession
from discovery.snmp.varbind import Oid, Varbind, parse_oid
from discovery.snmp.walk import Response
from muster.errors import AuthenticationError, UnavailableError
from tests.discovery.snmp.agent_double import AgentDouble

MIBS: dict[str, Mib] = load_mibs()
SYSTEM = {
    "1.3.6.1.2.1.1.1.0": (4, b"Cisco IOS Software, Version 15.0(2a)EX5, RELEASE"), "1.3.6.1.2.1.1.2.0": (6, parse_oid("1.3.6.1.4.1.9.1.1208")),
    "1.3.6.1.2.1.1.5.0": (4, b"sw1"), "1.3.6.1.2.1.31.1.1.1.1.1": (4, b"Gi1/0/1"), "1.3.6.1.2.1.31.1.1.1.1.2": (4, b"Gi1/0/2"),
    "1.3.6.1.2.1.47.1.1.1.1.5.1": (2, 3), "1.3.6.1.2.1.47.1.1.1.1.11.1": (4, b"FCW1929B68S"), "1.3.6.1.2.1.47.1.1.1.1.13.1": (4, b"WS-C2960X"),
}  # fmt: skip
OBJECTS = {parse_oid(oid): Varbind(parse_oid(oid), tag, value) for oid, (tag, value) in SYSTEM.items()}


async def discover(agent: AgentDouble) -> DeviceFacts:
    return await fetch_device(ExchangeSession(agent), address="10.0.0.9", profiles=load_device_profiles(), mibs=MIBS)


async def test_a_device_is_read_whole() -> None:
    facts = await discover(AgentDouble(OBJECTS))
    assert (facts.profile.name, facts.texts) == ("cisco_ios", {"model": "WS-C2960X", "serial": "FCW1929B68S", "os_version": "15.0(2a)EX5"})
    assert ([each.name for each in facts.interfaces], facts.faults) == (["Gi1/0/1", "Gi1/0/2"], {})


async def test_a_device_that_falls_silent_is_not_asked_table_after_table() -> None:
    def misbehave(number: int, _oids: Sequence[Oid], _repetitions: int) -> Response | None:
        if number > 3:
            raise UnavailableError("no SNMP answer: none within 4 s")
        return None

    agent = AgentDouble(OBJECTS, misbehave=misbehave)
    facts = await discover(agent)
    assert facts.system.name == "sw1"
    assert len(agent.requests) < 10
    reasons = {name.partition(":")[0]: section.reason for name, section in to_sections(facts).items() if not section.complete}
    assert set(reasons) == {"host", "network", "hardware", "filesystem", "neighbour"}
    assert "has fallen silent" in str(reasons["network"])


async def test_one_table_that_an_agent_cannot_answer_costs_that_table() -> None:
    entity = MIBS["entity"].tables["entPhysicalTable"].entry

    def misbehave(_number: int, oids: Sequence[Oid], _repetitions: int) -> Response | None:
        if any(oid[: len(entity)] == entity for oid in oids):
            raise UnavailableError("no SNMP answer: none within 4 s")
        return None

    facts = await discover(AgentDouble(OBJECTS, misbehave=misbehave))
    assert set(facts.faults) == {"entity"}
    assert [name.partition(":")[0] for name, section in to_sections(facts).items() if not section.complete] == ["host", "hardware"]


async def test_vendor_objects_that_do_not_answer_cost_the_profile_alone() -> None:
    vendor = parse_oid("1.3.6.1.4.1")

    def misbehave(_number: int, oids: Sequence[Oid], repetitions: int) -> Response | None:
        if not repetitions and any(oid[: len(vendor)] == vendor for oid in oids):
            raise UnavailableError("no SNMP answer: none within 4 s")
        return None

    facts = await discover(AgentDouble(OBJECTS, misbehave=misbehave))
    assert facts.faults == {"profile": "objects of profile cisco_ios: no SNMP answer: none within 4 s"}
    assert facts.texts["model"] == "WS-C2960X"


@pytest.mark.parametrize(("status", "error"), [(16, AuthenticationError), (5, UnavailableError)])
async def test_a_device_that_shows_nothing_is_no_device(status: int, error: type[Exception]) -> None:
    agent = AgentDouble(OBJECTS, misbehave=lambda _number, _oids, _repetitions: Response((), status, 0))
    with pytest.raises(error, match="credential"):
        await discover(agent)
