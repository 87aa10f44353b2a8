"""The real agent and the real collector: enrolment, a host in the CMDB, and a collector that was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.bootstrap import prepare
from tests.agent.hosts import FOLDER, copy_tree
from tests.conftest import ROOT
from tests.support.api_client import ApiClient
from tests.support.server import eventually, free_port
from tests.support.server import running as running_server

SECTIONS = ("account", "filesystem", "hardware", "host", "listening_service", "memory", "network", "package", "systemd_unit")


@contextmanager
def collecting(state: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "muster.cli.collector", "--listen", f"127.0.0.1:{port}", "--state-directory", str(state)]
    with running_server(command, ready_url=f"http://127.0.0.1:{port}/readyz", log=state / "collector.log") as process:
        yield process


@pytest.mark.timeout(180)
def test_a_host_is_enrolled_reported_and_survives_a_killed_collector(tmp_path: Path) -> None:
    state = tmp_path / "collector"
    state.mkdir()
    copy_tree(FOLDER / "debian12_bare_metal", tmp_path / "host")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    client = ApiClient(url, prepare(f"sqlite:///{state / 'muster.db'}", account_name="admin"))
    log = tmp_path / "agent.log"
    flags = ["--state-directory", str(tmp_path / "agent"), "--interval-seconds", "1", "--replay", str(tmp_path / "host")]
    with log.open("wb") as output, collecting(state, port) as collector:
        made = client.call("POST", "/v1/tokens", {"kind": "enrolment", "name": "test"})
        command = [sys.executable, "-m", "agent", "enrol", url, "--token", made.body["token"], "--name", "db-7.example.org"]
        subprocess.run([*command, "--state-directory", str(tmp_path / "agent")], cwd=ROOT, check=True, timeout=30)
        agent = subprocess.Popen([sys.executable, "-m", "agent", *flags], cwd=ROOT, stdout=output, stderr=output)
        try:
            servers = eventually(lambda: client.items("/v1/cis", query="class:server"), what=f"the server; agent says {log.read_text()}")
            assert [each["name"] for each in servers] == ["db-7"]
            sources = client.items("/v1/sources")
            assert [(each["source"]["kind"], each["source"]["name"], each["rejected_total"]) for each in sources] == [
                ("agent", "db-7.example.org", 0)
            ]
            assert {section["name"]: section["status"] for section in sources[0]["sections"]} == dict.fromkeys(SECTIONS, "ok")
            collector.send_signal(signal.SIGKILL)
            collector.wait(timeout=10)
            spool = tmp_path / "agent" / "spool"
            passwd = tmp_path / "host/root/etc/passwd"
            passwd.write_text(passwd.read_text() + "eve:x:1001:1001::/home/eve:/bin/sh\n")
            eventually(lambda: len(list(spool.glob("*.gz"))) >= 2, what="reports in the spool")
            with collecting(state, port):
                eventually(lambda: not list(spool.glob("*.gz")) or len(list(spool.glob("*.gz"))) < 2, what="an empty spool", seconds=30)
                eventually(lambda: client.items("/v1/cis", query="class:local_account eve"), what="the account made meanwhile")
                agent.terminate()
                assert agent.wait(timeout=10) == 0
        finally:
            if agent.poll() is None:
                agent.kill()
            agent.wait(timeout=10)
    assert "Traceback" not in log.read_text()
    assert '"level": "error"' not in log.read_text()
