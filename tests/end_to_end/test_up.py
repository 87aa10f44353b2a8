"""`muster up` as a person meets it: an address, a link that signs in once, this host on the pages, and a clean end."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.end_to_end.site import MUSTER
from tests.support.api_client import ApiClient
from tests.support.chromium import EXECUTABLE, make_context, open_browser, watch
from tests.support.server import eventually, free_port, http_status

LINK = re.compile(r"http://127\.0\.0\.1:\d+/sign-in\?token=\S+")


@contextmanager
def running_up(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    folder.mkdir(exist_ok=True)
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*MUSTER, "up", *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        yield process, log
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def read_link(process: subprocess.Popen[bytes], log: Path) -> str:
    def find() -> str | None:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        found = LINK.search(log.read_text(encoding="utf-8"))
        return found.group(0) if found else None

    return eventually(find, seconds=60, what="the sign-in link")


def children(pid: int) -> list[int]:
    """Processes whose parent is this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def read_token(folder: Path) -> str:
    return next(line.split('"')[1] for line in (folder / "var/profile.toml").read_text(encoding="utf-8").splitlines() if line.startswith("token"))


@pytest.mark.timeout(180)
@pytest.mark.xdist_group("up")
def test_up_signs_a_person_in_shows_this_host_and_ends_cleanly(tmp_path: Path) -> None:
    if not Path(EXECUTABLE).exists():
        missing(f"the browser {EXECUTABLE}")
    port, folder = free_port(), tmp_path / "here"
    with running_up(folder, "--listen", f"127.0.0.1:{port}") as (process, log):
        link = read_link(process, log)
        api = ApiClient(f"http://127.0.0.1:{port}", read_token(folder))
        host = eventually(lambda: api.items("/v1/cis", query="class:host is:recorded"), seconds=30, what="this host on record")
        assert len(host) == 1, "its own first host is accepted by the policy initial_discovery"
        assert api.get("/v1/differences", query="class:device")["total"] == 0, "what else listens here meanwhile may differ"
        with open_browser() as browser:
            context = make_context(browser, f"http://127.0.0.1:{port}")
            page = watch(context, f"http://127.0.0.1:{port}")
            page.page.goto(link)
            page.page.goto(f"http://127.0.0.1:{port}/cis?q=class:host")
            assert host[0]["name"] in page.page.inner_text("main")
            again = context.request.get(link, max_redirects=0)
            assert again.status >= 400, "a link signs in once"
        listed = subprocess.run([*MUSTER, "ci", "list", "--output", "json"], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
        assert '"class": "virtual_machine"' in listed.stdout or '"class": "server"' in listed.stdout
        started = children(process.pid)
        assert len(started) == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
    assert "Traceback" not in "".join(each.read_text(encoding="utf-8") for each in (folder / "var/log").glob("*.log"))


@pytest.mark.timeout(180)
@pytest.mark.xdist_group("up")
def test_up_restarts_what_is_killed_and_refuses_a_second_one(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "here"
    url = f"http://127.0.0.1:{port}"
    with running_up(folder, "--listen", f"127.0.0.1:{port}", "--no-discovery") as (process, log):
        read_link(process, log)
        second = subprocess.run(
            [*MUSTER, "up", "--listen", f"127.0.0.1:{free_port()}"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert (second.returncode, second.stderr.count("\n")) == (5, 1)
        assert f"process {process.pid}" in second.stderr
        taken = subprocess.run(
            [*MUSTER, "up", "--listen", f"127.0.0.1:{port}", "--state-directory", "other"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "--listen" in taken.stderr
        for pid in children(process.pid):
            subprocess.run(["kill", "-9", str(pid)], check=True)
        eventually(lambda: log.read_text(encoding="utf-8").count("it starts again") == 2, seconds=30, what="two restarts")
        eventually(lambda: http_status(f"{url}/readyz") == 200, seconds=60, what="the collector being back")
        before = ApiClient(url, read_token(folder)).get("/v1/overview")["reports_received_total"]
        eventually(lambda: ApiClient(url, read_token(folder)).get("/v1/overview")["reports_received_total"] > before, seconds=60, what="a report")


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", ":8420"])
def test_wrong_address_is_told_in_one_line(listen: str, tmp_path: Path) -> None:
    done = subprocess.run([*MUSTER, "up", "--listen", listen], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:8420" in done.stderr
