"""Rounds of polling over loopback, by a clock that the test moves."""

from __future__ import annotations

import socket
from collections.abc import Callable

from discovery.credential import parse_credential
from discovery.job import Job, parse_job
from discovery.known_target import KnownTarget, Subject, TargetBook
from discovery.poll import LATENCY_SERIES, MetricsPoll, ReachabilityPoll
from discovery.printout import Printout
from discovery.survey import Surroundings
from discovery.sweep.icmp import Pinger
from muster.clock import FakeClock
from muster.wire.report import Endpoint
from tests.discovery.conftest import MakeInstruments
from tests.support.icmp_network import Network
from tests.support.server import free_port
from tests.support.snmpd import COMMUNITY, Snmpd, free_udp_port


def job_of(probes: str = "[icmp]", credentials: str = "", networks: str = "10.0.0.0/24") -> Job:
    documents = {each.id: each for each in [parse_credential(credentials, file="c.yaml")]} if credentials else {}
    uses = ", ".join(f"{{id: {name}}}" for name in documents)
    return parse_job(f"id: test\nzone: berlin\ntargets: [{networks}]\nprobes: {probes}\ncredentials: [{uses}]\n", documents, file="job.yaml")


def known(number: int, *checks: str, subject: Subject | None = None) -> KnownTarget:
    return KnownTarget("test", f"10.0.0.{number}", checks=checks or ("icmp",), subject=subject or Subject("ssh", f"host-{number}"))


def told(printout: Printout, clock: FakeClock, check: str = "reachability", kind: str = "ssh") -> list[tuple[object, str, int]]:
    found = [state for (each, _), states in printout.states.items() if each == kind for state in states if state.check == check]
    start = clock.now_ms() - round(clock.monotonic_seconds() * 1000)
    return [(state.subject, state.state, (int(state.at) - start) // 1000) for state in found]


async def rounds(poll: ReachabilityPoll, clock: FakeClock, steps: list[Callable[[], object]]) -> None:
    for step in steps:
        step()
        await poll.round()
        clock.advance(seconds=30)


async def test_an_outage_begins_at_its_first_failure_and_ends_at_the_first_answer(
    make_instruments: MakeInstruments, printout: Printout, network: Network
) -> None:
    clock, book = FakeClock(), TargetBook(None)
    pinger = Pinger(open_=network.open)
    book.put(known(1))
    poll = ReachabilityPoll(job_of(), make_instruments(pinger=pinger, clock=clock), book, printout, Surroundings)
    fail, answer = lambda: network.silent.add("10.0.0.1"), network.silent.clear
    await rounds(poll, clock, [answer, fail, answer, fail, fail, fail, answer])
    expected = [("up", 0), ("up", 60), ("down", 90), ("down", 120), ("down", 150), ("up", 180)]
    assert told(printout, clock) == [("host-1", state, at) for state, at in expected]
    assert told(printout, clock, "icmp") == told(printout, clock)
    states = printout.states["ssh", "berlin"]
    assert {state.interval_seconds for state in states} == {30}
    assert next(state.reason for state in states if state.state == "down" and state.check == "icmp") == "no echo reply within 0.3 s"


async def test_most_targets_silent_at_once_are_unknown_and_the_observer_is_blamed(
    make_instruments: MakeInstruments, printout: Printout, network: Network
) -> None:
    clock, book = FakeClock(), TargetBook(None)
    for number in range(1, 11):
        book.put(known(number))
    lost: list[bool] = []
    poll = ReachabilityPoll(
        job_of(), make_instruments(pinger=Pinger(open_=network.open), clock=clock), book, printout, Surroundings, on_vantage=lost.append
    )
    some, all_ = {f"10.0.0.{number}" for number in range(1, 4)}, {f"10.0.0.{number}" for number in range(1, 9)}
    await rounds(
        poll, clock, [lambda: None, lambda: network.silent.update(some), lambda: network.silent.update(all_), lambda: None, network.silent.clear]
    )
    states = [state for _, state, _ in told(printout, clock)]
    assert "down" not in states
    assert states.count("unknown") == 16
    assert lost == [True, False]
    assert any(state.reason.startswith("vantage_lost") for state in printout.states["ssh", "berlin"])


async def test_a_refused_connection_is_reachable_and_its_own_check_is_down(make_instruments: MakeInstruments, printout: Printout) -> None:
    clock, book, port = FakeClock(), TargetBook(None), free_port()
    target = KnownTarget("test", "127.0.0.1", checks=(f"tcp:{port}",), subject=Subject("snmp", "switch"))
    book.put(target)
    poll = ReachabilityPoll(job_of(f'["tcp:{port}"]', networks="127.0.0.1"), make_instruments(clock=clock), book, printout, Surroundings)
    with socket.create_server(("127.0.0.1", port)):
        await poll.round()
        clock.advance(seconds=30)
    await rounds(poll, clock, [lambda: None, lambda: None])
    assert told(printout, clock, f"tcp:{port}", "snmp") == [("switch", "up", 0), ("switch", "down", 30), ("switch", "down", 60)]
    assert [state for _, state, _ in told(printout, clock, "reachability", "snmp")] == ["up", "up", "up"]


async def test_a_port_that_only_served_as_a_sign_of_life_has_no_state_of_its_own(make_instruments: MakeInstruments, printout: Printout) -> None:
    book = TargetBook(None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        book.put(KnownTarget("test", "127.0.0.1", checks=(f"tcp:{server.getsockname()[1]}",), subject=Subject("ssh", "host")))
        await ReachabilityPoll(job_of(networks="127.0.0.1"), make_instruments(), book, printout, Surroundings).round()
    assert [state.check for state in printout.states["ssh", "berlin"]] == ["reachability"]
    table, block = printout.samples["ssh", "berlin"][0]
    assert [(series.name, series.subject) for series in table] == [(LATENCY_SERIES, "host")]
    assert 0 <= float(block.values[0][0] or 0) < 5


async def test_states_of_this_machine_go_to_what_its_agent_reports(make_instruments: MakeInstruments, printout: Printout) -> None:
    book, myself = TargetBook(None), Endpoint(identifiers={"machine_id": "abc"})
    book.put(KnownTarget("test", "127.0.0.1", checks=("icmp",)))
    book.put(KnownTarget("test", "127.0.0.2", checks=("icmp",)))
    around = Surroundings(own_addresses=frozenset({"127.0.0.1"}), has_loopback=False, myself=myself)
    await ReachabilityPoll(job_of(networks="127.0.0.0/24"), make_instruments(), book, printout, lambda: around).round()
    subjects = [state.subject for state in printout.states["sweep", "berlin"] if state.check == "reachability"]
    assert subjects == [myself, Endpoint(identifiers={"ip": "127.0.0.2"})]


async def test_an_excluded_address_is_polled_no_more(make_instruments: MakeInstruments, printout: Printout) -> None:
    book = TargetBook(None)
    book.put(KnownTarget("test", "127.0.0.1", checks=("icmp",)))
    job = job_of(networks='127.0.0.0/24, "!127.0.0.1"')
    assert await ReachabilityPoll(job, make_instruments(), book, printout, Surroundings).round() == 0


async def test_counters_are_read_with_the_credential_that_worked_and_silence_is_confirmed(
    make_instruments: MakeInstruments, printout: Printout, snmpd: Snmpd
) -> None:
    clock, book = FakeClock(), TargetBook(None)
    text = "id: old\ntype: snmp_v2c\ncommunity: env:COMMUNITY\nport: {port}\n"
    instruments = make_instruments(environment={"COMMUNITY": COMMUNITY}, clock=clock)
    book.put(KnownTarget("test", "127.0.0.1", subject=Subject("ssh", "host"), snmp_ref="device", snmp_credential="old"))
    book.put(KnownTarget("test", "127.0.0.2", subject=Subject("snmp", "other"), snmp_credential="gone"))
    failures: list[str] = []
    good = job_of("[snmp]", text.format(port=snmpd.port), "127.0.0.0/24")
    assert await MetricsPoll(good, instruments, book, printout, on_failure=lambda _address, reason: failures.append(reason)).round() == 1
    table, block = printout.samples["snmp", "berlin"][0]
    assert {series.subject for series in table} >= {str(printout.states["snmp", "berlin"][0].subject)}
    assert len(block.values) == len(table)
    assert [(state.check, state.state) for state in printout.states["snmp", "berlin"]] == [("snmp", "up")]
    silent = MetricsPoll(
        job_of("[snmp]", text.format(port=free_udp_port()), "127.0.0.0/24"),
        instruments,
        book,
        printout,
        on_failure=lambda _a, reason: failures.append(reason),
    )
    for _ in range(2):
        assert await silent.round() == 0
        clock.advance(seconds=300)
    assert told(printout, clock, "snmp", "snmp")[1:] == [("device", "down", 0), ("device", "down", 300)]
    assert len(failures) == 2
