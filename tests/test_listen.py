"""Addresses to listen on, as people write them."""

from __future__ import annotations

import pytest

from muster.errors import ConfigurationError
from muster.listen import is_loopback, is_unspecified, parse_listen


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:8420", ("127.0.0.1", 8420)), ("[::1]:0", ("::1", 0)), ("localhost:65535", ("localhost", 65_535))],
)
def test_host_and_port_are_taken_apart(text: str, expected: tuple[str, int]) -> None:
    assert parse_listen(text, example="127.0.0.1:1") == expected


@pytest.mark.parametrize("text", ["", "8420", ":8420", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "h:²"])
def test_what_is_no_address_and_port_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no address and port; write for example 127\.0\.0\.1:1$"):
        parse_listen(text, example="127.0.0.1:1")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("db.example.org", False)],
)
def test_only_what_this_machine_alone_reaches_is_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", True), ("::", True), ("192.0.2.1", False), ("::1", False), ("db.example.org", False)])
def test_only_every_address_is_unspecified(host: str, *, expected: bool) -> None:
    assert is_unspecified(host) is expected
