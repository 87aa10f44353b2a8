"""Requests and answers of the light HTTP client: every framing of RFC 9112, limits, and what is no HTTP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.errors import ConfigurationError
from muster.wire.http_message import MAXIMUM_ANSWER_BYTES, AnswerReader, ClosedError, MessageError, render_request


class Wire:
    """A peer that says what it was given, a few bytes at a time, and then hangs up; each piece takes a second."""

    def __init__(self, content: bytes, *, step: int = 7) -> None:
        self._parts = [content[at : at + step] for at in range(0, len(content), step)]
        self.seconds = 0.0

    def recv(self, size: int, /) -> bytes:
        self.seconds += 1
        return self._parts.pop(0) if self._parts else b""

    def settimeout(self, seconds: float, /) -> None:
        assert seconds > 0


def read(content: bytes, *, step: int = 7, seconds: float = 1e9) -> tuple[tuple[int, bytes], bool]:
    wire = Wire(content, step=step)
    answer, is_kept = AnswerReader(wire, now=lambda: wire.seconds).read(seconds)
    return (answer.status, answer.body), is_kept


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ((200, b"ok"), True)),
        (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", ((200, b"ok"), True)),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", ((200, b"ok"), True)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", ((200, b"ok"), False)),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", ((200, b"ok"), True)),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", ((200, b"ok"), False)),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", ((200, b"until the end"), False)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", ((204, b""), True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n", ((200, b"abcde"), True)),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_every_framing_gives_the_same_answer(content: bytes, expected: tuple[tuple[int, bytes], bool], step: int) -> None:
    assert read(content, step=step) == expected


def test_two_answers_on_one_connection_do_not_mix() -> None:
    wire = Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 503 No\r\nContent-Length: 1\r\nRetry-After: 7\r\n\r\nb", step=1000)
    reader = AnswerReader(wire)
    first, second = reader.read(10)[0], reader.read(10)[0]
    assert (first.status, first.body, second.status, second.body, second.headers["retry-after"]) == (200, b"a", 503, b"b", "7")


@pytest.mark.parametrize(
    "content",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"A%d: b\r\n" % number for number in range(200)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
        b"HTTP/1.1 200",
    ],
)
def test_what_is_no_answer_is_refused(content: bytes) -> None:
    with pytest.raises(MessageError):
        read(content, step=1000)


def test_a_connection_that_closes_silently_may_be_tried_again() -> None:
    with pytest.raises(ClosedError):
        read(b"")


def test_a_body_over_the_limit_is_cut_and_the_connection_given_up() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAXIMUM_ANSWER_BYTES + 5)
    (status, body), is_kept = read(head + b"x" * (MAXIMUM_ANSWER_BYTES + 5), step=100_000)
    assert (status, len(body), is_kept) == (200, MAXIMUM_ANSWER_BYTES, False)
    chunk = b"%x\r\n" % MAXIMUM_ANSWER_BYTES + b"x" * MAXIMUM_ANSWER_BYTES + b"\r\n"
    (status, body), is_kept = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 2 + b"0\r\n\r\n", step=100_000)
    assert (len(body), is_kept) == (MAXIMUM_ANSWER_BYTES, False)


def test_a_peer_that_drips_is_given_up_in_time() -> None:
    with pytest.raises(TimeoutError):
        read(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 500, step=1, seconds=30)


@given(st.binary(max_size=300), st.booleans(), st.integers(1, 50))
def test_junk_ends_in_an_error_or_an_answer_and_in_nothing_else(content: bytes, has_head: bool, step: int) -> None:
    try:
        read((b"HTTP/1.1 200 OK\r\n" if has_head else b"") + content, step=step)
    except (MessageError, OSError):
        return


def test_a_request_is_whole_and_a_token_cannot_break_out_of_its_header() -> None:
    assert render_request("POST", "/v1/reports", "h:1", body=b"x", headers={"A": "b"}) == (
        b"POST /v1/reports HTTP/1.1\r\nHost: h:1\r\nA: b\r\nContent-Length: 1\r\n\r\nx"
    )
    for value in ("a\r\nX: y", "a\0", "é"):
        with pytest.raises(ConfigurationError, match="header Authorization"):
            render_request("GET", "/", "h", body=None, headers={"Authorization": value})
