"""Which collector the commands talk to, and that a token reaches no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from muster.cli.profile import Profile, load_profile, parse_url
from muster.errors import AuthenticationError, ConfigurationError


def write_profile(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A working folder and a home, each with a profile of its own."""
    folder, home = tmp_path / "work", tmp_path / "home"
    write_profile(folder / "var/profile.toml", 'url = "http://127.0.0.1:8420"\ntoken = "local"\n')
    write_profile(home / ".config/muster/profile.toml", 'url = "https://muster.example.org"\ntoken = "mine"\nca_file = "/etc/ca.pem"\n')
    return folder, home


def test_profile_of_the_folder_goes_before_that_of_the_home(places: tuple[Path, Path], tmp_path: Path) -> None:
    folder, home = places
    assert load_profile(None, {}, folder=folder, home=home) == Profile("http://127.0.0.1:8420", "local")
    assert load_profile(None, {}, folder=tmp_path, home=home) == Profile("https://muster.example.org", "mine", "/etc/ca.pem")


def test_flag_goes_before_the_environment_before_a_profile(places: tuple[Path, Path]) -> None:
    folder, home = places
    environment = {"MUSTER_URL": "https://a.example.org:1", "MUSTER_TOKEN": "given"}
    assert load_profile(None, environment, folder=folder, home=home).url == "https://a.example.org:1"
    assert load_profile("https://b.example.org", environment, folder=folder, home=home) == Profile("https://b.example.org", "given")


def test_token_of_a_profile_is_sent_to_its_own_address_only(places: tuple[Path, Path]) -> None:
    folder, home = places
    with pytest.raises(AuthenticationError, match=r"no token for https://other\.example\.org: set MUSTER_TOKEN"):
        load_profile("https://other.example.org", {}, folder=folder, home=home)
    assert load_profile("http://127.0.0.1:8420/", {}, folder=folder, home=home).token == "local"


def test_profile_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    write_profile(tmp_path / "var/profile.toml", 'url = "http://127.0.0.1:1"\ntoken = "t"\n', 0o644)
    with pytest.raises(ConfigurationError, match=r"can be read by others; run: chmod 600 .*profile\.toml"):
        load_profile(None, {}, folder=tmp_path, home=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('url = "http://127.0.0.1:1"\ntokn = "secret-word"', "unknown key 'tokn'; did you mean 'token'?"),
        ("url = 1", "url is no text"),
        ("url = ", "not TOML"),
    ],
)
def test_fault_in_a_profile_names_the_file_and_never_a_value(text: str, message: str, tmp_path: Path) -> None:
    write_profile(tmp_path / "var/profile.toml", text)
    with pytest.raises(ConfigurationError) as caught:
        load_profile(None, {}, folder=tmp_path, home=tmp_path)
    assert "profile.toml: " in str(caught.value)
    assert message in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_no_collector_named_says_every_way_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"give --url, or set MUSTER_URL, or write .*profile\.toml .*`muster up`"):
        load_profile(None, {}, folder=tmp_path, home=tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"), [("http://localhost:8420/", "http://localhost:8420"), ("https://[::1]:8", "https://[::1]:8"), (" https://a ", "https://a")]
)
def test_address_is_scheme_host_and_port(text: str, expected: str) -> None:
    assert parse_url(text) == expected


@pytest.mark.parametrize(
    "text", ["muster.example.org", "ftp://a", "https://user:word@a", "https://a/path", "https://a?x=1", "https://a:port", "https://"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address of a collector"):
        parse_url(text)


def test_plain_http_is_for_loopback_alone() -> None:
    with pytest.raises(ConfigurationError, match="would send the token readable over the network; use https"):
        parse_url("http://10.0.0.1:8420")


def test_token_is_not_shown_with_the_profile() -> None:
    assert "secret" not in repr(Profile("https://a", "secret"))
