"""The agent's own /metrics over HTTP/1.1, in the agent's loop: small, bounded, one answer a connection.

Not a web server: GET and HEAD of /metrics and / alone. `http.server` would need a thread and cost a megabyte.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from agent.exposition import CONTENT_TYPE
from agent.loop import WRITABLE, Loop
from muster.errors import UnavailableError
from muster.listen import parse_listen

LISTEN_EXAMPLE = "127.0.0.1:9100"
REQUEST_LIMIT_BYTES = 8192
CONNECTION_LIMIT = 16
DEADLINE_SECONDS = 10.0
_INDEX = "Muster agent. Metrics are at /metrics.\n"
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 431: "Request Header Fields Too Large"}


class MetricsServer:
    """Listens on one address; `render` makes the text fresh at each request."""

    def __init__(self, loop: Loop, listen: str, render: Callable[[], str], *, now: Callable[[], float] = time.monotonic) -> None:
        """Begin to listen on `ADDRESS:PORT`. Raises ConfigurationError, UnavailableError."""
        host, port = parse_listen(listen, example=LISTEN_EXAMPLE)
        self._loop, self._render, self._now = loop, render, now
        self._clients: dict[int, tuple[socket.socket, bytearray, float]] = {}
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(CONNECTION_LIMIT)
        except OSError as error:
            raise UnavailableError(f"--listen {listen}: {error.strerror}; choose another address, or '' for none") from error
        self.port = int(self._socket.getsockname()[1])
        loop.watch(self._socket.fileno(), self._accept)

    def expire(self) -> None:
        """Close connections that are over their time; called now and then."""
        for descriptor, (_, _, deadline) in list(self._clients.items()):
            if self._now() > deadline:
                self._close(descriptor)

    def close(self) -> None:
        """Stop listening and close what is open."""
        for descriptor in list(self._clients):
            self._close(descriptor)
        self._loop.forget(self._socket.fileno())
        self._socket.close()

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError:
            return  # gone again, or no descriptor left: the next one tries anew
        if len(self._clients) >= CONNECTION_LIMIT:
            client.close()
            return
        client.setblocking(False)
        descriptor = client.fileno()
        self._clients[descriptor] = (client, bytearray(), self._now() + DEADLINE_SECONDS)
        self._loop.watch(descriptor, lambda: self._receive(descriptor))

    def _receive(self, descriptor: int) -> None:
        client, request, _ = self._clients[descriptor]
        try:
            part = client.recv(REQUEST_LIMIT_BYTES)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        request += part
        if not part:
            self._close(descriptor)
        elif b"\r\n\r\n" in request:
            self._answer(descriptor, self._respond(bytes(request)))
        elif len(request) > REQUEST_LIMIT_BYTES:
            self._answer(descriptor, render_response(431, ""))

    def _respond(self, request: bytes) -> bytes:
        words = request.partition(b"\r\n")[0].decode("ascii", "replace").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return render_response(400, "")
        method, path = words[0], words[1].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return render_response(405, "")
        body = self._render() if path == "/metrics" else _INDEX if path == "/" else None
        if body is None:
            return render_response(404, "")
        return render_response(200, body, has_body=method == "GET")

    def _answer(self, descriptor: int, response: bytes) -> None:
        """Send it; what the peer does not take at once goes when it is ready."""
        client, _, deadline = self._clients[descriptor]
        try:
            sent = client.send(response)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(descriptor)
            return
        if sent == len(response):
            self._close(descriptor)
            return
        rest = response[sent:]
        self._clients[descriptor] = (client, bytearray(), deadline)
        self._loop.forget(descriptor)
        self._loop.watch(descriptor, lambda: self._answer(descriptor, rest), events=WRITABLE)

    def _close(self, descriptor: int) -> None:
        client, _, _ = self._clients.pop(descriptor)
        self._loop.forget(descriptor)
        client.close()


def render_response(status: int, body: str, *, has_body: bool = True) -> bytes:
    """A whole HTTP answer that ends the connection."""
    content = body.encode("utf-8", "replace")
    kind = CONTENT_TYPE if status == 200 else "text/plain; charset=utf-8"
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return head.encode("ascii") + (content if has_body else b"")
