"""What of this machine is no file: commands, file system sizes, the kernel's names, listening sockets.

`agent/host.py` joins it with the files; `agent/recording.py` replays it. Commands are fixed lists of the agent's own, bounded in
time and output: nothing that a collector sends is ever run.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.netlink import FAMILIES, PROTOCOLS, SOCK_DIAG, SocketEntry, decode_answer, encode_request

COMMAND_TIMEOUT_SECONDS = 15.0
COMMAND_OUTPUT_LIMIT = 16 * 1_048_576
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_READ_BYTES = 65_536
_SOCKET_KINDS = tuple((protocol, family) for protocol in PROTOCOLS for family in FAMILIES)


class CommandResult(NamedTuple):
    """What a command printed: `status` is its exit code (negative: the signal that ended it); `fault` says why it is no use, else empty."""

    status: int
    output: str
    fault: str = ""


class FilesystemSize(NamedTuple):
    """Of a mounted file system (statvfs(3)): bytes and inodes."""

    size_bytes: int
    free_bytes: int
    available_bytes: int
    inodes: int
    inodes_free: int


class KernelNames(NamedTuple):
    """uname(2); `domain` is the NIS domain."""

    system: str
    node: str
    release: str
    version: str
    machine: str
    domain: str = "(none)"


class LiveSystem:
    """This machine."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None

    def run(self, command: Sequence[str]) -> CommandResult | None:
        """What a command prints; None where there is no such program."""
        return run_command(command)

    def read_size(self, path: str) -> FilesystemSize | None:
        """Of the file system mounted at `path`; None where it cannot be asked."""
        try:
            found = os.statvfs(path)
        except OSError:
            return None
        unit = found.f_frsize
        return FilesystemSize(found.f_blocks * unit, found.f_bfree * unit, found.f_bavail * unit, found.f_files, found.f_ffree)

    def read_kernel_names(self) -> KernelNames:
        """The kernel's names for itself and this machine."""
        return KernelNames(*os.uname())

    def read_listeners(self) -> list[SocketEntry] | None:
        """Sockets that wait for others; None where the kernel does not tell by netlink."""
        found: list[SocketEntry] = []
        try:
            if self._channel is None:
                self._channel = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, SOCK_DIAG)
                self._channel.settimeout(1.0)
            for protocol, family in _SOCKET_KINDS:
                self._channel.sendto(encode_request(family, protocol), (0, 0))
                is_last = False
                while not is_last:
                    part, is_last = decode_answer(self._channel.recv(_READ_BYTES), protocol)
                    found.extend(part)
        except OSError:
            # An answer may be half read: the next time begins on a new socket.
            self.close()
            return None
        return found

    def close(self) -> None:
        """Give the socket back."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def run_command(
    command: Sequence[str], *, timeout_seconds: float = COMMAND_TIMEOUT_SECONDS, output_limit: int = COMMAND_OUTPUT_LIMIT
) -> CommandResult | None:
    """Run a program without shell, input or error output; killed with its group at the time or output limit. None: no such program.

    Not `subprocess`, whose import costs the resident agent a megabyte.
    """
    file = next((path for folder in SEARCH_PATH.split(":") if os.access(path := f"{folder}/{command[0]}", os.X_OK)), "")
    if not file:
        return None
    try:
        pid, reader = spawn(file, command, {"PATH": SEARCH_PATH, "LC_ALL": "C", "LANG": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""})
    except OSError as error:
        return CommandResult(127, "", f"{command[0]} cannot be started: {error.strerror}")
    output, fault = _gather(reader, time.monotonic() + timeout_seconds, output_limit)
    if fault:
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return CommandResult(code, output.decode("utf-8", "replace"), f"{command[0]} {fault}" if fault else "")


def spawn(file: str, command: Sequence[str], environment: Mapping[str, str], *, has_errors: bool = False) -> tuple[int, int]:
    """A program in a process group of its own, without input: its pid and the reading end of its output. Raises OSError."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writer, 1),
    ]
    if not has_errors:
        actions.append((os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0))
    try:
        pid = os.posix_spawn(file, list(command), environment, file_actions=actions, setpgroup=0)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return pid, reader


def _gather(reader: int, deadline: float, limit: int) -> tuple[bytes, str]:
    """Everything until the end, and why it was cut short."""
    output = bytearray()
    waiter = select.poll()
    waiter.register(reader, select.POLLIN)
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not waiter.poll(left * 1000):
                return bytes(output), "took too long and was stopped"
            part = os.read(reader, _READ_BYTES)
            if not part:
                return bytes(output), ""
            output += part
            if len(output) > limit:
                return bytes(output[:limit]), f"printed more than {limit} bytes and was stopped"
    finally:
        os.close(reader)
