"""Where deliveries may go."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from collector.incidents.delivery import send
from collector.incidents.egress_guard import EgressPolicy, EgressRefusedError, GuardedResolver, check_address, check_url
from muster.errors import UnavailableError
from muster.ports import OutgoingRequest
from tests.support.server import free_port

PUBLIC = EgressPolicy()
PRIVATE = EgressPolicy(allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "127.0.0.1",
        "::1",
        "fd12::1",
        "100.64.0.9",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "198.18.0.1",
    ],
)
def test_private_address_needs_the_operators_word(address: str) -> None:
    with pytest.raises(EgressRefusedError):
        check_address(address, PUBLIC, is_encrypted=True)
    check_address(address, PRIVATE, is_encrypted=False)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "224.0.0.1", "0.0.0.0", "::"],
)
def test_metadata_and_link_local_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    with pytest.raises(EgressRefusedError):
        check_address(address, EgressPolicy(allow_private=True, allow_loopback=True), is_encrypted=True)


def test_public_address_needs_encryption() -> None:
    check_address("8.8.8.8", PUBLIC, is_encrypted=True)
    with pytest.raises(EgressRefusedError, match="https"):
        check_address("8.8.8.8", PRIVATE, is_encrypted=False)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://x/", "https://", "https://user:word@desk.example.org/", "http://169.254.169.254/latest"]
)
def test_url_is_refused_before_anything_is_resolved(url: str) -> None:
    with pytest.raises(EgressRefusedError) as refused:
        check_url(url, PRIVATE)
    assert "word@" not in str(refused.value)


class Rebinding(AbstractResolver):
    """Answers with a public address first and an inner one second, as rebinding does."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0) for each in ("8.8.8.8", "10.0.0.1")]

    async def close(self) -> None:
        """Nothing to close."""


async def test_name_with_one_refused_address_is_refused() -> None:
    with pytest.raises(EgressRefusedError):
        await GuardedResolver(PUBLIC, Rebinding(), is_encrypted=True).resolve("desk.example.org", 443)


async def test_name_that_resolves_to_this_machine_is_refused_on_sending() -> None:
    request = OutgoingRequest(method="POST", url=f"http://localhost:{free_port()}/hook?token=hidden", headers={}, body=b"{}")
    with pytest.raises(EgressRefusedError):
        await send(request, PUBLIC)
    with pytest.raises(UnavailableError) as unreachable:
        await send(request, PRIVATE)
    assert "hidden" not in str(unreachable.value)
