"""The process as it is started: reports arrive, files are taken up while it runs, it ends in order and survives being killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from discovery.__main__ import main
from muster.wire.report import ReceivedReport
from tests.conftest import ROOT
from tests.support.collector_double import CollectorDouble, Scripted, serving
from tests.support.server import eventually
from tests.support.sshd import Sshd, running_sshd

JOB = """\
id: {name}
zone: berlin
targets: [127.0.0.1]
probes: {probes}
credentials: {credentials}
schedule: {{every: 1h}}
poll: {{reachability: 5s}}
"""


@dataclass
class Site:
    """A folder with jobs, credentials and state, and the collector that its process reports to."""

    folder: Path
    double: CollectorDouble

    def write_job(self, name: str, *, probes: str = "[icmp]", credentials: str = "[]") -> Path:
        path = self.folder / "discovery.d" / f"{name}.yaml"
        path.write_text(JOB.format(name=name, probes=probes, credentials=credentials), encoding="utf-8")
        return path

    def flags(self) -> list[str]:
        return [
            "--jobs", str(self.folder / "discovery.d"), "--credentials", str(self.folder / "credentials.d"), "--url", self.double.url,
            "--token-file", str(self.folder / "enrolment"), "--state-directory", str(self.folder / "state"), "--name", "probe-1",
            "--known-hosts", "", "--log-format", "json",
        ]  # fmt: skip

    @contextlib.contextmanager
    def running(self, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """The resident process; its log is `log`."""
        command = [sys.executable, "-P", "-m", "discovery", *self.flags()]
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error::ResourceWarning", **environment}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=variables)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=10)

    def events(self) -> list[dict[str, Any]]:
        """What the process has logged so far."""
        lines = (self.folder / "log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events() if each["event"] == event]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    for name in ("discovery.d", "credentials.d"):
        (tmp_path / name).mkdir()
    (tmp_path / "enrolment").write_text("muster_enrol_abc\n", encoding="ascii")
    with serving() as double:
        double.pages["POST", "/v1/enrolments"] = Scripted(201, json.dumps({"token": double.token}).encode(), {"Content-Type": "application/json"})
        yield Site(tmp_path, double)


def states(reports: Sequence[ReceivedReport]) -> list[dict[str, Any]]:
    import msgspec

    return [msgspec.msgpack.decode(raw) for report in reports for raw in report.states]


def test_a_process_reports_what_its_jobs_find_and_ends_in_order(site: Site, sshd: Sshd) -> None:
    (site.folder / "credentials.d/login.yaml").write_text(
        f"id: login\ntype: ssh\nuser: {sshd.user}\nprivate_key: env:KEY\nport: {sshd.port}\n", encoding="utf-8"
    )
    site.write_job("this-host", probes="[icmp, ssh]", credentials="[{id: login}]")
    (site.folder / "state").mkdir()
    (site.folder / "state/known_hosts").write_text(sshd.known_hosts_line, encoding="utf-8")
    with site.running(KEY=sshd.private_key) as process:
        eventually(
            lambda: [each for each in site.double.taken() if each.sections and each.states], seconds=60, what="a report with sections and states"
        )
        eventually(lambda: "reachability" in {each["check"] for each in states(site.double.taken())}, seconds=30, what="a state of reachability")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    reports = site.double.taken()
    assert {(each.source.kind, each.source.zone, each.source.name) for each in reports} == {("ssh", "berlin", "probe-1")}
    names = {name.partition(":")[0] for each in reports for name in each.sections}
    assert {"host", "network", "package", "account"} <= names
    assert {each["state"] for each in states(reports)} == {"up"}
    assert [each["is_delivered"] for each in site.logged("discovery_stopped")] == [True]
    text = (site.folder / "log").read_text(encoding="utf-8")
    assert "Traceback" not in text
    assert sshd.private_key.splitlines()[1] not in text
    assert "muster_enrol_abc" not in text


def test_a_host_that_hangs_does_not_keep_the_process_from_ending(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The account's shell never comes to the command."""
    folder = tmp_path_factory.mktemp("sshd")
    with running_sshd(folder) as sshd:
        (folder / ".bashrc").write_text("touch ~/asked\nsleep 30\n", encoding="utf-8")
        (site.folder / "credentials.d/login.yaml").write_text(
            f"id: login\ntype: ssh\nuser: {sshd.user}\nprivate_key: env:KEY\nport: {sshd.port}\n", encoding="utf-8"
        )
        site.write_job("one", probes="[ssh]", credentials="[{id: login}]")
        (site.folder / "state").mkdir()
        (site.folder / "state/known_hosts").write_text(sshd.known_hosts_line, encoding="utf-8")
        with site.running(KEY=sshd.private_key) as process:
            eventually((folder / "asked").exists, seconds=30, what="the shell that hangs")
            process.terminate()
            assert process.wait(timeout=15) == 0
        assert site.logged("survey_finished") == []


def test_a_faulty_file_is_refused_and_what_was_in_force_stays(site: Site) -> None:
    path = site.write_job("one")
    with site.running() as process:
        eventually(lambda: site.logged("survey_finished"), seconds=30, what="the first run")
        path.write_text(path.read_text(encoding="utf-8").replace("poll:", "pol:"), encoding="utf-8")
        refused = eventually(lambda: site.logged("jobs_refused"), what="the refusal")[0]
        before = len(states(site.double.taken()))
        eventually(lambda: len(states(site.double.taken())) > before, what="the old job going on")
        site.write_job("one")
        site.write_job("two")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: [each for each in site.logged("jobs_in_force") if each["jobs"] == ["one", "two"]], what="both jobs in force")
        (site.folder / "discovery.d/two.yaml").unlink()
        eventually(lambda: site.logged("jobs_in_force")[-1]["jobs"] == ["one"], what="one job in force")
        assert process.poll() is None
    assert refused["reason"].endswith("one.yaml:7: unknown key 'pol'; did you mean 'poll'?")
    assert refused["in_force"] == ["one"]
    assert [each["job"] for each in site.logged("survey_started")].count("one") == 1, "a job that stayed the same goes on undisturbed"


def test_killed_at_any_instant_it_goes_on_where_it_was(site: Site) -> None:
    site.write_job("one")
    with site.running() as process:
        eventually(lambda: states(site.double.taken()), seconds=30, what="a state")
        eventually((site.folder / "state/targets.json").exists, what="the known targets")
        process.kill()
    site.double.script.append(Scripted(503))
    with site.running() as process:
        eventually(lambda: len(states(site.double.taken())) > 2, seconds=40, what="more states after the restart")
        process.terminate()
        assert process.wait(timeout=20) == 0
    reports = site.double.taken()
    assert len({each.source.instance for each in reports}) == 1
    assert sorted(set(site.double.sequences())) == list(range(max(site.double.sequences()) + 1)), "no sequence is missing"
    assert len(site.logged("survey_started")) == 1, "what was asked an hour ago at most is not asked again"
    assert len([each for each in site.double.requests if each.path == "/v1/enrolments"]) == 1


def run(capsys: pytest.CaptureFixture[str], *arguments: str, **environment: str) -> tuple[int, str, str]:
    code = main(list(arguments), environment)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_once_and_print_shows_reports_and_leaves_no_spool(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_job("one")
    code, out, err = run(capsys, *site.flags(), "--once", "--print", "--output", "json")
    assert (code, err) == (0, "")
    reports = json.loads(out)
    assert [each["source"]["kind"] for each in reports] == ["sweep"]
    assert {each["check"] for each in reports[0]["states"]} == {"icmp", "reachability"}
    assert site.double.requests == []
    assert [path.name for path in (site.folder / "state").iterdir()] == []
    code, out, _ = run(capsys, *site.flags(), "--once", "--print", "--output", "table")
    assert code == 0
    assert "127.0.0.1" in out
    assert "1 asked, 1 answer, 0 identified" in out


def test_once_delivers_and_says_when_it_could_not(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_job("one")
    assert run(capsys, *site.flags(), "--once")[0] == 0
    assert len(states(site.double.taken())) == 2
    site.double.pages["POST", "/v1/reports"] = Scripted(503)
    code, _, err = run(capsys, *site.flags(), "--once")
    assert code == 1
    assert "kept in the spool: the collector answered 503" in err


def test_only_the_named_jobs_run(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_job("one")
    site.write_job("two")
    code, _, err = run(capsys, *site.flags(), "--once", "--print", "--job", "tow")
    assert (code, err) == (2, f"muster discover: no job 'tow' in {site.folder}/discovery.d; did you mean 'two'?\n")
    assert run(capsys, *site.flags(), "--once", "--print", "--output", "json", "--job", "two")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--once", "--print"], {}, "no job in"),
        (["--print"], {}, "--print goes with --once"),
        (["--onec"], {}, "unknown argument '--onec'; did you mean '--once'?"),
        (["--once"], {"MUSTER_DISCOVERY_ULR": "x"}, "unknown variable 'MUSTER_DISCOVERY_ULR'; did you mean 'MUSTER_DISCOVERY_URL'?"),
        (["--once", "--url", "http://collector.example.org"], {}, "would send the token in plain text"),
        (["--once", "--config", "none.toml"], {}, "none.toml:1: cannot be read"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    site: Site, capsys: pytest.CaptureFixture[str], arguments: list[str], environment: dict[str, str], message: str
) -> None:
    if "--url" in arguments:
        site.write_job("one")
    flags = [each for each in site.flags() if "--url" not in arguments or each not in ("--url", site.double.url)]
    code, out, err = run(capsys, *flags, *arguments, **environment)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_state_directory_that_cannot_be_used_is_told(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_job("one")
    (site.folder / "state").write_text("a file", encoding="utf-8")
    code, _, err = run(capsys, *site.flags(), "--once")
    assert (code, "cannot be" in err, len(err.splitlines())) == (3, True, 1)
