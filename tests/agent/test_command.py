"""`python -m agent` as a person uses it: settings, errors, enrolment, one report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from agent.configuration import AgentSettings, load_settings
from agent.settings import DEFAULT_URL, Settings, parse_settings
from muster.config import list_settings
from muster.errors import ConfigurationError
from muster.wire.enrolment import EnrolmentAnswer
from muster.wire.report import Report
from tests.agent.hosts import FOLDER
from tests.conftest import ROOT
from tests.support.authority import make_authority
from tests.support.collector_double import CollectorDouble, Scripted, problem, serving

HOST = str(FOLDER / "debian12_bare_metal")


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent", *arguments]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_AGENT_")}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**plain, **(environment or {})}, timeout=60, check=False)


def test_the_report_is_shown_as_a_report_and_nothing_is_sent(tmp_path: Path) -> None:
    done = run("--replay", HOST, "--once", "--print", "--state-directory", str(tmp_path / "state"))
    assert (done.returncode, done.stderr) == (0, "")
    report = msgspec.json.decode(done.stdout, type=Report)
    assert report.source.name == "db-7.example.org"
    assert len(report.sections) == 9
    assert not (tmp_path / "state").exists()


def test_this_machine_is_shown_too() -> None:
    done = run("--once", "--print")
    assert (done.returncode, done.stderr) == (0, "")
    report = msgspec.json.decode(done.stdout, type=Report)
    assert {name: section.status for name, section in report.sections.items() if section.status == "failed"} == {}
    host = (report.sections["host"].items or [])[0]
    assert host.identifiers["hostname"] == os.uname().nodename.lower()


def test_one_report_is_sent_and_told(tmp_path: Path) -> None:
    with serving() as collector:
        (tmp_path / "token").write_text(collector.token)
        done = run(
            "--replay", HOST, "--once", "--url", collector.url, "--token-file", str(tmp_path / "token"), "--state-directory", str(tmp_path / "s")
        )
        assert (done.returncode, done.stdout.count("reported as db-7.example.org")) == (0, 1), done.stderr
        assert len(collector.taken()) == 1
        assert set(collector.taken()[0].sections) >= {"host", "package"}


def test_a_report_that_is_not_delivered_fails_in_one_line(tmp_path: Path) -> None:
    with serving() as collector:
        (tmp_path / "token").write_text("x" * 32)
        done = run(
            "--replay", HOST, "--once", "--url", collector.url, "--token-file", str(tmp_path / "token"), "--state-directory", str(tmp_path / "s")
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("muster agent: the collector refused the token (401)")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "file", "message"),
    [
        (["--intervall-seconds", "5"], {}, "", "unknown argument '--intervall-seconds'; did you mean '--interval-seconds'?"),
        ([], {"MUSTER_AGENT_ZON": "x"}, "", "unknown variable 'MUSTER_AGENT_ZON'; did you mean 'MUSTER_AGENT_ZONE'?"),
        ([], {}, "zone = 'x'\nlistn = 'y'\n", "agent.toml:2: unknown key 'listn'; did you mean 'listen'?"),
        ([], {}, "interval_seconds = 0\n", "agent.toml:1: interval_seconds:"),
        (["--listen", "9100"], {}, "", "listen '9100' is no address and port"),
        (["--url", "http://muster.example.org"], {}, "", "would send the token in plain text"),
        (["--log-level", "loud"], {}, "", "loud"),
        (["--root", "/nowhere", "--once", "--print"], {}, "", "--root /nowhere has no folder proc"),
        (["--replay", "/nowhere", "--once", "--print"], {}, "", "/nowhere holds no recorded host"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(tmp_path: Path, arguments: list[str], environment: dict[str, str], file: str, message: str) -> None:
    if file:
        (tmp_path / "agent.toml").write_text(file)
        arguments = ["--config", str(tmp_path / "agent.toml"), *arguments]
    done = run(*arguments, environment=environment)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_flags_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("zone = 'file'\nname = 'file'\nlisten = '127.0.0.1:1'\n")
    settings, _ = load_settings(
        ["--config", str(tmp_path / "agent.toml"), "--zone", "flag"], {"MUSTER_AGENT_ZONE": "environment", "MUSTER_AGENT_NAME": "environment"}
    )
    assert (settings.zone, settings.name, settings.listen, settings.url) == ("flag", "environment", "127.0.0.1:1", DEFAULT_URL)


def test_the_resident_process_gets_every_setting() -> None:
    assert {each.name for each in list_settings(AgentSettings)} | {"recording"} == set(Settings._fields)
    settings = Settings("https://a", "n", "z", "/t", "/c", "/s", spool_bytes=5)
    assert parse_settings(settings.to_text()) == settings


def test_enrolment_leaves_what_the_agent_needs_and_nothing_else(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "authority")
    collector = CollectorDouble()
    collector.pages = {
        ("GET", "/v1/ca.pem"): Scripted(200, authority.pem.encode()),
        ("POST", "/v1/enrolments"): Scripted(201, msgspec.json.encode(EnrolmentAnswer("t" * 32, "pending"))),
    }
    state = tmp_path / "state"
    (tmp_path / "enrolment").write_text("e" * 20)
    with serving(collector, tls=authority.server_context):
        flags = ["--token-file", str(tmp_path / "enrolment"), "--ca", authority.fingerprint, "--zone", "berlin", "--name", "db-7"]
        done = run("enrol", collector.url, *flags, "--state-directory", str(state))
        assert (done.returncode, done.stderr) == (0, "")
        assert "it may report once a person has approved it" in done.stdout
        assert {file.name: file.stat().st_mode & 0o777 for file in state.iterdir()} == {"ca.pem": 0o600, "token": 0o600, "source.json": 0o600}
        assert json.loads((state / "source.json").read_text()) == {"url": collector.url, "name": "db-7", "zone": "berlin"}
        settings, _ = load_settings(["--state-directory", str(state)], {})
        assert (settings.url, settings.name, settings.zone, settings.ca_file) == (collector.url, "db-7", "berlin", str(state / "ca.pem"))
        sent = run("--state-directory", str(state), "--replay", HOST, "--once")
        assert sent.returncode == 0, sent.stderr
        assert collector.taken()[0].source.name == "db-7"


def test_a_refused_enrolment_leaves_nothing(tmp_path: Path) -> None:
    collector = CollectorDouble()
    collector.pages["POST", "/v1/enrolments"] = problem(401, "unauthenticated", "this enrolment token is used up")
    with serving(collector):
        done = run("enrol", collector.url, "--token", "secret-enrolment-token", "--state-directory", str(tmp_path / "state"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "used up" in done.stderr
    assert "secret-enrolment-token" not in done.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "arguments", [["enrol"], ["enrol", "https://127.0.0.1:1"], ["enrol", "https://127.0.0.1:1", "--token", "a", "--token-file", "b"]]
)
def test_enrolment_asks_for_what_it_lacks(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, "usage: muster agent enrol" in done.stderr) == (2, True)


def test_a_damaged_identity_is_named(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"source\.json"):
        load_settings(["--state-directory", str(tmp_path)], {})
