"""The agent and SSH discovery give equal items for one host: this machine, read by the agent and by the commands that SSH runs."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import msgspec
import pytest

from agent.host import Host
from agent.inventory_process import load_sections
from discovery.device import Part
from discovery.ssh.command import COMMANDS
from discovery.ssh.connection import CommandResult
from discovery.ssh.linux_part import HostReading, to_parts
from tests.conftest import missing

# Other tests start and end servers meanwhile: of these two sections what is there before and after counts.
MOVING = ("listening_service",)


def run(arguments: tuple[str, ...]) -> CommandResult:
    try:
        done = subprocess.run(arguments, capture_output=True, check=False, timeout=30, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        return CommandResult(b"", "command not found", 127, "")
    return CommandResult(done.stdout, done.stderr.decode(errors="replace"), done.returncode, "")


@pytest.fixture(scope="module")
def listening() -> Iterator[str]:
    """The ref of a socket of this process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"sock:tcp:127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module")
def over_ssh(listening: str) -> dict[str, Part]:
    if os.geteuid() != 0:
        missing("root, which sees as much through commands as through files")
    return to_parts(HostReading({each.name: run(each.arguments) for each in COMMANDS}), "")


@pytest.mark.parametrize("name", sorted(load_sections()))
def test_a_section_is_equal(name: str, over_ssh: dict[str, Part], listening: str) -> None:
    host = Host()
    try:
        content = load_sections()[name].read(host)
    finally:
        host.close()
    ours = {item.ref: msgspec.to_builtins(item) for item in content.items}
    theirs = {item.ref: msgspec.to_builtins(item) for item in over_ssh[name].items}
    if name in MOVING:
        assert ours[listening] == theirs[listening]
        return
    assert ours == theirs
    assert content.is_complete == over_ssh[name].is_complete
