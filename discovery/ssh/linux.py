"""A Linux host over SSH: the published commands, and what they print as items equal to those of the agent on that host.

What needs root and is not readable is left out, never guessed: then the serial number, the UUID, memory modules and the processes
of other users' sockets are missing. See docs/discovery.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from discovery.device import DiscoveredDevice, fit_device_ref, to_sections
from discovery.ssh.command import COMMANDS, Command
from discovery.ssh.connection import CommandResult
from discovery.ssh.linux_part import HostReading, to_parts
from muster.errors import UnavailableError
from muster.facts.link import Link
from muster.facts.link_kind import identifying_macs
from muster.wire.digest import digest_bytes

# At once on one connection; OpenSSH allows ten sessions (MaxSessions). Most of a command's time is the start of the remote shell.
CONCURRENT_COMMANDS = 4
_SUDO = ("sudo", "-n", "--")


class NotLinuxError(UnavailableError):
    """The host lets us in and answers the required commands with nothing."""


class Runner(Protocol):
    """What runs commands on the host: an SshConnection, or a recording."""

    @property
    def host_key(self) -> str:
        """The fingerprint of the verified host key."""

    def run(self, arguments: Sequence[str]) -> CommandResult:
        """Run one command. Raises UnavailableError."""


def fetch_linux(runner: Runner, *, has_sudo: bool = False, interval_seconds: int) -> DiscoveredDevice:
    """The host behind a connection, with all its sections.

    Raises UnavailableError where the connection is lost, NotLinuxError where the host answers the required commands with nothing.
    """
    results = fetch_results(runner, has_sudo=has_sudo)
    for command in COMMANDS:
        if command.is_required and not results[command.name].output.strip():
            raise NotLinuxError(f"`{' '.join(command.arguments)}` gave nothing ({_reason(results[command.name])}); is this a Linux host?")
    reading = HostReading(results)
    parts = to_parts(reading, runner.host_key)
    ref = derive_ref(reading.text("machine_id"), reading.links, runner.host_key)
    name = str(parts["host"].items[0].attributes.get("name", ref))
    return DiscoveredDevice("ssh", ref, name, to_sections(ref, parts, interval_seconds=interval_seconds))


def fetch_results(runner: Runner, *, has_sudo: bool) -> dict[str, CommandResult]:
    """What each published command printed. Where sudo refuses one, it is run without."""
    first = [command for command in COMMANDS if not command.instead_of]
    with ThreadPoolExecutor(CONCURRENT_COMMANDS, thread_name_prefix="ssh-command") as threads:
        found = threads.map(lambda command: _run(runner, command, has_sudo=has_sudo), first)
        results = dict(zip((command.name for command in first), found, strict=True))
    for command in COMMANDS:
        if command.instead_of and results[command.instead_of].exit_status != 0:
            results[command.name] = _run(runner, command, has_sudo=has_sudo)
    return results


def derive_ref(machine_id: str, links: Sequence[Link], host_key: str) -> str:
    """The native key of a host: its machine-id with the MAC address of its first own link, else either, else its host key.

    The machine-id alone is the same on two clones, which are two hosts; the address by which it was reached is never part of it.
    """
    machine = machine_id.strip().lower()
    own = sorted((link.number or 0, link.name, link.mac) for link in links if identifying_macs([(link.name, link.mac)]))
    parts = [machine, own[0][2] if own else ""]
    text = "+".join(part for part in parts if part)
    return fit_device_ref(f"ssh:machine:{text}" if text else f"ssh:host-key:{digest_bytes(host_key.encode())}")


def _run(runner: Runner, command: Command, *, has_sudo: bool) -> CommandResult:
    if not (has_sudo and command.needs_root):
        return runner.run(command.arguments)
    result = runner.run((*_SUDO, *command.arguments))
    is_refused = result.exit_status in (1, 127) and not result.output and ("sudo:" in result.error_text or result.exit_status == 127)
    return runner.run(command.arguments) if is_refused else result


def _reason(result: CommandResult) -> str:
    return result.reason or result.error_text.partition("\n")[0][:200] or f"exit status {result.exit_status}"
