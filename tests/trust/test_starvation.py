"""A full disk or a dead database is answered 503 with Retry-After, shown by /readyz, and over as soon as its cause is."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector.store.engine import Database, open_database
from tests.conftest import ROOT, missing
from tests.support.api_client import Answered
from tests.support.postgresql_server import Cluster
from tests.support.server import eventually
from tests.trust.collector_process import CollectorProcess, now_ms, prepare_store, running_collector, send
from tests.trust.story import load_sequences

DISK_KIB = 6 * 1024
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


class Source:
    """Sends report after report; `accepted` are those that were acknowledged."""

    def __init__(self, collector: CollectorProcess, token: str) -> None:
        self._collector, self._token, self._start = collector, token, now_ms() - 86_400_000
        self.accepted: list[int] = []

    def send_next(self) -> Answered | None:
        sequence = len(self.accepted) + 1
        answer = send(self._collector.url, self._token, sequence, start=self._start)
        if answer is not None and answer.status == 200:
            self.accepted.append(sequence)
        return answer

    def is_accepted(self) -> bool:
        answer = self.send_next()
        return answer is not None and answer.status == 200

    def is_put_off(self) -> bool:
        """Whether the next report is answered as one to send again later; any other refusal is a failure."""
        answer = self.send_next()
        if answer is None or answer.status == 200:
            return False
        assert answer.status == 503, answer
        assert float(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        return True


def check_log(collector: CollectorProcess) -> None:
    words = collector.log.read_text(encoding="utf-8")
    assert "Traceback" not in words
    events = [json.loads(line)["event"] for line in words.splitlines()]
    assert {"store_write_failed", "duty_failed"} & set(events)
    assert {"store_write_recovered", "duty_recovered"} & set(events)


def test_a_full_disk_puts_reports_off_until_there_is_room(tmp_path: Path) -> None:
    token = prepare_store(f"sqlite:///{tmp_path}/seed.db")[0]
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = f'mount -t tmpfs -o size={DISK_KIB}k tmpfs {disk} && cp {tmp_path}/seed.db {disk}/store.db && exec "$@"'
    before = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*before[:4], "true"], check=False, capture_output=True).returncode != 0:
        missing("a mount namespace of one's own (unshare --user --mount)")
    with running_collector(tmp_path, f"sqlite:///{disk}/store.db", before=before) as collector:
        assert collector.process is not None
        inside = Path(f"/proc/{collector.process.pid}/root{disk}")
        source = Source(collector, token)
        assert source.is_accepted()
        fill(inside / "filler")
        eventually(lambda: source.is_put_off() and collector.readiness() == 503, what="reports being put off and /readyz red")
        (inside / "filler").unlink()
        eventually(source.is_accepted, what="reports being taken again")
        eventually(lambda: collector.readiness() == 200, what="/readyz turning green")
        command = ["nsenter", "--user", "--mount", "--target", str(collector.process.pid), sys.executable, "-P", "-m", "tests.trust.journal"]
        journal = subprocess.run([*command, collector.database], cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True, text=True, timeout=30)
        assert [int(each) for each in journal.stdout.split()] == source.accepted
        check_log(collector)


def fill(file: Path) -> None:
    """Take all the room that is left."""
    with file.open("wb", buffering=0) as output:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    output.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def held(url: str) -> list[int]:
    database: Database = open_database(url)
    sequences = load_sequences(database)
    database.close()
    return sequences


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster.make()
    if made is None:
        missing("PostgreSQL 15")
    assert made is not None
    return made


def test_a_dead_database_puts_reports_off_until_it_is_back(cluster: Cluster, tmp_path: Path) -> None:
    try:
        cluster.start()
        url = f"{cluster.url}/postgres"
        token = prepare_store(url)[0]
        with running_collector(tmp_path, url) as collector:
            source = Source(collector, token)
            assert source.is_accepted()
            cluster.stop()
            eventually(source.is_put_off, what="a report being put off")
            eventually(lambda: collector.readiness() == 503, what="/readyz turning red")
            cluster.start()
            eventually(source.is_accepted, what="reports being taken again")
            eventually(lambda: collector.readiness() == 200, what="/readyz turning green")
            assert held(url) == source.accepted
            eventually(lambda: "recovered" in collector.words(), what="the log telling of the end")
            check_log(collector)
    finally:
        cluster.remove()
