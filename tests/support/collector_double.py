"""A small real HTTP(S) server that answers as a collector does (docs/reference/wire.md), or as a test scripts it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from muster.wire.codec import decode_report, encode
from muster.wire.problem import CONTENT_TYPE_PROBLEM, Problem, problem_type
from muster.wire.report import CONTENT_TYPE_JSON, Answer, ReceivedReport


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Scripted:
    """An answer that a test wants instead of the collector's own; status 0 closes the connection without an answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(status: int, code: str, detail: str, *, path: str = "", **headers: str) -> Scripted:
    """An RFC 9457 answer; `retry_after="7"` becomes the header Retry-After."""
    content = encode(Problem(title=code, status=status, type=problem_type(code), detail=detail, path=path), CONTENT_TYPE_JSON)
    return Scripted(status, content, {"Content-Type": CONTENT_TYPE_PROBLEM, **{name.replace("_", "-"): text for name, text in headers.items()}})


class CollectorDouble:
    """Takes reports, knows digests, wants what it lacks; `script` answers come first, one a request."""

    def __init__(self, token: str = "t" * 32) -> None:
        self.token = token
        self.url = ""
        self.requests: list[Request] = []
        self.reports: list[ReceivedReport] = []
        self.connections = 0
        self.script: list[Scripted] = []
        self.pages: dict[tuple[str, str], Scripted] = {}
        self.wishes: dict[str, bool] = {}
        self._known: set[str] = set()
        self.lock = threading.Lock()

    def answer(self, request: Request) -> Scripted:
        """What this collector says to a request."""
        with self.lock:
            self.requests.append(request)
            if self.script:
                return self.script.pop(0)
            page = self.pages.get((request.method, request.path))
            if page is not None:
                return page
            if request.path != "/v1/reports":
                return problem(404, "not-found", "no such page")
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return problem(401, "unauthenticated", "the token is not known")
            return self._accept(request)

    def sequences(self) -> list[int]:
        """Of the reports that were taken, in the order of arrival."""
        with self.lock:
            return [report.sequence for report in self.reports]

    def taken(self) -> list[ReceivedReport]:
        """The reports so far."""
        with self.lock:
            return list(self.reports)

    def forget_digests(self) -> None:
        """As after a restore from an old backup."""
        with self.lock:
            self._known.clear()

    def _accept(self, request: Request) -> Scripted:
        report = decode_report(request.body, request.headers["content-type"], request.headers.get("content-encoding", ""))
        self.reports.append(report)
        want: list[str] = []
        for section in report.sections.values():
            if section.digest and section.items is not None:
                self._known.add(section.digest)
            elif section.digest and section.digest not in self._known:
                want.append(section.digest)
        self._known.update(report.tables)
        want += [block.table for block in report.samples if block.table not in self._known]
        body = encode(Answer(accepted_sequence=report.sequence, want=want, settings=self.wishes), CONTENT_TYPE_JSON)
        return Scripted(200, body, {"Content-Type": CONTENT_TYPE_JSON})


@contextmanager
def serving(double: CollectorDouble | None = None, *, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[CollectorDouble]:
    """The double on a loopback port, until the end of the block."""
    collector = double or CollectorDouble()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def setup(self) -> None:
            super().setup()
            with collector.lock:
                collector.connections += 1

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = collector.answer(Request(self.command, self.path, headers, body))
            if answer.status == 0:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = respond  # noqa: N815  # http.server's own names
        do_POST = respond  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the inherited name
            """Tests look at `requests` instead."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up, or refuses the certificate, is what some tests are about."""

    server = Server(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    collector.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
