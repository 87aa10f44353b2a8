"""The resident side of the inventory child: starts it, gathers its output without blocking, and ends it when it takes too long."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.system import SEARCH_PATH, spawn
from muster.errors import UnavailableError

TIME_LIMIT_SECONDS = 120.0
OUTPUT_LIMIT_BYTES = 64 * 1_048_576
_READ_BYTES = 262_144
_PACKAGES_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class SectionResult(NamedTuple):
    """A section as the child read it; `items` is MessagePack, None where the digest was known or the section could not be read."""

    name: str
    status: str
    is_complete: bool
    reason: str
    digest: str
    items: bytes | None
    subjects: Sequence[Sequence[str]]
    watched: Sequence[str]


class InventoryChild:
    """One run of the child. `descriptor` becomes readable when there is something to `gather`."""

    def __init__(self, root: str, recording: str, sections: Sequence[str], known: Mapping[str, str]) -> None:
        """Start it. Raises UnavailableError."""
        request = json.dumps({"root": root, "recording": recording, "sections": list(sections), "known": dict(known)})
        # -P: a folder in the working directory that is named like one of our packages is not ours.
        command = [sys.executable, "-P", "-m", "agent.inventory_process", request]
        environment = {"PATH": SEARCH_PATH, "LC_ALL": "C.UTF-8", "PYTHONPATH": _PACKAGES_FOLDER}
        try:
            self._pid, self.descriptor = spawn(sys.executable, command, environment, has_errors=True)
        except OSError as error:
            raise UnavailableError(f"the inventory cannot be read: {error.strerror}") from error
        os.set_blocking(self.descriptor, False)
        self._output = bytearray()
        self._is_open = True

    def gather(self) -> bool:
        """Take what has come; True once all has."""
        while True:
            try:
                part = os.read(self.descriptor, _READ_BYTES)
            except BlockingIOError:
                return False
            if not part:
                return True
            self._output += part
            if len(self._output) > OUTPUT_LIMIT_BYTES:
                self.stop()
                raise UnavailableError(f"the inventory is larger than {OUTPUT_LIMIT_BYTES} bytes and was given up")

    def finish(self) -> list[SectionResult]:
        """The sections, after `gather` said that all has come. Raises UnavailableError where the child failed."""
        status = self._reap()
        if status != 0:
            raise UnavailableError(f"the inventory child ended with status {status}; its error output tells why")
        header, _, blobs = bytes(self._output).partition(b"\n")
        self._output = bytearray()
        return split_output(header, blobs)

    def stop(self) -> None:
        """End it now."""
        if self._is_open:
            os.kill(self._pid, signal.SIGKILL)
            self._reap()

    def _reap(self) -> int:
        os.close(self.descriptor)
        self._is_open = False
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def split_output(header: bytes, blobs: bytes) -> list[SectionResult]:
    """Sections from the child's header line and what follows it. Raises UnavailableError."""
    found: list[SectionResult] = []
    at = 0
    try:
        rows: list[dict[str, Any]] = json.loads(header)
        for row in rows:
            length = row["length"]
            items = blobs[at : at + length] if length >= 0 else None
            at += max(0, length)
            found.append(
                SectionResult(row["name"], row["status"], row["complete"], row["reason"], row["digest"], items, row["subjects"], row["watched"])
            )
    except (ValueError, KeyError, TypeError) as error:
        raise UnavailableError(f"the inventory child wrote something else than an inventory: {error}") from error
    if at != len(blobs):
        raise UnavailableError(f"the inventory child wrote {len(blobs)} bytes of items where it announced {at}")
    return found
