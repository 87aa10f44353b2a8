"""The resident agent beside prometheus-node-exporter and zabbix-agent2, all at once on this machine: memory, and processor per collection.

The agent runs whole: TLS with a pinned authority, spool with fdatasync, its own /metrics. A second stands between collections in
place of fifteen, so that a minute gives sixty; the exporter is scraped as often.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT
from tests.support.authority import make_authority
from tests.support.collector_double import CollectorDouble, serving
from tests.support.server import eventually, free_port

WARM_UP_SECONDS = 10
MEASURED_SECONDS = 45
GOAL_RSS_MIB, GOAL_PRIVATE_MIB, GOAL_MS = 20.0, 9.0, 1.5


class Row(NamedTuple):
    """One program: memory in MiB, processor milliseconds per collection (None: it collects nothing when idle), series."""

    name: str
    rss: float
    pss: float
    anonymous: float
    cpu_ms: float
    series: int | None


def read_memory(pids: list[int]) -> tuple[float, float, float]:
    """RSS, PSS and anonymous memory of processes together, in MiB."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    found = [
        sum(int(number) for text in texts for number in re.findall(rf"^{name}:\s+(\d+)", text, re.MULTILINE)) for name in ("Rss", "Pss", "Anonymous")
    ]
    return found[0] / 1024, found[1] / 1024, found[2] / 1024


def read_run_ms(pids: list[int]) -> float:
    """Processor time of processes in milliseconds, every thread (schedstat counts nanoseconds, stat only ticks)."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


@contextmanager
def started(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process, ended at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=15)


def scrape(url: str) -> str:
    """One scrape, uncompressed."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def count_series(text: str, prefix: str = "") -> int:
    """Lines that are samples."""
    return sum(1 for line in text.splitlines() if line.startswith(prefix) and not line.startswith("#"))


def start_agent(stack: ExitStack, folder: Path, collector: CollectorDouble, authority: Path) -> tuple[int, str]:
    """The resident agent's pid and the address of its /metrics."""
    state = folder / "state"
    state.mkdir()
    (state / "token").write_text(collector.token)
    port = free_port()
    flags = ["--state-directory", str(state), "--ca-file", str(authority), "--listen", f"127.0.0.1:{port}", "--interval-seconds", "1"]
    process = stack.enter_context(started([sys.executable, "-m", "agent", "--url", collector.url, *flags], folder / "agent.log"))
    begun = time.monotonic()
    eventually(collector.taken, what="the first report")
    print(f"start to first report delivered: {time.monotonic() - begun:.2f} s (reading the settings, then exec)")
    return process.pid, f"http://127.0.0.1:{port}/metrics"


def start_exporter(stack: ExitStack, folder: Path) -> tuple[int, str] | None:
    program = shutil.which("prometheus-node-exporter")
    if program is None:
        return None
    port = free_port()
    process = stack.enter_context(started([program, f"--web.listen-address=127.0.0.1:{port}"], folder / "exporter.log"))
    url = f"http://127.0.0.1:{port}/metrics"

    def answers() -> bool:
        try:
            return bool(scrape(url))
        except OSError:
            return False

    eventually(answers, what="node_exporter")
    return process.pid, url


def _low_port() -> int:
    """A free port that zabbix-agent2 takes: at most 32767."""
    for port in range(30_100, 32_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise OSError("no port is free")


def start_zabbix(stack: ExitStack, folder: Path) -> int | None:
    program = shutil.which("zabbix_agent2", path="/usr/sbin:/usr/bin")
    if program is None:
        return None
    settings = folder / "zabbix.conf"
    settings.write_text(
        f"Server=127.0.0.1\nListenIP=127.0.0.1\nListenPort={_low_port()}\nLogType=console\nHostname=bench\n"
        f"ControlSocket={folder}/zabbix.sock\nPluginSocket={folder}/plugin.sock\nPidFile={folder}/zabbix.pid\n"
    )
    return stack.enter_context(started([program, "-f", "-c", str(settings)], folder / "zabbix.log")).pid


def measure(programs: dict[str, tuple[int, int | None]], each_second: Callable[[], object]) -> list[Row]:
    """Rows of programs (pid, series), all measured over the same seconds; `each_second` does what a peer does as often."""

    def pass_seconds(seconds: int) -> None:
        begun = time.monotonic()
        for number in range(seconds):
            each_second()
            time.sleep(max(0.0, begun + number + 1 - time.monotonic()))

    pass_seconds(WARM_UP_SECONDS)
    before = {name: read_run_ms([pid]) for name, (pid, _) in programs.items()}
    pass_seconds(MEASURED_SECONDS)
    return [
        Row(name, *read_memory([pid]), (read_run_ms([pid]) - before[name]) / MEASURED_SECONDS, series) for name, (pid, series) in programs.items()
    ]


def print_rows(rows: list[Row]) -> None:
    ours = rows[0]
    print(f"{'':28}{'RSS MiB':>9}{'PSS':>7}{'private':>9}{'CPU ms':>9}{'series':>8}{'RSS ratio':>11}{'CPU ratio':>11}")
    for row in rows:
        series = "" if row.series is None else str(row.series)
        print(
            f"{row.name:28}{row.rss:9.1f}{row.pss:7.1f}{row.anonymous:9.1f}{row.cpu_ms:9.2f}{series:>8}"
            f"{row.rss / ours.rss:11.2f}{row.cpu_ms / ours.cpu_ms:11.2f}"
        )
    print(f"goals: RSS <= {GOAL_RSS_MIB:.0f} MiB, private <= {GOAL_PRIVATE_MIB:.0f} MiB, CPU <= {GOAL_MS} ms a collection with encode, spool and TLS")
    met = {
        "RSS": ours.rss <= GOAL_RSS_MIB,
        "private": ours.anonymous <= GOAL_PRIVATE_MIB,
        "CPU": ours.cpu_ms <= GOAL_MS,
    }
    print("met: " + ", ".join(f"{name} {'yes' if is_met else 'NO'}" for name, is_met in met.items()))


def print_wire(collector: CollectorDouble) -> None:
    sizes = [len(request.body) for request in collector.requests if request.path == "/v1/reports"]
    steady = sorted(sizes)[: len(sizes) // 2]
    series = len(collector.taken()[-1].samples[0].values)
    print(f"wire: {series} series in {sum(steady) / len(steady):.0f} bytes a report (gzip), four a minute: {4 * sum(steady) / len(steady):.0f} bytes")


def print_inventory() -> None:
    """The child alone: a whole inventory, and one of which every digest is known."""
    for name, known in (("whole inventory", False), ("unchanged inventory", True)):
        script = (
            "import json, resource, sys\n"
            "from agent.inventory_process import read_inventory\n"
            "from agent.recording import open_host\n"
            "before = resource.getrusage(resource.RUSAGE_SELF)\n"
            "host = open_host()\n"
            f"known = {{h['name']: h['digest'] for h in read_inventory(host, (), {{}})[0]}} if {known} else {{}}\n"
            "start = resource.getrusage(resource.RUSAGE_SELF)\n"
            "children = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
            "read_inventory(host, (), known)\n"
            "end = resource.getrusage(resource.RUSAGE_SELF)\n"
            "ended = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
            "own = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime\n"
            "others = ended.ru_utime + ended.ru_stime - children.ru_utime - children.ru_stime\n"
            # Not ru_maxrss, which begins with that of the process that started this one.
            "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
            "print(f'{own:.3f} {others:.3f} {start.ru_utime + start.ru_stime:.3f} {int(peak) / 1024:.1f}')\n"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        own, others, start, peak = done.stdout.split()
        beside = "" if known else f"; starting Python and its modules {start} s"
        print(f"{name}: {own} s CPU in the child, {others} s in the commands that it runs, peak {peak} MiB{beside}")


def main() -> int:
    """Print the table; 0 also where a peer is missing, which is told."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        authority = make_authority(folder / "authority")
        collector = stack.enter_context(serving(tls=authority.server_context))
        pid, url = start_agent(stack, folder, collector, authority.file)
        programs: dict[str, tuple[int, int | None]] = {"muster agent": (pid, count_series(scrape(url), "node_"))}
        exporter = start_exporter(stack, folder)
        if exporter is None:
            print("prometheus-node-exporter is missing (Debian package of that name)")
        else:
            programs["prometheus-node-exporter"] = (exporter[0], count_series(scrape(exporter[1]), "node_"))
        zabbix = start_zabbix(stack, folder)
        if zabbix is None:
            print("zabbix_agent2 is missing (Debian package zabbix-agent2)")
        else:
            programs["zabbix-agent2 (idle)"] = (zabbix, None)
        rows = measure(programs, lambda: scrape(exporter[1]) if exporter else None)
        print_rows(rows)
        print_wire(collector)
    print_inventory()
    return 0
