"""What has changed on the host since the inventory was read: cheap stamps of files, addresses and listening sockets.

Not for reading what changed: that is the inventory child's, for the sections that `changed` names.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence

from agent.host import Host
from agent.netlink import CHANGE_GROUPS, ROUTE, SocketEntry

# A UDP port at or above this is a client's; the same number as in muster/facts/listener.py, which the resident process does not load.
FIRST_EPHEMERAL_PORT = 32_768
LISTENER_SECTION = "listening_service"
ADDRESS_SECTIONS = ("host", "network")
ListenerKey = tuple[str, str, str]
"""Protocol, packed address in hexadecimal, port: what the inventory names a listening socket by."""


class Watch:
    """Stamps of the files of each section; a changed one is told once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._paths: dict[str, Sequence[str]] = {}
        self._stamps: dict[str, object] = {}

    def set_paths(self, section: str, paths: Sequence[str]) -> None:
        """Watch these files for a section; called when the section has been read.

        The same files keep their stamps, which were taken before the reading began: what changed while it ran is then not missed.
        """
        if self._paths.get(section) != paths:
            self._paths[section] = paths
            self._stamps[section] = self._stamp(paths)

    def changed(self) -> set[str]:
        """Sections of which a file has changed since the last call."""
        found: set[str] = set()
        for section, paths in self._paths.items():
            stamp = self._stamp(paths)
            if stamp != self._stamps[section]:
                self._stamps[section] = stamp
                found.add(section)
        return found

    def _stamp(self, paths: Sequence[str]) -> object:
        # What /proc shows has no time of change.
        return tuple(self._host.read_kept(path) if path.startswith("/proc/") else self._host.stamp(path) for path in paths)


class ListenerWatch:
    """Listening sockets, seen at each collection."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._seen: Mapping[ListenerKey, frozenset[int]] | None = None

    def observe(self) -> tuple[Mapping[ListenerKey, frozenset[int]] | None, bool]:
        """Inodes by key now (None: the kernel does not tell), and whether they differ from the last time.

        Another inode on the same address means another process, so that is a change too.
        """
        entries = self._host.read_listeners()
        if entries is None:
            return None, False
        now = group_listeners(entries)
        has_changed = self._seen is not None and now != self._seen
        self._seen = now
        return now, has_changed


def group_listeners(entries: Iterable[SocketEntry]) -> dict[ListenerKey, frozenset[int]]:
    """Sockets of one protocol, address and port together, without UDP sockets of clients."""
    found: dict[ListenerKey, set[int]] = {}
    for each in entries:
        if each.port and not (each.protocol == "udp" and each.port >= FIRST_EPHEMERAL_PORT):
            found.setdefault((each.protocol, each.packed.hex(), str(each.port)), set()).add(each.inode)
    return {key: frozenset(inodes) for key, inodes in found.items()}


def open_change_socket() -> socket.socket | None:
    """A socket that becomes readable when a link or an address of this machine changes; None where the kernel refuses it."""
    try:
        channel = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, ROUTE)
    except OSError:
        return None
    try:
        channel.bind((0, CHANGE_GROUPS))
    except OSError:
        channel.close()
        return None
    return channel


def drain(channel: socket.socket) -> bool:
    """Empty a change socket; whether anything had come. An overrun (ENOBUFS) is a change as well."""
    has_changed = False
    while True:
        try:
            if not channel.recv(65_536, socket.MSG_DONTWAIT):
                return has_changed
        except BlockingIOError:
            return has_changed
        except OSError:
            return True
        has_changed = True


class ReadBudget:
    """How often a change may start the inventory: a burst, then one a minute, so that a host that never rests is not made busier."""

    def __init__(self, now: float, *, burst: int = 10, seconds_each: float = 60.0) -> None:
        self._burst, self._seconds_each = burst, seconds_each
        self._left, self._at = float(burst), now

    def take(self, now: float) -> bool:
        """Whether it may start now."""
        self._left = min(self._burst, self._left + (now - self._at) / self._seconds_each)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def is_running(host: Host, unit: str) -> bool | None:
    """Whether a unit's control group holds a process; None where it has no group to be seen (it is no running service)."""
    for folder in ("/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/systemd/system.slice"):
        path = f"{folder}/{unit}"
        events = host.read_bytes(f"{path}/cgroup.events", limit=256)
        if events is not None:
            return b"populated 1" in events
        members = host.read_bytes(f"{path}/cgroup.procs", limit=64)
        if members is not None:
            return bool(members.strip())
    return None
