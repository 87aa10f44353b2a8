"""Commands, sockets and kept files of this machine."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host import Host
from agent.inventory._link import read_addresses, read_addresses_portably
from agent.netlink import decode_answer
from agent.system import run_command
from agent.watch import Watch, drain, group_listeners, open_change_socket
from muster.facts.listener import join_listeners, parse_proc_net
from tests.conftest import missing


@pytest.fixture
def host() -> Iterator[Host]:
    """This machine; its descriptors are given back."""
    found = Host()
    yield found
    found.close()


def test_a_command_gives_its_output_and_status() -> None:
    assert run_command(["printf", "%s|", "a b", "$HOME", ""]) == (0, "a b|$HOME||", "")
    assert run_command(["false"]) == (1, "", "")
    assert run_command(["muster-has-no-such-command"]) is None


def test_a_command_that_hangs_is_stopped() -> None:
    result = run_command(["sleep", "600"], timeout_seconds=0.1)
    assert result is not None
    assert (result.status, result.fault) == (-9, "sleep took too long and was stopped")


def test_a_command_that_floods_is_stopped() -> None:
    result = run_command(["yes"], output_limit=100_000)
    assert result is not None
    assert (result.fault, len(result.output)) == ("yes printed more than 100000 bytes and was stopped", 100_000)


def test_a_command_has_no_input_and_a_plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSTER_SECRET", "x")
    assert run_command(["cat"]) == (0, "", "")
    environment = run_command(["env"])
    assert environment is not None
    assert "MUSTER_SECRET" not in environment.output
    assert "LC_ALL=C\n" in environment.output


def test_commands_leave_no_descriptor_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        run_command(["true"])
        run_command(["muster-has-no-such-command"])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_netlink_and_proc_show_the_same_sockets(host: Host) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
    ):
        datagram.bind(("127.0.0.1", 0))
        entries = host.read_listeners()
        assert entries is not None
        own = {four.getsockname()[1], six.getsockname()[1]}
        found = {(each.protocol, each.packed, each.port, each.inode) for each in entries if each.port in own}
        proc = join_listeners(
            each for file in ("tcp", "tcp6") for each in parse_proc_net(host.read_text(f"/proc/net/{file}") or "", "tcp") if each.port in own
        )
        assert {
            (each.protocol, socket.inet_pton(socket.AF_INET6 if ":" in each.address else socket.AF_INET, each.address), each.port, each.inode)
            for each in proc
        } == found
        assert len(found) == 2
        assert any(each.protocol == "udp" and each.port == datagram.getsockname()[1] for each in entries)


def test_udp_ports_of_clients_are_no_listeners(host: Host) -> None:
    entries = host.read_listeners() or []
    assert all(not (protocol == "udp" and int(port) >= 32_768) for protocol, _, port in group_listeners(entries))


@pytest.mark.parametrize("data", [b"", b"\0" * 15, b"\0" * 64, b"\xff" * 200, bytes([20, 0, 0, 0, 3, 0]) + bytes(14)])
def test_a_malformed_netlink_answer_ends_and_raises_nothing(data: bytes) -> None:
    assert decode_answer(data, "tcp")[0] == []


def test_a_refused_netlink_request_is_an_error() -> None:
    refusal = bytes([36, 0, 0, 0, 2, 0, 0, 0]) + bytes(8) + (-1).to_bytes(4, "little", signed=True) + bytes(16)
    with pytest.raises(PermissionError):
        decode_answer(refusal, "tcp")


def test_psutil_and_ip_know_the_same_addresses() -> None:
    if shutil.which("ip") is None:
        missing("ip (Debian package iproute2)")
    addresses, reason = read_addresses(Host())
    assert (sorted(set(addresses)), reason) == (read_addresses_portably(), "")


def test_a_kept_file_is_read_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    file = tmp_path / "proc" / "figure"
    host = Host(str(tmp_path))
    assert host.read_kept("/proc/figure") is None
    file.write_bytes(b"1")
    assert host.read_kept("/proc/figure") == b"1"
    file.write_bytes(b"x" * 100_000)
    assert host.read_kept("/proc/figure") == b"x" * 100_000
    host.close()


def test_reads_are_bounded_and_never_raise(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 1000)
    (tmp_path / "odd").write_bytes(b"\xff")
    os.mkfifo(tmp_path / "pipe")
    host = Host(str(tmp_path))
    assert host.read_bytes("/big", limit=10) == b"x" * 10
    assert host.read_text("/odd") == "\ufffd"
    assert (host.read_text("/none"), host.names("/none"), host.read_link("/big"), host.stamp("/none")) == (None, [], "", None)
    assert host.read_bytes("/pipe") in (b"", None), "a pipe without a writer must not hang"
    assert host.match("/b?g") == ["/big"]


def test_a_changed_file_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "passwd"
    file.write_text("a")
    watch = Watch(Host(str(tmp_path)))
    watch.set_paths("account", ["/passwd", "/shadow"])
    assert watch.changed() == set()
    file.write_text("ab")
    assert watch.changed() == {"account"}
    watch.set_paths("account", ["/passwd", "/shadow"])
    assert watch.changed() == set()
    (tmp_path / "shadow").write_text("")
    assert watch.changed() == {"account"}


def test_a_change_socket_starts_quiet() -> None:
    channel = open_change_socket()
    if channel is None:
        missing("netlink for changes of addresses")
        return
    with channel:
        assert drain(channel) in (False, True)
        assert drain(channel) is False
