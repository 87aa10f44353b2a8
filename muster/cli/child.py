"""A child process that `muster up` keeps running: its log, its end with its parent, its restarts with growing pauses."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOG_BYTES = 10 * 1_048_576
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass
class Child:
    """One process. Its output goes to `log`, of which at most two files of 10 MiB are kept."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_seconds: float = FIRST_PAUSE_SECONDS
    restart_at: float | None = None

    def start(self) -> None:
        """Start it in a session of its own: a Ctrl-C on the terminal reaches the parent alone, which stops children in order."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  # the parent has one thread
            )
        self.started_at, self.restart_at = time.monotonic(), None

    def watch(self, now_seconds: float) -> str | None:
        """Start it again where its pause is over; what to tell where it has just ended."""
        if self.restart_at is not None:
            if now_seconds >= self.restart_at:
                self.start()
            return None
        if self.process is None or self.process.poll() is None:
            self._rotate()
            return None
        if now_seconds - self.started_at > STEADY_SECONDS:
            self.pause_seconds = FIRST_PAUSE_SECONDS
        told = f"{self.name} ended ({describe_exit(self.process.returncode)}); it starts again in {self.pause_seconds:.0f} s. {self.last_words()}"
        self.restart_at = now_seconds + self.pause_seconds
        self.pause_seconds = min(2 * self.pause_seconds, LONGEST_PAUSE_SECONDS)
        return told

    def stop(self, grace_seconds: float) -> None:
        """End it: asked first, killed where it does not end in time."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """The last line of its log, and where to read the rest."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace")[-4096:].strip().splitlines()
        except OSError:
            lines = []
        return f"Last line of {self.log}: {lines[-1]}" if lines else f"Its log {self.log} is empty"

    def _rotate(self) -> None:
        """The log is open for appending, so it may be copied aside and cut."""
        if self.log.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)


def describe_exit(returncode: int) -> str:
    """`exit 1`, or `SIGKILL`."""
    return signal.Signals(-returncode).name if returncode < 0 else f"exit {returncode}"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
