"""Devices per minute discovered from recordings, beside a net-snmp process per table and beside pysnmp, one after the other.

A responder process of its own serves clones of every recording over UDP on loopback. Muster's figure is the whole of it: system group,
profile, every table, facts, report sections and samples. net-snmp's `snmpbulkwalk` only fetches the same tables and prints them.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from discovery.snmp.credential import Community, User
from discovery.snmp.device import DeviceFacts, fetch_device, load_device_profiles, load_mibs, to_samples, to_sections
from discovery.snmp.pysnmp_exchange import PysnmpTransport
from discovery.snmp.session import ExchangeSession
from discovery.snmp.transport import SnmpTransport
from discovery.snmp.varbind import render_oid
from discovery.snmp.walk import WalkLimits, walk_columns
from tests.support import snmpd
from tests.support.snmp_responder import responder_process
from tests.support.snmpd import running_snmpd

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("MUSTER_RECORDINGS", ROOT.parent / "shared" / "snmp" / "recordings"))
CONCURRENT, PYSNMP_CONCURRENT = 64, 12
USER = User(snmpd.USER, snmpd.AUTHENTICATION_SECRET, snmpd.PRIVACY_SECRET)
MIB_2 = (1, 3, 6, 1, 2, 1)
# New devices are begun for so long, whole rounds of all recordings; those in flight are finished.
MUSTER_SECONDS, NET_SNMP_SECONDS, PYSNMP_SECONDS, V3_SECONDS = 6.0, 6.0, 2.0, 2.5


@dataclass(frozen=True)
class Run:
    """What one client did: CPU seconds are its own alone, without the responder's."""

    name: str
    devices: int
    varbinds: int
    seconds: float
    cpu_seconds: float
    faults: int

    @property
    def devices_per_minute(self) -> float:
        return self.devices / self.seconds * 60

    @property
    def varbinds_per_cpu_second(self) -> float:
        return self.varbinds / self.cpu_seconds


async def discover_all(
    communities: Iterator[str], port: int, make: Callable[[], SnmpTransport | PysnmpTransport], concurrent: int
) -> tuple[int, int, int]:
    """Devices, varbinds and faults of discovering every community, so many at once."""
    transport, profiles, mibs = make(), load_device_profiles(), load_mibs()
    found: list[tuple[int, int]] = []

    async def discover(community: str) -> DeviceFacts:
        exchange = await transport.open_exchange("127.0.0.1", Community(community), port=port, timeout_seconds=5.0)
        session = ExchangeSession(exchange)
        try:
            return await fetch_device(session, address="127.0.0.1", profiles=profiles, mibs=mibs)
        finally:
            await session.close()

    async def work() -> None:
        for community in communities:
            facts = await discover(community)
            to_sections(facts)
            to_samples(facts, at=0)
            found.append((facts.varbind_count, len(facts.faults)))

    try:
        await asyncio.gather(*(work() for _ in range(concurrent)))
    finally:
        await transport.close()
    return len(found), sum(count for count, _ in found), sum(faults for _, faults in found)


def run_muster(names: list[str], port: int) -> Run:
    """Clones of every recording over the product's transport."""
    return _run_client("Muster", _until(names, time.monotonic() + MUSTER_SECONDS), port, SnmpTransport, CONCURRENT)


def run_pysnmp(names: list[str], port: int) -> Run:
    """The same discovery over pysnmp."""
    return _run_client("the same over pysnmp", _until(names, time.monotonic() + PYSNMP_SECONDS), port, PysnmpTransport, PYSNMP_CONCURRENT)


def _run_client(name: str, communities: Iterator[str], port: int, make: Callable[[], SnmpTransport | PysnmpTransport], concurrent: int) -> Run:
    started, cpu = time.monotonic(), _cpu_seconds(resource.RUSAGE_SELF)
    devices, varbinds, faults = asyncio.run(discover_all(communities, port, make, concurrent))
    return Run(name, devices, varbinds, time.monotonic() - started, _cpu_seconds(resource.RUSAGE_SELF) - cpu, faults)


def run_net_snmp(names: list[str], port: int, program: str) -> Run:
    """`snmpbulkwalk` for each table that is asked of every device, as many processes at once as there are cores."""
    tables = ["1.3.6.1.2.1.1", *(render_oid(table.entry) for mib in load_mibs().values() if mib.is_standard for table in mib.tables.values())]
    environment = {**os.environ, "MIBS": ""}

    def walk(job: tuple[str, str]) -> int:
        community, table = job
        command = [program, "-v2c", "-c", community, "-Oqn", "-Cr25", f"127.0.0.1:{port}", table]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=30)
        return done.stdout.count(b"\n")

    started, cpu = time.monotonic(), _cpu_seconds(resource.RUSAGE_CHILDREN)
    devices = varbinds = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for community in _until(names, started + NET_SNMP_SECONDS):
            varbinds += sum(pool.map(walk, [(community, table) for table in tables]))
            devices += 1
    return Run("net-snmp, a process per table", devices, varbinds, time.monotonic() - started, _cpu_seconds(resource.RUSAGE_CHILDREN) - cpu, 0)


async def walk_agent(port: int, make: Callable[[], SnmpTransport | PysnmpTransport]) -> tuple[int, int, int]:
    """Walks of mib-2, varbinds and faults of one real snmpd by SNMPv3 authPriv, for V3_SECONDS."""
    transport = make()
    walks = varbinds = faults = 0
    try:
        exchange = await transport.open_exchange("127.0.0.1", USER, port=port)
        ends_at = time.monotonic() + V3_SECONDS
        while time.monotonic() < ends_at:
            walk = await walk_columns(exchange, [MIB_2], WalkLimits())
            walks, varbinds, faults = walks + 1, varbinds + len(walk.varbinds), faults + (not walk.is_complete)
        await exchange.close()
    finally:
        await transport.close()
    return walks, varbinds, faults


def run_v3(port: int, program: str) -> list[Run]:
    """Muster, pysnmp and a net-snmp process a walk, one after the other."""
    runs = []
    for name, make in (("Muster, v3 authPriv", SnmpTransport), ("pysnmp, v3 authPriv", PysnmpTransport)):
        started, cpu = time.monotonic(), _cpu_seconds(resource.RUSAGE_SELF)
        walks, varbinds, faults = asyncio.run(walk_agent(port, make))
        runs.append(Run(name, walks, varbinds, time.monotonic() - started, _cpu_seconds(resource.RUSAGE_SELF) - cpu, faults))
    secrets = ["-A", snmpd.AUTHENTICATION_SECRET, "-X", snmpd.PRIVACY_SECRET]
    command = [program, "-v3", "-l", "authPriv", "-u", snmpd.USER, "-a", "SHA-256", "-x", "AES", *secrets, "-Oqn", "-Cr25", f"127.0.0.1:{port}"]
    started, cpu = time.monotonic(), _cpu_seconds(resource.RUSAGE_CHILDREN)
    walks = varbinds = 0
    while time.monotonic() < started + V3_SECONDS:
        environment = {**os.environ, "MIBS": ""}
        done = subprocess.run([*command, render_oid(MIB_2)], env=environment, stdout=subprocess.PIPE, check=True, timeout=30)
        walks, varbinds = walks + 1, varbinds + done.stdout.count(b"\n")
    cpu_seconds = _cpu_seconds(resource.RUSAGE_CHILDREN) - cpu
    return [*runs, Run("net-snmp, v3 authPriv", walks, varbinds, time.monotonic() - started, cpu_seconds, 0)]


def _until(names: list[str], ends_at: float) -> Iterator[str]:
    """Whole rounds of clones, until the time is over."""
    for clone in itertools.count():
        for name in names:
            yield f"{name}@{clone}"
        if time.monotonic() >= ends_at:
            return


def _cpu_seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def print_runs(runs: list[Run], unit: str) -> None:
    """A table of clients, then the first beside each other."""
    print(f"{'client':32} {unit:>12} {'varbinds/s':>11} {'varbinds per CPU s':>19} {'CPU ms each':>12} {'partial':>8}")
    for run in runs:
        rate, cpu = run.varbinds / run.seconds, run.cpu_seconds / run.devices * 1000
        print(f"{run.name:32} {run.devices_per_minute:12,.0f} {rate:11,.0f} {run.varbinds_per_cpu_second:19,.0f} {cpu:12.1f} {run.faults:8}")
    for peer in runs[1:]:
        print(
            f"  {runs[0].name} / {peer.name}: {runs[0].devices_per_minute / peer.devices_per_minute:.1f} times {unit}, "
            f"{runs[0].varbinds_per_cpu_second / peer.varbinds_per_cpu_second:.1f} times the varbinds per CPU second"
        )


def main() -> int:
    """Print the table; 1 where Muster read less than it should."""
    names = sorted(file.name.removesuffix(".snmprec") for file in RECORDINGS.glob("*.snmprec"))
    if not names:
        print(f"left out: no recordings in {RECORDINGS} (set MUSTER_RECORDINGS)")
        return 0
    program = shutil.which("snmpbulkwalk")
    with responder_process(RECORDINGS) as port:
        runs = [run_muster(names, port), *([run_net_snmp(names, port, program)] if program else []), run_pysnmp(names, port)]
    at_once = f"Muster {CONCURRENT}, net-snmp {os.cpu_count()} processes, pysnmp {PYSNMP_CONCURRENT}"
    print(f"{len(names)} recorded devices in turn, loopback; at once: {at_once}")
    print_runs(runs, "devices/min")
    if program is not None and shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        with tempfile.TemporaryDirectory() as folder, running_snmpd(Path(folder)) as agent:
            print("walks of mib-2 of one real snmpd, one at a time")
            print_runs(run_v3(agent.port, program), "walks/min")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"partial: walks that did not end whole, of which Muster may have none; peak memory of this process {peak_mib:.0f} MiB")
    if program is None:
        print("net-snmp's rows and SNMPv3 are left out: snmpbulkwalk is missing (apt: snmp, snmpd)")
    return 1 if runs[0].faults else 0


if __name__ == "__main__":
    sys.exit(main())
