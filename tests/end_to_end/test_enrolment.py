"""A second server joins: `muster up` listens with TLS, tells the line to paste, and the agent trusts that authority alone."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.site import MUSTER
from tests.end_to_end.test_up import read_token, running_up
from tests.support.server import eventually, free_port

LINE = re.compile(r"muster agent enrol (https://\S+) --token (\S+) --ca sha256:([0-9a-f]{64})")


def read_line(process: subprocess.Popen[bytes], log: Path) -> re.Match[str]:
    def find() -> re.Match[str] | None:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        return LINE.search(log.read_text(encoding="utf-8"))

    return eventually(find, seconds=60, what="the line to paste")


def sources(url: str, folder: Path) -> list[dict[str, Any]]:
    context = ssl.create_default_context(cafile=str(folder / "var/tls/ca.pem"))
    request = urllib.request.Request(f"{url}/v1/sources", headers={"Authorization": f"Bearer {read_token(folder)}"})
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["items"]
    return found


@pytest.mark.timeout(120)
@pytest.mark.xdist_group("up")
def test_another_server_enrols_over_tls_by_the_line_that_up_tells(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "here"
    with running_up(folder, "--listen", f"0.0.0.0:{port}", "--no-agent", "--no-discovery") as (process, log):
        told = read_line(process, log)
        url = f"https://127.0.0.1:{port}"  # of the certificate's names the one that stays on this machine
        enrol = [*MUSTER, "agent", "enrol", url, "--token", told.group(2), "--name", "web-7", "--state-directory", str(tmp_path / "web-7")]
        wrong = subprocess.run([*enrol, "--ca", f"sha256:{'0' * 64}"], capture_output=True, text=True, timeout=60, check=False)
        assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1), wrong
        assert not (tmp_path / "web-7" / "token").exists()
        subprocess.run([*enrol, "--ca", f"sha256:{told.group(3)}"], check=True, timeout=60)
        assert (tmp_path / "web-7" / "token").stat().st_mode & 0o777 == 0o600
        once = subprocess.run(
            [*MUSTER, "agent", "--once", "--state-directory", str(tmp_path / "web-7")], capture_output=True, text=True, timeout=60, check=False
        )
        assert once.returncode == 0, once
        assert [each["source"]["name"] for each in sources(url, folder) if each["last_report_at"]] == ["web-7"]
        plain = subprocess.run(
            [*MUSTER, "agent", "enrol", f"http://192.0.2.1:{port}", "--token", "x"], capture_output=True, text=True, timeout=60, check=False
        )
        assert "https://" in plain.stderr
        assert plain.returncode != 0
