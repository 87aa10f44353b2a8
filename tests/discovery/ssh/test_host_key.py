"""Known hosts as OpenSSH writes them; a changed key is refused, a new one trusted only where the job says so."""

from __future__ import annotations

import base64
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.ssh.host_key import HostKey, HostKeyError, HostKeyStore, parse_known_hosts
from muster.errors import ConfigurationError
from tests.support.sshd import make_key

OLD, NEW = HostKey("ssh-ed25519", b"old key"), HostKey("ssh-ed25519", b"new key")
ADDRESS = ["10.0.0.1"]


def line(hosts: str, key: HostKey) -> str:
    return f"{hosts} {key.type} {base64.b64encode(key.blob).decode()}\n"


def test_a_known_key_passes_and_a_changed_one_is_refused_with_both_fingerprints(tmp_path: Path) -> None:
    (tmp_path / "known").write_text(line("10.0.0.1", OLD), encoding="utf-8")
    store = HostKeyStore(tmp_path / "known")
    store.check(ADDRESS, OLD, trusts_on_first_use=False)
    with pytest.raises(HostKeyError) as caught:
        store.check(ADDRESS, NEW, trusts_on_first_use=True)
    assert caught.value.is_changed
    assert (caught.value.offered, caught.value.known) == (NEW.fingerprint, (OLD.fingerprint,))
    assert OLD.fingerprint in str(caught.value)
    assert NEW.fingerprint in str(caught.value)
    assert (tmp_path / "known").read_text(encoding="utf-8") == line("10.0.0.1", OLD)


def test_a_key_of_another_type_than_the_known_one_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "known").write_text(line("10.0.0.1", OLD), encoding="utf-8")
    assert HostKeyStore(tmp_path / "known").judge(ADDRESS, HostKey("ssh-rsa", b"other"))[0] == "changed"


def test_a_new_key_is_refused_unless_first_use_is_trusted_and_then_kept(tmp_path: Path) -> None:
    store = HostKeyStore(tmp_path / "state" / "known")
    with pytest.raises(HostKeyError, match="is not known") as caught:
        store.check(ADDRESS, OLD, trusts_on_first_use=False)
    assert not caught.value.is_changed
    store.check(ADDRESS, OLD, trusts_on_first_use=True)
    again = HostKeyStore(tmp_path / "state" / "known")
    again.check(ADDRESS, OLD, trusts_on_first_use=False)
    assert (tmp_path / "state" / "known").stat().st_mode & 0o777 == 0o600


def test_a_key_that_cannot_be_kept_is_not_trusted(tmp_path: Path) -> None:
    store = HostKeyStore(tmp_path / "missing" / "known")
    (tmp_path / "missing").write_text("a file where the folder belongs", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        store.check(ADDRESS, OLD, trusts_on_first_use=True)
    assert store.judge(ADDRESS, OLD)[0] == "new"


def test_a_line_that_is_taken_out_or_added_counts_without_a_restart(tmp_path: Path) -> None:
    (tmp_path / "known").write_text(line("10.0.0.1", OLD), encoding="utf-8")
    store = HostKeyStore(tmp_path / "known", [tmp_path / "others"])
    assert store.judge(ADDRESS, NEW)[0] == "changed"
    (tmp_path / "known").write_text("", encoding="utf-8")
    assert store.judge(ADDRESS, NEW)[0] == "new"
    (tmp_path / "others").write_text(line("10.0.0.1", NEW), encoding="utf-8")
    assert store.judge(ADDRESS, NEW)[0] == "known"


def test_a_revoked_key_is_never_trusted(tmp_path: Path) -> None:
    (tmp_path / "known").write_text("@revoked " + line("*", OLD) + line("10.0.0.1", OLD), encoding="utf-8")
    with pytest.raises(HostKeyError, match="revoked"):
        HostKeyStore(tmp_path / "known").check(ADDRESS, OLD, trusts_on_first_use=True)


def test_patterns_negations_ports_and_certificate_authorities_are_read_as_sshd_writes_them() -> None:
    text = (
        line("*.example.org,!bad.example.org", OLD)
        + line("[10.0.0.1]:2222", OLD)
        + "@cert-authority "
        + line("*", NEW)
        + "# comment\nbroken\na b !!!\n"
    )
    lines = parse_known_hosts(text)
    assert len(lines) == 2
    assert [lines[0].names(each) for each in ("web.example.org", "bad.example.org", "example.org")] == [True, False, False]
    assert [lines[1].names(each) for each in ("[10.0.0.1]:2222", "10.0.0.1")] == [True, False]


def test_hashed_lines_of_ssh_keygen_are_understood(tmp_path: Path) -> None:
    public = " ".join(make_key(tmp_path / "key").with_suffix(".pub").read_text(encoding="utf-8").split()[:2])
    file = tmp_path / "known"
    file.write_text(f"10.0.0.7 {public}\n", encoding="utf-8")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True, timeout=60)
    assert "10.0.0.7" not in file.read_text(encoding="utf-8")
    store = HostKeyStore(file)
    key = HostKey(public.split()[0], base64.b64decode(public.split()[1]))
    assert (store.judge(["10.0.0.7"], key)[0], store.judge(["10.0.0.8"], key)[0]) == ("known", "new")


@given(st.text())
def test_any_file_is_read_without_an_error(text: str) -> None:
    for each in parse_known_hosts(text):
        assert each.key.blob
        each.names("10.0.0.1")


def test_many_threads_may_learn_at_once(tmp_path: Path) -> None:
    store = HostKeyStore(tmp_path / "known")
    keys = {f"10.0.0.{number}": HostKey("ssh-ed25519", f"key {number}".encode()) for number in range(20)}
    threads = [threading.Thread(target=store.check, args=([host], key), kwargs={"trusts_on_first_use": True}) for host, key in keys.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = HostKeyStore(tmp_path / "known")
    assert {again.judge([host], key)[0] for host, key in keys.items()} == {"known"}
