"""Starting real servers on free loopback ports, and waiting for what they do."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(probe: Callable[[], T | None], *, seconds: float = 20, what: str = "the expected state") -> T:
    """The first truthy answer of `probe`; AssertionError with the last answer where none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {seconds} s; last answer {answer!r}")
        time.sleep(0.05)


def http_status(url: str) -> int | None:
    """The status of a GET, or None where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


@contextmanager
def running(command: list[str], *, ready_url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that answered 200 once; stopped at the end. Its output is shown where it does not start."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:

        def is_ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"{command[0]} ended with {process.returncode}:\n{log.read_text(errors='replace')[-4000:]}")
            return http_status(ready_url) == 200

        eventually(is_ready, seconds=30, what=f"{command[0]} answering {ready_url}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
