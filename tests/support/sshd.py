"""A real OpenSSH server on a free loopback port, with throw-away keys, for one account: the one that runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import missing
from tests.support.server import eventually, free_port

CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
MaxStartups 100
LogLevel ERROR
Subsystem sftp internal-sftp
# The start files of the account that runs the tests are no part of them.
SetEnv HOME={folder}
"""


@dataclass(frozen=True)
class Sshd:
    """A running server: where it listens, who may sign in with which key, and its host key's public half."""

    port: int
    user: str
    private_key: str
    host_key_line: str
    folder: Path

    @property
    def known_hosts_line(self) -> str:
        """The server's line of a known_hosts file."""
        return f"[127.0.0.1]:{self.port} {self.host_key_line}\n"


def make_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A key pair made by ssh-keygen at `path` and `path`.pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)], check=True, timeout=60)
    return path


@contextmanager
def running_sshd(folder: Path, *, port: int | None = None) -> Iterator[Sshd]:
    """The server; skips with its reason where OpenSSH's server is missing. Stopped at the end."""
    binary = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
    if binary is None:
        missing("sshd (Debian package openssh-server)")
        raise AssertionError
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # the server's own chroot; without it root's sshd does not start
    port = free_port() if port is None else port
    make_key(folder / "host_key")
    make_key(folder / "user_key")
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    (folder / "sshd_config").write_text(CONFIGURATION.format(port=port, folder=folder), encoding="utf-8")
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen([binary, "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: _listens(process, port, folder / "sshd.log"), what="sshd listening")
        public = " ".join((folder / "host_key.pub").read_text(encoding="utf-8").split()[:2])
        yield Sshd(port, getpass.getuser(), (folder / "user_key").read_text(encoding="utf-8"), public, folder)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"sshd ended with {process.returncode}: {log.read_text(errors='replace')[-2000:]}")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
