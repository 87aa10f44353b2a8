"""The host as the agent sees it: the only module that opens files of the host. Root and system are arguments.

Reads are bounded; what cannot be read is None, never an exception. Not for the agent's own files: those are the spool's.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from agent.netlink import SocketEntry
from agent.system import CommandResult, FilesystemSize, KernelNames, LiveSystem

READ_LIMIT_BYTES = 32 * 1_048_576
_KEPT_LIMIT_BYTES = 1_048_576
_KEPT_STEP_BYTES = 16_384
_KEPT_FILES = 256
# A sandboxed service sees a mount table of its own, in which all is read-only; the first process shows the host's to those who may.
MOUNT_FILES = ("/proc/1/mountinfo", "/proc/self/mountinfo")


class System(Protocol):
    """What of a machine is no file; `LiveSystem`, or a recording."""

    def run(self, command: Sequence[str]) -> CommandResult | None: ...
    def read_size(self, path: str) -> FilesystemSize | None: ...
    def read_kernel_names(self) -> KernelNames: ...
    def read_listeners(self) -> list[SocketEntry] | None: ...


class Host:
    """Files below `root` and the system beside them. Paths are absolute as the host itself writes them."""

    def __init__(self, root: str = "/", system: System | None = None) -> None:
        self._root = root.rstrip("/")
        self._system = LiveSystem() if system is None else system
        self._kept: dict[str, int] = {}

    @property
    def is_this_machine(self) -> bool:
        """Whether the files are those of the machine that runs this process."""
        return not self._root and isinstance(self._system, LiveSystem)

    def read_bytes(self, path: str, *, limit: int = READ_LIMIT_BYTES) -> bytes | None:
        """A file, at most `limit` bytes of it; None where it is absent or may not be read."""
        try:
            descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            return None
        try:
            parts: list[bytes] = []
            left = limit
            while left > 0 and (part := os.read(descriptor, min(left, 1_048_576))):
                parts.append(part)
                left -= len(part)
            return b"".join(parts)
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def read_text(self, path: str, *, limit: int = READ_LIMIT_BYTES) -> str | None:
        """A file as text; what is not UTF-8 shows as U+FFFD."""
        content = self.read_bytes(path, limit=limit)
        return None if content is None else content.decode("utf-8", "replace")

    def read_kept(self, path: str) -> bytes | None:
        """A file of /proc or /sys that is read again and again: its descriptor stays open, which halves the cost."""
        descriptor = self._kept.get(path)
        if descriptor is None:
            if len(self._kept) >= _KEPT_FILES:
                return self.read_bytes(path, limit=_KEPT_LIMIT_BYTES)
            try:
                descriptor = os.open(self._root + path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return None
            self._kept[path] = descriptor
        try:
            content = os.pread(descriptor, _KEPT_STEP_BYTES, 0)
            if len(content) < _KEPT_STEP_BYTES // 4:
                return content
            # A seq_file may return less than asked before its end, so read on until nothing comes.
            parts, size = [content], len(content)
            while size < _KEPT_LIMIT_BYTES and (part := os.pread(descriptor, _KEPT_STEP_BYTES * 4, size)):
                parts.append(part)
                size += len(part)
            return b"".join(parts)
        except OSError:
            os.close(self._kept.pop(path))
            return None

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none where it cannot be listed."""
        try:
            return sorted(os.listdir(self._root + path))
        except OSError:
            return []

    def match(self, pattern: str) -> list[str]:
        """Paths that a pattern names, `*` and `?` within each step, sorted."""
        found = ["/"]
        for step in pattern.strip("/").split("/"):
            if any(letter in step for letter in "*?["):
                found = [posixpath.join(folder, name) for folder in found for name in self.names(folder) if fnmatchcase(name, step)]
            else:
                found = [posixpath.join(folder, step) for folder in found]
        return [path for path in found if os.path.lexists(self._root + path)]

    def read_link(self, path: str) -> str:
        """Where a symbolic link points; empty where it is none."""
        try:
            return os.readlink(self._root + path)
        except OSError:
            return ""

    def stamp(self, path: str) -> tuple[int, int, int] | None:
        """What changes whenever a file does: its time of change (ns), size and inode; None where it is absent."""
        try:
            found = os.stat(self._root + path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def run(self, command: Sequence[str]) -> CommandResult | None:
        """What a command prints; None where there is no such program, or the root is another machine's."""
        return self._system.run(command)

    def read_size(self, mount_point: str) -> FilesystemSize | None:
        """Of a mounted file system. May block for ever on a remote one whose server is gone: leave those out."""
        return self._system.read_size((self._root + mount_point) or "/" if isinstance(self._system, LiveSystem) else mount_point)

    def read_kernel_names(self) -> KernelNames:
        """uname(2)."""
        return self._system.read_kernel_names()

    def read_listeners(self) -> list[SocketEntry] | None:
        """Sockets that wait for others, without names; None where only /proc/net tells."""
        return self._system.read_listeners()

    def close(self) -> None:
        """Give the kept descriptors back."""
        while self._kept:
            os.close(self._kept.popitem()[1])
        if isinstance(self._system, LiveSystem):
            self._system.close()
