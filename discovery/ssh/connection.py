"""One SSH connection: host key first, then the credential, then commands, each within its time and output limits.

Blocking, to be used in a thread of a bounded pool. A command is a tuple of arguments that stands in the program; it is quoted
for the remote shell, and nothing that a device or a person supplies ever becomes part of it.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import paramiko

from discovery.credential import Login
from discovery.ssh.host_key import HostKey, HostKeyStore, host_name
from muster.clock import Clock, SystemClock
from muster.errors import AuthenticationError, ConfigurationError, UnavailableError
from muster.facts.ssh_host_key import fingerprint_key

_CHUNK_BYTES = 65_536
_ERROR_TEXT_BYTES = 4_096


class SshTarget(NamedTuple):
    """Where to connect: an IP address, and the name by which a person knows it (empty: none)."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SshLimits:
    """Bounds of one connection: times in seconds, output in bytes."""

    connect_seconds: float = 5.0
    sign_in_seconds: float = 15.0
    command_seconds: float = 30.0
    total_seconds: float = 180.0
    command_bytes: int = 16 * 1_048_576
    total_bytes: int = 64 * 1_048_576


class CommandResult(NamedTuple):
    """What a command printed. `exit_status` None: killed, timed out or cut; `reason` says why it is not to be trusted whole."""

    output: bytes
    error_text: str
    exit_status: int | None
    reason: str = ""

    @property
    def text(self) -> str:
        """The output as text; octets that are no UTF-8 become U+FFFD."""
        return self.output.decode("utf-8", "replace")


class SshConnection:
    """A signed-in connection; several threads may run commands at once. `host_key` is the fingerprint that was verified."""

    def __init__(self, transport: paramiko.Transport, limits: SshLimits, clock: Clock, host_key: str) -> None:
        self._transport, self._limits, self._clock = transport, limits, clock
        self._deadline = clock.monotonic_seconds() + limits.total_seconds
        self._bytes_left = limits.total_bytes
        self._lock = threading.Lock()
        self.host_key = host_key

    def run(self, arguments: Sequence[str]) -> CommandResult:
        """Run one command. Raises UnavailableError where the connection is lost or its whole time is used up."""
        now = self._clock.monotonic_seconds()
        deadline = min(now + self._limits.command_seconds, self._deadline)
        if deadline <= now:
            raise UnavailableError(f"the host took longer than {self._limits.total_seconds:.0f} s in all; nothing more is asked of it")
        try:
            channel = self._transport.open_session(timeout=deadline - now)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise UnavailableError(f"the SSH connection was lost: {_words(error)}") from None
        try:
            channel.settimeout(deadline - now)
            channel.exec_command(shlex.join(arguments))
            return self._collect(channel, deadline)
        except (paramiko.SSHException, EOFError) as error:
            raise UnavailableError(f"the SSH connection was lost: {_words(error)}") from None
        finally:
            channel.close()

    def _collect(self, channel: paramiko.Channel, deadline: float) -> CommandResult:
        limit = min(self._limits.command_bytes, self._bytes_left)
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                channel.settimeout(max(0.001, deadline - self._clock.monotonic_seconds()))
                part = channel.recv(min(_CHUNK_BYTES, limit - size + 1))
                if not part:
                    break
                parts.append(part)
                size += len(part)
                if size > limit:
                    self._count(size)
                    return CommandResult(b"".join(parts)[:limit], "", None, f"more than {limit} bytes of output")
            self._count(size)
            error_text = channel.recv_stderr(_ERROR_TEXT_BYTES) if channel.recv_stderr_ready() else b""
            if not channel.status_event.wait(max(0.001, deadline - self._clock.monotonic_seconds())):
                return CommandResult(b"".join(parts), "", None, "no exit status in time")
        except TimeoutError:
            return CommandResult(b"".join(parts), "", None, f"not finished after {self._limits.command_seconds:.0f} s")
        status = channel.recv_exit_status()
        text = error_text.decode("utf-8", "replace").strip()
        return CommandResult(b"".join(parts), text, status if status >= 0 else None, "" if status >= 0 else "killed by a signal")

    def _count(self, size: int) -> None:
        with self._lock:
            self._bytes_left = max(0, self._bytes_left - size)


class OpenTransports:
    """The connections that are open now, so that an ending process can cut them all off instead of waiting for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transports: set[paramiko.Transport] = set()
        self._is_closed = False

    def close_all(self) -> None:
        """Cut off what is open, and everything that opens later."""
        with self._lock:
            self._is_closed = True
            transports = list(self._transports)
        for transport in transports:
            transport.close()

    @contextlib.contextmanager
    def holding(self, transport: paramiko.Transport) -> Iterator[None]:
        """Keep a connection among the open ones. Raises UnavailableError where the process is ending."""
        with self._lock:
            if self._is_closed:
                raise UnavailableError("the process is ending")
            self._transports.add(transport)
        try:
            yield
        finally:
            with self._lock:
                self._transports.discard(transport)


@contextlib.contextmanager
def connect_ssh(
    target: SshTarget,
    login: Login,
    host_keys: HostKeyStore,
    *,
    trusts_on_first_use: bool = False,
    limits: SshLimits | None = None,
    clock: Clock | None = None,
    open_transports: OpenTransports | None = None,
) -> Iterator[SshConnection]:
    """A signed-in connection, closed at the end.

    Raises UnavailableError where no SSH server answers, HostKeyError (an AuthenticationError) where the host key is not the known one,
    AuthenticationError where the credential is refused.
    """
    limits = limits or SshLimits()
    hosts = [host_name(each, login.port) for each in (target.address, target.name) if each]
    transport = _open(target.address, login.port, limits)
    # paramiko waits without end for the answer to a request, so a server that stays silent is cut off from outside.
    guard = threading.Timer(limits.total_seconds + limits.sign_in_seconds, transport.close)
    guard.daemon = True
    guard.start()
    where = f"{target.address} port {login.port}"
    try:
        with (open_transports or OpenTransports()).holding(transport):
            key = _exchange_keys(transport, host_keys.types_for(hosts), limits, where)
            host_keys.check(hosts, key, trusts_on_first_use=trusts_on_first_use)
            _sign_in(transport, login, where)
            yield SshConnection(transport, limits, clock or SystemClock(), key.fingerprint)
    finally:
        guard.cancel()
        transport.close()


def fetch_host_key(address: str, port: int, limits: SshLimits | None = None) -> str:
    """The fingerprint of the host key that a server shows, without signing in. Raises UnavailableError."""
    limits = limits or SshLimits()
    transport = _open(address, port, limits)
    try:
        return fingerprint_key(_exchange_keys(transport, [], limits, f"{address} port {port}").blob)
    finally:
        transport.close()


def _open(address: str, port: int, limits: SshLimits) -> paramiko.Transport:
    try:
        connected = socket.create_connection((address, port), timeout=limits.connect_seconds)
    except TimeoutError:
        raise UnavailableError(f"{address} port {port} does not answer within {limits.connect_seconds:.0f} s") from None
    except OSError as error:
        raise UnavailableError(f"{address} port {port}: {error.strerror or error}") from None
    try:
        transport = paramiko.Transport(connected)
    except (paramiko.SSHException, OSError) as error:
        connected.close()
        raise UnavailableError(f"{address} port {port}: {_words(error)}") from None
    transport.banner_timeout = transport.auth_timeout = limits.sign_in_seconds
    return transport


def _exchange_keys(transport: paramiko.Transport, known_types: Sequence[str], limits: SshLimits, where: str) -> HostKey:
    """Agree on keys, asking first for a type of host key that is known of this host."""
    options = transport.get_security_options()
    wanted = [name for each in known_types for name in (("rsa-sha2-512", "rsa-sha2-256") if each == "ssh-rsa" else (each,))]
    preferred = [name for name in wanted if name in options.key_types]
    options.key_types = (*preferred, *(name for name in options.key_types if name not in preferred))
    try:
        transport.start_client(timeout=limits.sign_in_seconds)
        key = transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise UnavailableError(f"{where}: no SSH key exchange: {_words(error)}") from None
    return HostKey(key.get_name(), key.asbytes())


def _sign_in(transport: paramiko.Transport, login: Login, where: str) -> None:
    """Key first, then password. Raises AuthenticationError, ConfigurationError or UnavailableError; secrets never show."""
    refused = ""
    for secret in (login.key, login.password):
        if secret is None:
            continue
        try:
            if isinstance(secret, paramiko.PKey):
                transport.auth_publickey(login.user, secret)
            else:
                transport.auth_password(login.user, secret, fallback=False)
            if transport.is_authenticated():
                return
            refused = "the server wants a further factor"
        except paramiko.BadAuthenticationType as error:
            refused = f"the server allows {', '.join(error.allowed_types)} alone"
        except paramiko.AuthenticationException as error:
            # paramiko tells a server that never answers only by this text.
            if "timeout" in str(error).lower():
                raise UnavailableError(f"{where}: no answer to the sign-in in time") from None
            refused = "the server does not accept this key or password"
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise UnavailableError(f"{where}: the connection was lost at sign-in: {_words(error)}") from None
    if not refused:
        raise ConfigurationError(f"{where}: the credential of user {login.user!r} holds neither key nor password")
    raise AuthenticationError(f"{where} refuses user {login.user!r}: {refused}; check the credential and the account's authorized_keys")


def _words(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
