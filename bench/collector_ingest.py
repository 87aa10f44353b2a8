"""Reports a second that the collector acknowledges as durable, beside Prometheus's remote-write receiver with the same samples.

Both are the real processes behind real HTTP on loopback, driven by the same client on kept connections with bodies made before. What
they do differs, and in whose favour: Muster authenticates each report, takes inventory digests and a state, reconciles, and flushes to
disk before it answers; Prometheus writes its log to the page cache. Its bodies are snappy of literals only, which is quicker to read.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from collector.store.engine import open_database
from collector.store.migrate import migrate_database
from collector.store.schema import chunk, report
from collector.store.token import create_token
from muster.wire.compression import compress
from muster.wire.digest import digest_table
from muster.wire.report import Item, Report, SampleBlock, Section, SeriesDefinition, Source, StateReport

ROOT = Path(__file__).resolve().parent.parent
SOURCES = 50
SERIES = 100
INSTANTS = 4
CONNECTIONS = 50
SECONDS = 12.0
MOST_REPORTS_OF_ONE = 150
STEP_MS = 5_000  # so that all of the run fits the hour that Prometheus keeps open


@dataclass(frozen=True)
class Outcome:
    """What one server did."""

    name: str
    requests: int
    seconds: float
    cpu_seconds: float
    latencies: list[float]

    @property
    def samples(self) -> int:
        return self.requests * SERIES * INSTANTS

    def row(self) -> str:
        p50, p99 = (statistics.quantiles(self.latencies, n=100)[at] * 1000 for at in (49, 98))
        return (
            f"| {self.name} | {self.requests / self.seconds:,.0f} | {self.samples / self.seconds:,.0f} | {p50:.1f} | {p99:.1f} "
            f"| {self.cpu_seconds:.1f} | {self.samples / self.cpu_seconds:,.0f} |"
        )


class Metrics:
    """The samples of one host, report by report: half of them counters, a quarter loads, a quarter that never change."""

    def __init__(self, number: int) -> None:
        self._chance = random.Random(number)
        self._number = number
        self._values = [float(self._chance.randrange(10**6)) for _ in range(SERIES)]
        self.table = [
            SeriesDefinition(f"node_metric_{at:03d}_total" if at < SERIES // 2 else f"node_metric_{at:03d}", {"device": f"d{at % 7}"})
            for at in range(SERIES)
        ]

    def next(self) -> list[list[float]]:
        """By series, then instant."""
        return [[self._advance(at) for _ in range(INSTANTS)] for at in range(SERIES)]

    def _advance(self, at: int) -> float:
        if at < SERIES // 2:
            self._values[at] += self._chance.randrange(3000)
        elif at < SERIES * 3 // 4:
            self._values[at] = round(abs(self._values[at] % 100 + self._chance.gauss(0, 0.3)), 2)
        return self._values[at]


def make_reports(number: int, start: int) -> Iterator[bytes]:
    """A host's reports as the agent sends them: gzip of MessagePack; the first one with inventory and series table."""
    metrics = Metrics(number)
    digest = digest_table(metrics.table)
    host = Item("host", "server", {"machine_id": f"{number:032x}"[::-1]}, {"os.kernel": "6.1.0"})
    for sequence in range(1, MOST_REPORTS_OF_ONE + 1):
        at = start + sequence * INSTANTS * STEP_MS
        times: list[int | str] = [at + place * STEP_MS for place in range(INSTANTS)]
        values: list[list[float | int | None]] = [list(column) for column in metrics.next()]
        section = Section(digest="host-1", complete=True, items=[host] if sequence == 1 else None)
        body = Report(
            source=Source("agent", f"host{number}", f"{number:032x}"),
            sequence=sequence,
            observed_at=at,
            sections={"host": section},
            tables={digest: metrics.table} if sequence == 1 else {},
            samples=[SampleBlock(digest, times, values)],
            states=[StateReport("host", "agent_heartbeat", "up", at)],
        )
        yield compress(msgspec.msgpack.encode(body), "gzip")


def make_writes(number: int, start: int) -> Iterator[bytes]:
    """The same samples as Prometheus remote write takes them (protocol 1.0: snappy block of a protobuf WriteRequest)."""
    metrics = Metrics(number)
    labels = [
        b"".join(
            field(1, field(1, name.encode()) + field(2, value.encode()))
            for name, value in sorted({"__name__": each.name, "instance": f"host{number}", **each.labels}.items())
        )
        for each in metrics.table
    ]
    for sequence in range(1, MOST_REPORTS_OF_ONE + 1):
        at = start + sequence * INSTANTS * STEP_MS
        times = [varint(at + place * STEP_MS) for place in range(INSTANTS)]
        body = b"".join(
            field(1, own + b"".join(field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + time) for value, time in zip(column, times, strict=True)))
            for own, column in zip(labels, metrics.next(), strict=True)
        )
        yield to_snappy(body)


def varint(value: int) -> bytes:
    """Base-128, the least significant first (protobuf and snappy)."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def to_snappy(body: bytes) -> bytes:
    """A snappy block of literals of at most 64 KiB, which the format permits."""
    parts = [varint(len(body))]
    for start in range(0, len(body), 65_536):
        literal = body[start : start + 65_536]
        parts.append(bytes((61 << 2,)) + struct.pack("<H", len(literal) - 1) + literal)
    return b"".join(parts)


def to_request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole HTTP/1.1 request."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers, "Content-Length": str(len(body))}.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def drive(port: int, queues: Sequence[list[bytes]], seconds: float) -> tuple[int, float, list[float]]:
    """Each connection sends its hosts' requests one after the other; requests answered, the time they took, and latencies."""
    latencies: list[float] = []
    deadline = time.perf_counter() + seconds

    async def send(requests: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests:
            began = time.perf_counter()
            if began > deadline:
                break
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lowered = head.lower()
            size = int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0]) if b"content-length:" in lowered else 0
            body = await reader.readexactly(size)
            if head[9:10] != b"2":
                raise RuntimeError(f"answered {head[:40]!r} {body[:300]!r}")
            latencies.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(send(queue) for queue in queues))
    return len(latencies), time.perf_counter() - began, latencies


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, ready: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_ready(process, port, ready, log)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def wait_ready(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    from urllib.error import URLError
    from urllib.request import urlopen

    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args} did not get ready:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, process: subprocess.Popen[bytes], port: int, queues: Sequence[list[bytes]]) -> Outcome:
    """First a request of each host, then the measured ones."""
    asyncio.run(drive(port, [queue[:1] for queue in queues], 30))
    before = cpu_seconds(process.pid)
    requests, seconds, latencies = asyncio.run(drive(port, [queue[1:] for queue in queues], SECONDS))
    return Outcome(name, requests, seconds, cpu_seconds(process.pid) - before, latencies)


def measure_muster(folder: Path, start: int) -> tuple[Outcome, str]:
    url = f"sqlite:///{folder}/store.db"
    database = open_database(url)
    migrate_database(database)
    with database.begin() as connection:
        tokens = [create_token(connection, start, kind="source", name=f"host{number}").secret for number in range(SOURCES)]
    queues = []
    for number, token in enumerate(tokens):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/vnd.muster.report+msgpack", "Content-Encoding": "gzip"}
        queues.append([to_request("/v1/reports", headers, body) for body in make_reports(number, start)])
    port = free_port()
    command = [
        sys.executable, "-P", "-m", "muster", "collector", "--listen", f"127.0.0.1:{port}", "--database", url,
        "--state-directory", str(folder / "state"),
        "--reports-per-second", "0",
    ]  # fmt: skip
    with running(command, port, "/readyz", folder / "collector.log") as process:
        outcome = measure("muster collector", process, port, queues)
    with database.connect() as connection:
        held = connection.execute(select(func.count()).select_from(report)).scalar_one()
        bytes_kept = connection.execute(select(func.sum(func.length(chunk.c.body)))).scalar_one()
    database.close()
    if held != outcome.requests + SOURCES:
        raise RuntimeError(f"{outcome.requests + SOURCES} reports were acknowledged and {held} are in the journal")
    return outcome, f"every acknowledged report is in the journal; samples as received take {bytes_kept / (held * SERIES * INSTANTS):.2f} bytes each"


def measure_prometheus(folder: Path, start: int) -> Outcome:
    (folder / "prometheus.yml").write_text("global: {}\n")
    headers = {
        "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0", "User-Agent": "bench",
    }  # fmt: skip
    queues = [[to_request("/api/v1/write", headers, body) for body in make_writes(number, start)] for number in range(SOURCES)]
    port = free_port()
    command = [
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", "--web.enable-remote-write-receiver",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    with running(command, port, "/-/ready", folder / "prometheus.log") as process:
        return measure("prometheus remote write", process, port, queues)


def main() -> int:
    start = time.time_ns() // 1_000_000 - (MOST_REPORTS_OF_ONE + 1) * INSTANTS * STEP_MS
    print(f"{SOURCES} hosts, {SERIES} series of {INSTANTS} instants a report, {CONNECTIONS} kept connections, at most {SECONDS:.0f} s each")
    outcomes: list[Outcome] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as name:
        folder = Path(name)
        muster, note = measure_muster(folder, start)
        outcomes.append(muster)
        notes.append(note)
        if shutil.which("prometheus") is None:
            notes.append("prometheus is not installed: no peer in this run")
        else:
            outcomes.append(measure_prometheus(folder, start))
    print("| | requests/s | samples/s | p50 ms | p99 ms | CPU s | samples per CPU second |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for each in outcomes:
        print(each.row())
    if len(outcomes) == 2:
        print(ratio_row(outcomes[0], outcomes[1], lambda each: each.samples / each.seconds, lambda each: each.samples / each.cpu_seconds))
    for text in notes:
        print(f"({text})")
    return 0


def ratio_row(own: Outcome, peer: Outcome, *figures: Callable[[Outcome], float]) -> str:
    rate, per_cpu = (figure(own) / figure(peer) for figure in figures)
    return f"| ratio | {rate:.3f} | {rate:.3f} | | | | {per_cpu:.3f} |"


if __name__ == "__main__":
    sys.exit(main())
