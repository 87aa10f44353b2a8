"""Runs `muster` as a person does: a process with arguments, standard input, environment and working folder."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


def run_muster(*arguments: str, folder: Path, stdin: str | None = None, **environment: str) -> Done:
    """Run to the end. Only the given MUSTER_ variables are set; the home is the folder, so that no profile of a person is read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    done = subprocess.run(
        [sys.executable, "-m", "muster", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        timeout=60,
        env={**kept, "HOME": str(folder), "PYTHONPATH": str(ROOT), "TERM": "dumb", **environment},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)
