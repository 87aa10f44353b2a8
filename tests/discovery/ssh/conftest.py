"""A real sshd for the tests of a module, and what signs in to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from discovery.credential import Login, parse_private_key
from discovery.ssh.host_key import HostKeyStore
from tests.support.sshd import Sshd, running_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def login(sshd: Sshd) -> Login:
    return Login(sshd.user, parse_private_key(sshd.private_key, None, where="test"), port=sshd.port)


@pytest.fixture
def host_keys(sshd: Sshd, tmp_path: Path) -> HostKeyStore:
    """A store that knows the server's key."""
    (tmp_path / "known_hosts").write_text(sshd.known_hosts_line, encoding="utf-8")
    return HostKeyStore(tmp_path / "known_hosts")
