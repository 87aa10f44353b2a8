"""One kept HTTP connection to a collector: synchronous, standard library only, TLS that trusts one authority where asked.

Not for servers, and not for anything but the collector's API. `muster/wire/sender.py` and `enrolment.py` stand on it. TLS is loaded
when an https collector is first reached, so that an agent beside its collector does without.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from muster.errors import ConfigurationError, UnavailableError, quote
from muster.wire.http_message import AnswerReader, ClosedError, HttpAnswer, MessageError, render_request

if TYPE_CHECKING:
    import ssl

TIMEOUT_SECONDS = 10.0
_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?(/[!-~]*)?\Z")
_LOOPBACK = re.compile(r"127(?:\.[0-9]{1,3}){3}\Z")


class Destination(NamedTuple):
    """Where a collector listens: `https://host:port`, or `http://` on loopback; `ca_file` (PEM) alone is trusted where it is given."""

    url: str
    ca_file: str = ""


class Connection:
    """A connection that is made on the first request and again whenever the peer has closed it."""

    def __init__(self, destination: Destination, *, tls: ssl.SSLContext | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Check the URL; nothing is opened yet. `tls` replaces what `ca_file` says. Raises ConfigurationError."""
        self._host, self._port, self._path, self._is_tls = parse_url(destination.url)
        self._ca_file = destination.ca_file
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None
        self._reader: AnswerReader | None = None

    def request(self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """One exchange. Raises UnavailableError where no whole answer came, ConfigurationError where a header or file is unusable."""
        shown = f"[{self._host}]" if ":" in self._host else self._host
        message = render_request(method, self._path + path, f"{shown}:{self._port}", body=body, headers=headers or {})
        was_kept = self._socket is not None
        try:
            return self._exchange(message)
        except (OSError, MessageError) as error:
            self.close()
            # The peer may close a kept connection at any time; reports and GETs may be repeated, so once more at once.
            if not (was_kept and isinstance(error, ClosedError | BrokenPipeError | ConnectionResetError)):
                raise self._unavailable(error) from error
        try:
            return self._exchange(message)
        except (OSError, MessageError) as error:
            self.close()
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = self._reader = None

    def _exchange(self, message: bytes) -> HttpAnswer:
        if self._socket is None:
            self._socket = self._open()
            self._reader = AnswerReader(self._socket)
        assert self._reader is not None
        self._socket.settimeout(self._timeout_seconds)
        self._socket.sendall(message)
        answer, is_kept = self._reader.read(self._timeout_seconds)
        if not is_kept:
            self.close()
        return answer

    def _open(self) -> socket.socket:
        if self._is_tls and self._tls is None:
            self._tls = _trust(self._ca_file)
        plain = socket.create_connection((self._host, self._port), timeout=self._timeout_seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._tls.wrap_socket(plain, server_hostname=self._host) if self._is_tls and self._tls is not None else plain
        except BaseException:
            plain.close()
            raise

    def _unavailable(self, error: Exception) -> UnavailableError:
        text = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
        return UnavailableError(f"collector {self._host}:{self._port} did not answer: {text}")


def parse_url(url: str) -> tuple[str, int, str, bool]:
    """Host, port, path without its last slash, and whether it is TLS. Raises ConfigurationError where a token must not travel so."""
    match = _URL.match(url)
    port = int(match.group(3) or 0) if match else 0
    if match is None or "?" in url or "#" in url or port > 65_535:
        raise ConfigurationError(f"{quote(url)} is no address of a collector; write for example https://muster.example.org:8420")
    host, is_tls = match.group(2).strip("[]").lower(), match.group(1) == "https"
    # 127.example.org is a name like any other.
    if not is_tls and not (host in ("localhost", "::1") or _LOOPBACK.match(host)):
        raise ConfigurationError(f"{quote(url)} would send the token in plain text; use https:// (http:// is for this machine alone)")
    return host, port or (443 if is_tls else 80), (match.group(4) or "").rstrip("/"), is_tls


def _trust(ca_file: str) -> ssl.SSLContext:
    import ssl

    if not ca_file:
        return ssl.create_default_context()
    # Not create_default_context: it would load the system's authorities first, a megabyte that a pinned source never uses.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"authority file {ca_file} cannot be used: {error.strerror or error}; it must hold a PEM certificate") from error
    return context
