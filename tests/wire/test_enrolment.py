"""Enrolment over real TLS: nothing secret goes to an authority that the fingerprint does not name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from muster.errors import AuthenticationError, ConfigurationError, UnavailableError
from muster.wire.enrolment import EnrolmentAnswer, EnrolmentRequest, enrol, parse_fingerprint, save_private
from muster.wire.token_file import load_token
from tests.support.authority import Authority, make_authority
from tests.support.collector_double import CollectorDouble, Scripted, problem, serving

REQUEST = EnrolmentRequest(kind="agent", name="web-1", zone="berlin")
TOKEN = "source-token-0123456789"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def double(authority: Authority) -> CollectorDouble:
    collector = CollectorDouble()
    collector.pages = {
        ("GET", "/v1/ca.pem"): Scripted(200, authority.pem.encode()),
        ("POST", "/v1/enrolments"): Scripted(201, msgspec.json.encode(EnrolmentAnswer(TOKEN))),
    }
    return collector


def test_the_enrolment_token_becomes_a_source_token(authority: Authority) -> None:
    with serving(double(authority), tls=authority.server_context) as collector:
        done = enrol(collector.url, "enrolment-token", REQUEST, fingerprint=authority.fingerprint)
    assert (done.token, done.authority_pem.strip(), done.state) == (TOKEN, authority.pem.strip(), "active")
    fetched, posted = collector.requests
    assert "authorization" not in fetched.headers
    assert posted.headers["authorization"] == "Bearer enrolment-token"
    assert msgspec.json.decode(posted.body) == {"kind": "agent", "name": "web-1", "zone": "berlin"}


def test_another_authority_gets_no_token(authority: Authority, tmp_path: Path) -> None:
    other = make_authority(tmp_path)
    with serving(double(authority), tls=authority.server_context) as collector:
        with pytest.raises(AuthenticationError, match="another authority"):
            enrol(collector.url, "enrolment-token", REQUEST, fingerprint=other.fingerprint)
        assert [request.path for request in collector.requests] == ["/v1/ca.pem"]


def test_a_server_that_only_shows_the_right_authority_gets_no_token(authority: Authority, tmp_path: Path) -> None:
    """In the middle: it hands the true ca.pem on, but its own certificate comes from elsewhere."""
    other = make_authority(tmp_path)
    with serving(double(authority), tls=other.server_context) as collector:
        with pytest.raises(UnavailableError, match="certificate"):
            enrol(collector.url, "enrolment-token", REQUEST, fingerprint=authority.fingerprint)
        assert [request.path for request in collector.requests] == ["/v1/ca.pem"]


def test_a_refused_enrolment_token_is_told(authority: Authority) -> None:
    collector = double(authority)
    collector.pages["POST", "/v1/enrolments"] = problem(401, "unauthenticated", "this enrolment token is used up")
    with serving(collector), pytest.raises(AuthenticationError, match="used up"):
        enrol(collector.url, "enrolment-token", REQUEST)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": ""}', b"\xff"])
def test_a_page_that_is_no_enrolment_is_refused(authority: Authority, body: bytes) -> None:
    collector = double(authority)
    collector.pages["POST", "/v1/enrolments"] = Scripted(200, body)
    with serving(collector), pytest.raises(ValueError, match="no enrolment"):
        enrol(collector.url, "enrolment-token", REQUEST)


def test_fingerprints_are_taken_in_the_usual_forms() -> None:
    plain = "0123456789abcdef" * 4
    pairs = ":".join(plain[at : at + 2] for at in range(0, 64, 2))
    assert {parse_fingerprint(text) for text in (plain, f"sha256:{plain}", f"SHA256:{pairs.upper()}", pairs)} == {plain}
    for wrong in ("", "sha256:", "md5:" + plain[:32], plain[:-1], plain + "0"):
        with pytest.raises(ConfigurationError):
            parse_fingerprint(wrong)


def test_the_token_file_is_private_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "state" / "token"
    save_private(str(file), TOKEN + "\n")
    assert (load_token(str(file)), file.stat().st_mode & 0o777) == (TOKEN, 0o600)
    file.write_text("two words")
    for wrong in (file, tmp_path / "none"):
        with pytest.raises(ConfigurationError, match="enrol this source"):
            load_token(str(wrong))
