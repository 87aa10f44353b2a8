"""Connections to a real sshd: keys, refusals, limits."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from discovery.credential import Login, parse_private_key
from discovery.ssh.connection import SshLimits, SshTarget, connect_ssh, fetch_host_key
from discovery.ssh.host_key import HostKeyError, HostKeyStore, parse_known_hosts
from muster.errors import AuthenticationError, ConfigurationError, UnavailableError
from tests.support.server import free_port
from tests.support.sshd import Sshd, make_key, running_sshd

LOOPBACK = SshTarget("127.0.0.1")


def test_a_command_gives_its_output_errors_and_status(sshd: Sshd, login: Login, host_keys: HostKeyStore) -> None:
    with connect_ssh(LOOPBACK, login, host_keys) as connection:
        good = connection.run(("printf", "%s", "grüezi"))
        bad = connection.run(("sh", "-c", "echo wrong >&2; exit 3"))
        missing = connection.run(("no-such-command",))
    assert (good.text, good.exit_status, good.reason) == ("grüezi", 0, "")
    assert (bad.output, bad.error_text, bad.exit_status) == (b"", "wrong", 3)
    assert missing.exit_status == 127
    assert connection.host_key == parse_known_hosts(sshd.known_hosts_line)[0].key.fingerprint == fetch_host_key("127.0.0.1", sshd.port)


@pytest.mark.parametrize("argument", ["$(id)", "`id`", "; id", "a b", "'", '"', "*", "\n", "|| id", "~"])
def test_an_argument_is_never_read_by_the_remote_shell(login: Login, host_keys: HostKeyStore, argument: str) -> None:
    with connect_ssh(LOOPBACK, login, host_keys) as connection:
        assert connection.run(("printf", "%s", argument)).text == argument


def test_a_changed_host_key_is_refused_before_any_credential_is_shown(sshd: Sshd, tmp_path: Path) -> None:
    """The credential is a wrong password: had it been shown, the refusal would be another one."""
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text(encoding="utf-8").split()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{sshd.port} {other[0]} {other[1]}\n", encoding="utf-8")
    store = HostKeyStore(tmp_path / "known")
    with (
        pytest.raises(HostKeyError, match="changed") as caught,
        connect_ssh(LOOPBACK, Login(sshd.user, password="secret words", port=sshd.port), store, trusts_on_first_use=True),
    ):
        pass
    assert caught.value.is_changed
    assert caught.value.offered == parse_known_hosts(sshd.known_hosts_line)[0].key.fingerprint
    assert "secret words" not in str(caught.value)


def test_an_unknown_host_key_is_refused_unless_first_use_is_trusted(sshd: Sshd, login: Login, tmp_path: Path) -> None:
    store = HostKeyStore(tmp_path / "known")
    with pytest.raises(HostKeyError, match="is not known"), connect_ssh(LOOPBACK, login, store):
        pass
    with connect_ssh(LOOPBACK, login, store, trusts_on_first_use=True) as connection:
        assert connection.run(("true",)).exit_status == 0
    with connect_ssh(LOOPBACK, login, HostKeyStore(tmp_path / "known")) as connection:
        assert connection.run(("true",)).exit_status == 0
    assert (tmp_path / "known").read_text(encoding="utf-8") == sshd.known_hosts_line


def test_a_key_that_the_server_does_not_know_is_refused_with_what_to_do(sshd: Sshd, host_keys: HostKeyStore, tmp_path: Path) -> None:
    key = parse_private_key(make_key(tmp_path / "wrong").read_text(encoding="utf-8"), None, where="test")
    with (
        pytest.raises(AuthenticationError, match=r"refuses user .*check the credential"),
        connect_ssh(LOOPBACK, Login(sshd.user, key, port=sshd.port), host_keys),
    ):
        pass


def test_a_password_where_only_keys_are_allowed_is_refused_without_showing_it(sshd: Sshd, host_keys: HostKeyStore) -> None:
    with (
        pytest.raises(AuthenticationError, match="publickey alone") as caught,
        connect_ssh(LOOPBACK, Login(sshd.user, password="secret words", port=sshd.port), host_keys),
    ):
        pass
    assert "secret words" not in str(caught.value)


def test_a_credential_without_key_and_password_is_a_configuration_error(sshd: Sshd, host_keys: HostKeyStore) -> None:
    with pytest.raises(ConfigurationError, match="neither key nor password"), connect_ssh(LOOPBACK, Login(sshd.user, port=sshd.port), host_keys):
        pass


def test_a_port_where_nobody_listens_is_unavailable(host_keys: HostKeyStore) -> None:
    with pytest.raises(UnavailableError, match="Connection refused"), connect_ssh(LOOPBACK, Login("x", password="y", port=free_port()), host_keys):
        pass


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0" * 70_000, b"SSH-2.0-x\r\n" + b"\xff" * 2000])
def test_a_server_that_speaks_something_else_is_unavailable(host_keys: HostKeyStore, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(greeting)

        thread = threading.Thread(target=answer)
        thread.start()
        login = Login("x", password="y", port=server.getsockname()[1])
        with pytest.raises(UnavailableError), connect_ssh(LOOPBACK, login, host_keys, limits=SshLimits(sign_in_seconds=2)):
            pass
        thread.join()


def test_output_over_the_limit_is_cut_and_said(login: Login, host_keys: HostKeyStore) -> None:
    with connect_ssh(LOOPBACK, login, host_keys, limits=SshLimits(command_bytes=10_000)) as connection:
        result = connection.run(("head", "-c", "5000000", "/dev/zero"))
        assert (len(result.output), result.exit_status, result.reason) == (10_000, None, "more than 10000 bytes of output")
        assert connection.run(("echo", "still here")).text == "still here\n"


def test_a_command_that_does_not_end_is_given_up(login: Login, host_keys: HostKeyStore) -> None:
    with connect_ssh(LOOPBACK, login, host_keys, limits=SshLimits(command_seconds=0.3)) as connection:
        result = connection.run(("sleep", "60"))
    assert (result.exit_status, result.reason) == (None, "not finished after 0 s")


def test_a_host_may_not_take_longer_than_its_whole_time(login: Login, host_keys: HostKeyStore) -> None:
    with connect_ssh(LOOPBACK, login, host_keys, limits=SshLimits(total_seconds=0.0)) as connection, pytest.raises(UnavailableError, match="in all"):
        connection.run(("true",))


def test_a_server_that_dies_in_the_middle_is_unavailable(tmp_path: Path) -> None:
    with running_sshd(tmp_path) as server:
        store = HostKeyStore(tmp_path / "known")
        login = Login(server.user, parse_private_key(server.private_key, None, where="test"), port=server.port)
        with connect_ssh(LOOPBACK, login, store, trusts_on_first_use=True) as connection:
            ended = connection.run(("sh", "-c", "kill -9 $PPID"))
            assert ended.exit_status is None or ended.reason
            with pytest.raises(UnavailableError, match="connection was lost"):
                connection.run(("true",))


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_keys_of_every_kind_are_read_with_their_passphrase(kind: str, tmp_path: Path) -> None:
    text = make_key(tmp_path / "key", kind=kind, passphrase="open sesame").read_text(encoding="utf-8")
    assert parse_private_key(text, "open sesame", where="credential 'x'").get_bits() > 0
    for passphrase in (None, "wrong"):
        with pytest.raises(ConfigurationError, match="credential 'x'"):
            parse_private_key(text, passphrase, where="credential 'x'")


def test_text_that_is_no_key_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_private_key("hunter2 is not a key", None, where="credential 'x'")
    assert "hunter2" not in str(caught.value)
