"""The client against a real HTTP server on loopback that answers as it is told: refusals, faults and pages."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from muster.cli.client import Client, part
from muster.cli.profile import Profile
from muster.errors import (
    AuthenticationError,
    AuthorisationError,
    ConfigurationError,
    ConflictError,
    InputError,
    MusterError,
    NotFoundError,
    UnavailableError,
)


class Server(ThreadingHTTPServer):
    """Answers `answer` = (status, content type, body, headers) and keeps what it received."""

    answer: tuple[int, str, bytes, dict[str, str]] = (200, "application/json", b"{}", {})
    received: list[tuple[str, str, dict[str, str], bytes]]


class Handler(BaseHTTPRequestHandler):
    def reply(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.received.append((self.command, self.path, dict(self.headers), body))
        status, content_type, content, headers = server.answer
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = reply  # noqa: N815  # the parent's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the parent's name
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        made.received = []
        thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server) -> Client:
    return Client(Profile(f"http://127.0.0.1:{server.server_port}", "secret-token"), timeout_seconds=5)


def test_read_sends_the_token_and_only_the_parameters_that_are_given(server: Server, client: Client) -> None:
    client.get(f"/v1/cis/{part('a/b ü')}", q="class:server", state=["open", "held"], cursor=None, all=True, empty="")
    method, path, headers, _ = server.received[0]
    assert (method, path) == ("GET", "/v1/cis/a%2Fb%20%C3%BC?q=class%3Aserver&state=open&state=held&all=true")
    assert headers["Authorization"] == "Bearer secret-token"


def test_write_sends_json_a_match_and_a_key_of_its_own(server: Server, client: Client) -> None:
    client.send("PATCH", "/v1/x", {"a": "ü"}, etag='"3"')
    client.send("POST", "/v1/y")
    (_, _, first, body), (_, _, second, nothing) = server.received
    assert (json.loads(body), first["If-Match"], first["Content-Type"], nothing) == ({"a": "ü"}, '"3"', "application/json", b"")
    assert first["Idempotency-Key"] != second["Idempotency-Key"]


def test_pages_are_followed_up_to_the_limit(server: Server, client: Client) -> None:
    server.answer = (200, "application/json", json.dumps({"items": [1, 2], "total": 9, "next_cursor": "c"}).encode(), {})
    assert [page["items"] for page in client.pages("/v1/cis", limit=4)] == [[1, 2], [1, 2]]
    assert [path for _, path, _, _ in server.received] == ["/v1/cis?limit=4", "/v1/cis?cursor=c&limit=2"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, AuthorisationError),
        (404, NotFoundError),
        (409, ConflictError),
        (412, ConflictError),
        (422, InputError),
        (503, UnavailableError),
    ],
)
def test_refusal_is_the_collector_s_own_words(server: Server, client: Client, status: int, kind: type[MusterError]) -> None:
    problem = {"title": "No", "status": status, "type": "urn:muster:problem:some", "detail": "this is why", "path": "$.a"}
    server.answer = (status, "application/problem+json", json.dumps(problem).encode(), {})
    with pytest.raises(kind) as caught:
        client.get("/v1/x")
    assert str(caught.value) == f"$.a: this is why (GET answered {status})"


def test_what_is_no_collector_is_said_so(server: Server, client: Client) -> None:
    server.answer = (404, "text/html", b"<html>", {})
    with pytest.raises(NotFoundError, match="answered 404 Not Found; is this a Muster collector"):
        client.get("/v1/x")
    server.answer = (200, "text/html", b"<html>", {})
    with pytest.raises(UnavailableError, match="did not answer with JSON; is this a Muster collector"):
        client.get("/v1/x")


def test_redirect_is_not_followed(server: Server, client: Client) -> None:
    server.answer = (302, "text/plain", b"", {"Location": f"http://127.0.0.1:{server.server_port}/elsewhere"})
    with pytest.raises(InputError, match="answered 302"):
        client.get("/v1/x")
    assert len(server.received) == 1


def test_token_with_a_line_break_is_refused_without_showing_it(server: Server) -> None:
    client = Client(Profile(f"http://127.0.0.1:{server.server_port}", "secret\ntoken"))
    with pytest.raises(ConfigurationError, match="copy it again") as caught:
        client.get("/v1/x")
    assert ("secret" in str(caught.value), server.received) == (False, [])


def test_nobody_listening_is_one_line_with_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = Client(Profile(f"http://127.0.0.1:{free.getsockname()[1]}", "secret-token"))
        with pytest.raises(UnavailableError) as caught:
            client.get("/v1/x")
    assert "does not answer (Connection refused); is the collector running there?" in str(caught.value)
    assert "secret-token" not in str(caught.value)


def test_silent_collector_is_given_up_in_time() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        client = Client(Profile(f"http://127.0.0.1:{deaf.getsockname()[1]}", "t"), timeout_seconds=0.2)
        with pytest.raises(UnavailableError, match="timed out"):
            client.get("/v1/x")
