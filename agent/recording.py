"""A recorded host: a file tree and what its commands printed, replayed as if it were this machine.

    provenance.toml   how it was made, of what, when
    system.json       kernel names, file system sizes, commands with exit status and file of output
    root/             the files, by their absolute paths
    commands/         what commands printed

A product class and not only a test's: `python -m agent --replay FOLDER --once --print` shows what such a host would report.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from agent.host import Host
from agent.netlink import SocketEntry
from agent.system import CommandResult, FilesystemSize, KernelNames
from muster.errors import ConfigurationError

_FILE_LIMIT = 64 * 1_048_576


class RecordedSystem:
    """What of a recorded host is no file."""

    def __init__(self, folder: str) -> None:
        """Raises ConfigurationError where the folder holds no recording."""
        self._folder = folder
        try:
            document: Mapping[str, Any] = json.loads(self._read("system.json"))
            self._names = KernelNames(*map(str, document["kernel_names"]))
            self._sizes = {point: FilesystemSize(*map(int, values)) for point, values in document["sizes"].items()}
            self._commands: dict[str, tuple[int, str]] = {key: (int(status), str(file)) for key, (status, file) in document["commands"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(f"{folder} holds no recorded host ({error}); docs/agent.md shows what one looks like") from error

    def run(self, command: Sequence[str]) -> CommandResult | None:
        """What the command printed; None where it was not there."""
        recorded = self._commands.get(" ".join(command))
        if recorded is None:
            return None
        status, file = recorded
        return CommandResult(status, self._read(f"commands/{file}") if file else "")

    def read_size(self, path: str) -> FilesystemSize | None:
        """Of the file system that was mounted at `path`."""
        return self._sizes.get(path)

    def read_kernel_names(self) -> KernelNames:
        """As uname(2) gave them."""
        return self._names

    def read_listeners(self) -> list[SocketEntry] | None:
        """A recording has /proc/net alone."""
        return None

    def _read(self, name: str) -> str:
        with open(f"{self._folder}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read(_FILE_LIMIT)


def open_host(root: str = "/", recording: str = "") -> Host:
    """This machine, the machine whose files lie below `root`, or a recorded one. Raises ConfigurationError."""
    if recording:
        return Host(f"{recording}/root", RecordedSystem(recording))
    if not os.path.isdir(f"{root}/proc"):
        raise ConfigurationError(f"--root {root} has no folder proc; name the folder below which a host's file system lies")
    return Host(root)
