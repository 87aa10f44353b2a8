"""A real snmpd of net-snmp on a free loopback port, without root, with a v2c community and a v3 user."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import missing
from tests.support.server import eventually

COMMUNITY, USER = "public", "musterv3"
AUTHENTICATION_SECRET, PRIVACY_SECRET = "authpass123", "privpass123"


@dataclass(frozen=True)
class Snmpd:
    """`port` answers v2c with COMMUNITY and v3 with USER (SHA-256, AES)."""

    port: int
    pid: int


@contextmanager
def running_snmpd(folder: Path, *, system_name: str = "", extra: str = "", port: int = 0) -> Iterator[Snmpd]:
    """snmpd with its files in `folder`; an empty `system_name` leaves the host's own, port 0 is a free one. Skips where it is not installed."""
    program = shutil.which("snmpd") or shutil.which("snmpd", path="/usr/sbin:/sbin")
    if program is None:
        missing("snmpd (apt: snmpd)")
        raise AssertionError
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_udp_port()
    name = f"sysName {system_name}\n" if system_name else ""
    (folder / "snmpd.conf").write_text(
        f"agentAddress udp:127.0.0.1:{port}\nrocommunity {COMMUNITY} 127.0.0.1\n"
        f'createUser {USER} SHA-256 "{AUTHENTICATION_SECRET}" AES "{PRIVACY_SECRET}"\nrouser {USER} authpriv .1\n'
        f"{name}sysLocation rack 7\nsysContact ops@example.org\n{extra}",
        encoding="utf-8",
    )
    command = [program, "-f", "-C", "-c", str(folder / "snmpd.conf"), "-Lf", str(folder / "snmpd.log")]
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state"), "MIBS": ""}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:

            def is_ready() -> bool:
                if process.poll() is not None:
                    raise AssertionError(f"snmpd ended with {process.returncode}:\n{(folder / 'snmpd.log').read_text(errors='replace')}")
                return answers(port)

            eventually(is_ready, seconds=20, what="snmpd answering")
            yield Snmpd(port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def free_udp_port() -> int:
    """A UDP port on 127.0.0.1 that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# A GET of sysUpTime.0 in SNMPv2c with the community `public`, request id 1.
_PROBE = bytes.fromhex("302602010104067075626c6963a019020101020100020100300e300c06082b060102010103000500")


def answers(port: int) -> bool:
    """Whether an agent answers a GET within a tenth of a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.1)
        try:
            probe.connect(("127.0.0.1", port))
            probe.send(_PROBE)
            return bool(probe.recv(2048))
        except OSError:
            return False
