"""Runs `muster` with arguments, standard input, environment and working folder: as a process, or in this one where many are run."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from muster.cli.app import run
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


def call_muster(*arguments: str, folder: Path, stdin: str | None = None, **environment: str) -> Done:
    """The same inside this process: without an interpreter's start for each of many commands."""
    out, err = io.StringIO(), io.StringIO()
    with surroundings(folder, {"HOME": str(folder), **environment}, stdin or ""), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    return Done(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def surroundings(folder: Path, environment: Mapping[str, str], stdin: str) -> Iterator[None]:
    """Working folder, environment without any other MUSTER_ variable, and standard input; all as before afterwards."""
    kept, given = dict(os.environ), sys.stdin
    try:
        for name in [name for name in os.environ if name.startswith("MUSTER_")]:
            del os.environ[name]
        os.environ.update(environment)
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        with contextlib.chdir(folder):
            yield
    finally:
        sys.stdin = given
        os.environ.clear()
        os.environ.update(kept)
