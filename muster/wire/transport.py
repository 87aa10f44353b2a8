"""One kept HTTP connection to a collector: synchronous, standard library only, TLS that trusts one authority where asked.

Not for servers, and not for anything but the collector's API. `muster/wire/sender.py` and `enrolment.py` stand on it.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from muster.errors import ConfigurationError, UnavailableError, quote

if TYPE_CHECKING:
    import ssl

MAXIMUM_ANSWER_BYTES = 1_048_576
TIMEOUT_SECONDS = 10.0
_LOOPBACK = ("localhost", "::1")


class Destination(NamedTuple):
    """Where a collector listens: `https://host:port`, or `http://` on loopback; `ca_file` (PEM) alone is trusted where it is given."""

    url: str
    ca_file: str = ""


class HttpAnswer(NamedTuple):
    """What a server answered; header names are lower case, the body is cut at `MAXIMUM_ANSWER_BYTES`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """A connection that is made on the first request and again whenever the peer has closed it."""

    def __init__(self, destination: Destination, *, tls: ssl.SSLContext | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Check the URL; nothing is opened yet. `tls` replaces what `ca_file` says. Raises ConfigurationError."""
        self._host, self._port, self._path, self._is_tls = parse_url(destination.url)
        self._ca_file = destination.ca_file
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._connection: http.client.HTTPConnection | None = None

    def request(self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """One exchange. Raises UnavailableError where no whole answer came, ConfigurationError where the authority file is unusable."""
        was_kept = self._connection is not None
        try:
            return self._exchange(method, path, body, headers or {})
        except (http.client.HTTPException, OSError) as error:
            self.close()
            # The peer may close a kept connection at any time; reports and GETs may be repeated, so once more at once.
            if not (was_kept and isinstance(error, http.client.RemoteDisconnected | ConnectionError)):
                raise self._unavailable(error) from error
        try:
            return self._exchange(method, path, body, headers or {})
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> HttpAnswer:
        if self._connection is None:
            self._connection = self._open()
        self._connection.request(method, self._path + path, body=body, headers=dict(headers))
        response = self._connection.getresponse()
        content = response.read(MAXIMUM_ANSWER_BYTES + 1)
        answer = HttpAnswer(response.status, {name.lower(): value for name, value in response.getheaders()}, content[:MAXIMUM_ANSWER_BYTES])
        if response.will_close or len(content) > MAXIMUM_ANSWER_BYTES or not response.isclosed():
            self.close()
        return answer

    def _open(self) -> http.client.HTTPConnection:
        if not self._is_tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_seconds)
        if self._tls is None:
            self._tls = _trust(self._ca_file)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_seconds, context=self._tls)

    def _unavailable(self, error: Exception) -> UnavailableError:
        text = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
        return UnavailableError(f"collector {self._host}:{self._port} did not answer: {text}")


def parse_url(url: str) -> tuple[str, int, str, bool]:
    """Host, port, path without its last slash, and whether it is TLS. Raises ConfigurationError where a token must not travel so."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(f"{quote(url)} is no address of a collector; write for example https://muster.example.org:8420") from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
        raise ConfigurationError(f"{quote(url)} is no address of a collector; write for example https://muster.example.org:8420")
    is_tls = parts.scheme == "https"
    if not is_tls and not (host in _LOOPBACK or host.startswith("127.")):
        raise ConfigurationError(f"{quote(url)} would send the token in plain text; use https:// (http:// is for this machine alone)")
    return host, port or (443 if is_tls else 80), parts.path.rstrip("/"), is_tls


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
