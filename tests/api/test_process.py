"""The collector as a process: how it is configured, what it refuses at start, how it reloads and ends, and what its log never holds."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.bootstrap import prepare
from muster.cli.certificate import ensure_certificates
from tests.api.served import Served, make_report
from tests.support.server import eventually, free_port

COMMAND = [sys.executable, "-P", "-m", "muster.cli.collector"]
SHOP = "id: shop\nname: {en: Shop}\nowner: kim@example.org\nstage: catalogue\ntime_zone: UTC\ncomponents: {all: [{ci: db-1}]}\n"


@contextmanager
def started(folder: Path, *flags: str) -> Iterator[tuple[Served, subprocess.Popen[bytes], Path]]:
    """A real process, answering; killed at the end if it still runs."""
    folder.mkdir(exist_ok=True)
    token, port, log = prepare(f"sqlite:///{folder}/muster.db", account_name="admin"), free_port(), folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "--listen", f"127.0.0.1:{port}", "--state-directory", str(folder), "--log-format", "json", *flags],
            stderr=output, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    served = Served(port, folder, {"administrator": token})
    try:

        def listens() -> bool:
            assert process.poll() is None, log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(listens, seconds=60, what="the collector listening")
        yield served, process, log
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)


def refused(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly_with_exit_0(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path / "end") as (served, process, log):
        assert served.ask("GET", "/readyz", token=None).status == 200
        process.send_signal(number)
        assert process.wait(30) == 0
    assert '"event": "collector_stopped"' in log.read_text()


def test_log_of_a_run_holds_no_secret_and_no_traceback(tmp_path: Path) -> None:
    with started(tmp_path / "secrets", "--log-level", "debug") as (served, process, log):
        _, source = served.make_token(kind="source", name="s")
        link = served.ask("POST", "/v1/accounts/admin/sign-in-link").value["url"]
        served.ask("GET", "/sign-in?token=" + link.partition("token=")[2], token=None)
        served.ask("POST", "/v1/session", {"name": "admin", "password": "hunter2hunter2"}, token=None)
        served.ask("POST", "/v1/reports", make_report(1), token=source)
        served.ask("POST", "/v1/reports", b"\xff", token=source)
        served.ask("GET", "/v1/cis", token="muster_api_wrong")
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        text = log.read_text()
        for secret in (source, served.tokens["administrator"], link.partition("token=")[2], "hunter2hunter2", "muster_api_wrong"):
            assert secret not in text
    assert "Traceback" not in text
    assert "report_refused" in text


def test_faulty_document_is_refused_and_what_was_in_force_stays(tmp_path: Path) -> None:
    folder = tmp_path / "services.d"
    folder.mkdir()
    file = folder / "shop.yaml"
    file.write_text(SHOP, encoding="utf-8")
    with started(tmp_path / "reload", "--services-directory", str(folder)) as (served, process, log):
        assert [each["id"] for each in served.get("/v1/services")["items"]] == ["shop"]
        file.write_text(SHOP.replace("stage:", "stag:"), encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "documents_refused" in log.read_text(), what="the refusal")
        assert f"{file}:4: unknown key 'stag'; did you mean 'stage'?" in log.read_text()
        assert served.ask("GET", "/v1/services/shop/document").body.decode() == SHOP
        file.write_text(SHOP.replace("Shop", "Store"), encoding="utf-8")  # noticed without a signal
        eventually(lambda: served.get("/v1/services/shop")["name"] == {"en": "Store"}, what="the mended file in force")


def test_faulty_target_at_start_is_told_with_its_line_and_the_rest_serves(tmp_path: Path) -> None:
    folder = tmp_path / "targets.d"
    folder.mkdir()
    (folder / "pager.yaml").write_text("id: pager\ntype: webhok\n", encoding="utf-8")
    with started(tmp_path / "target", "--targets-directory", str(folder)) as (served, _, log):
        assert served.get("/v1/targets") == {"items": []}
        assert f"{folder}/pager.yaml:2: unknown type 'webhok'; did you mean 'webhook'?" in log.read_text()


def test_tls_is_served_with_the_own_authority(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path / "tls", ["127.0.0.1"], datetime.now(UTC))
    flags = ("--tls-certificate", str(made.certificate), "--tls-key", str(made.key), "--tls-authority", str(made.authority))
    with started(tmp_path / "https", *flags) as (served, _, _log):
        context = ssl.create_default_context(cafile=str(made.authority))
        with socket.create_connection(("127.0.0.1", served.port)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            tls.sendall(b"GET /v1/ca.pem HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: tls.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Strict-Transport-Security" in answer
    assert made.authority.read_bytes() in answer


def test_second_collector_on_the_address_is_refused_in_one_line(tmp_path: Path) -> None:
    with started(tmp_path / "first") as (served, _, _log):
        code, error = refused("--listen", f"127.0.0.1:{served.port}", "--state-directory", str(tmp_path / "second"), "--log-level", "error")
    assert code == 1
    assert error.startswith("muster collector: cannot listen on")
    assert len(error.splitlines()) == 1


def test_plain_http_beyond_loopback_is_refused_at_start(tmp_path: Path) -> None:
    code, error = refused("--listen", "0.0.0.0:8420", "--state-directory", str(tmp_path))
    assert code == 1
    assert "plain text" in error
    assert "behind_proxy" in error


def test_unknown_key_of_the_file_is_refused_with_file_line_and_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text('# mine\nlisten = "127.0.0.1:0"\n\n[reconciliation]\nmass_los_ratio = 0.5\n', encoding="utf-8")
    assert refused("--config", str(file)) == (
        2, f"muster collector: {file}:5: unknown key 'mass_los_ratio'; did you mean 'mass_loss_ratio'?\n",
    )  # fmt: skip


def test_database_of_another_kind_is_refused_in_one_line(tmp_path: Path) -> None:
    code, error = refused("--database", "mysql://x/y", "--state-directory", str(tmp_path), "--log-level", "error")
    assert (code, len(error.splitlines())) == (1, 1)
    assert "not supported" in error


def test_settings_in_force_are_shown_with_where_each_came_from(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text('database = "postgresql+psycopg://muster:hidden-word@db/muster"\nmetrics_open = true\n', encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "--config", str(file), "--listen", "127.0.0.1:1", "--show-config"],
        env={**os.environ, "MUSTER_COLLECTOR_SWEEP_SECONDS": "7"}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert 'listen = "127.0.0.1:1"  # flag --listen' in lines
    assert f"metrics_open = true  # {file}:2" in lines
    assert "sweep_seconds = 7.0  # environment MUSTER_COLLECTOR_SWEEP_SECONDS" in lines
    assert 'log_format = "auto"  # default' in lines
    assert "hidden-word" not in done.stdout


def test_first_people_are_made_at_the_database_itself(tmp_path: Path) -> None:
    folder = tmp_path / "first"
    folder.mkdir()

    def run(*arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "collector", *arguments, "--state-directory", str(folder), "--public-url", "http://muster.test"]
        return subprocess.run(command, input="correct horse\n", capture_output=True, text=True, timeout=60, check=True).stdout

    link = run("sign-in-link")
    assert link.startswith("http://muster.test/sign-in?token=muster_link_")
    assert run("user", "add", "kim", "--role", "operator") == "kim may sign in as operator\n"
    with started(folder) as (served, _, _log):
        assert served.ask("GET", "/sign-in?token=" + link.strip().partition("token=")[2], token=None).status == 303
        assert served.ask("POST", "/v1/session", {"name": "kim", "password": "correct horse"}, token=None).status == 200
        roles = {each["name"]: each["role"] for each in served.get("/v1/accounts")["items"]}
    assert roles == {"admin": "administrator", "kim": "operator"}
