"""The units, accounts and folders as systemd itself judges them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, missing

UNITS = sorted((ROOT / "systemd").glob("*.service"))


@pytest.fixture(scope="module")
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        missing("systemd-analyze (Debian package systemd)")
    return str(found)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_in_the_unit(unit: Path, systemd_analyze: str, tmp_path: Path) -> None:
    # The command of an installed Muster is not on this machine, and verify looks for it: put one that exists in its place.
    text = unit.read_text(encoding="utf-8")
    assert "ExecStart=/opt/muster/.venv/bin/muster " in text
    copy = tmp_path / unit.name
    copy.write_text(text.replace("/opt/muster/.venv/bin/muster", "/bin/true"), encoding="utf-8")
    done = run(systemd_analyze, "verify", "--man=no", str(copy))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if unit.stem in line]
    assert (done.returncode, ours) == (0, [])


def test_what_reloads_on_a_hangup_is_reloaded_by_systemctl() -> None:
    """The collector and discovery read their folders anew; the agent has none, and a hangup would end it."""
    reloading = {unit.stem for unit in UNITS if "\nExecReload=/bin/kill -HUP $MAINPID\n" in unit.read_text(encoding="utf-8")}
    assert reloading == {"muster-collector", "muster-discover"}


def test_each_process_has_an_account_that_cannot_sign_in() -> None:
    lines = [line for line in (ROOT / "systemd/sysusers.d/muster.conf").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    accounts = {line.split()[1] for line in lines}
    users = {line.removeprefix("User=") for unit in UNITS for line in unit.read_text(encoding="utf-8").splitlines() if line.startswith("User=")}
    assert accounts == users == {"muster-agent", "muster-discover", "muster-collector"}
    assert all(line.endswith("/usr/sbin/nologin") for line in lines)


def test_sysusers_and_tmpfiles_apply_below_an_empty_root(tmp_path: Path) -> None:
    for tool, file in (("systemd-sysusers", "sysusers.d/muster.conf"), ("systemd-tmpfiles", "tmpfiles.d/muster.conf")):
        if shutil.which(tool) is None:
            missing(f"{tool} (Debian package systemd)")
        (tmp_path / "etc").mkdir(exist_ok=True)
        action = ["--create"] if tool == "systemd-tmpfiles" else []
        done = run(tool, f"--root={tmp_path}", *action, str(ROOT / "systemd" / file))
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc/muster/secrets").stat().st_mode & 0o777 == 0o750
    assert "muster-collector:" in (tmp_path / "etc/passwd").read_text(encoding="utf-8")
