"""Listening sockets and their processes: from `ss` (SSH) or /proc/net (agent), in one shape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from muster.facts.address import render_address

SS_COMMAND = ("ss", "-H", "-t", "-u", "-l", "-n", "-p")
# Below the usual start of the range for outgoing connections (ip_local_port_range); a UDP port above it is a client's.
FIRST_EPHEMERAL_PORT = 32_768
_PID = re.compile(r"pid=(\d+)")
_LISTEN_TCP, _LISTEN_UDP = "0A", "07"


class Listener(NamedTuple):
    """One listening socket; `pids` sorted, empty where the reader may not see them; `inode` 0 when unknown."""

    protocol: str
    address: str
    port: int
    pids: tuple[int, ...] = ()
    inode: int = 0


class ListenerProcess(NamedTuple):
    """The process behind a socket; texts that could not be read are empty."""

    name: str = ""
    executable: str = ""
    unit: str = ""
    user: str = ""


def parse_ss(text: str) -> list[Listener]:
    """Listeners of `ss -H -t -u -l -n -p`, sorted, several processes on one socket joined."""
    found: list[Listener] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 5 or words[0] not in ("tcp", "udp"):
            continue
        host, _, port = words[4].rpartition(":")
        address = render_address("::" if host == "*" else host.strip("[]"))
        if address is not None and port.isascii() and port.isdigit():
            found.append(Listener(words[0], address, int(port), tuple(sorted(int(pid) for pid in set(_PID.findall(line))))))
    return join_listeners(found)


def parse_proc_net(text: str, protocol: str) -> list[Listener]:
    """Listeners of /proc/net/tcp, tcp6, udp or udp6 (`protocol` is tcp or udp), with inodes."""
    wanted = _LISTEN_TCP if protocol == "tcp" else _LISTEN_UDP
    found: list[Listener] = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 10 or words[3] != wanted:
            continue
        listener = _from_proc(words, protocol)
        if listener is not None:
            found.append(listener)
    return found


def parse_comm(stat_text: str) -> str:
    """The process's short name, from /proc/<pid>/stat or /proc/<pid>/comm."""
    start, end = stat_text.find("("), stat_text.rfind(")")
    return stat_text[start + 1 : end] if 0 <= start < end else stat_text.strip()


def parse_unit(cgroup_text: str) -> str:
    """The systemd unit of a process, from /proc/<pid>/cgroup: the innermost service, socket or scope; empty where there is none."""
    for line in cgroup_text.splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers not in ("", "name=systemd"):
            continue
        for part in reversed(path.split("/")):
            if part.endswith((".service", ".socket")):
                return part.replace("\\x2d", "-")
    return ""


def join_listeners(listeners: Iterable[Listener]) -> list[Listener]:
    """One listener a protocol, address and port, sorted, without UDP sockets of clients."""
    joined: dict[tuple[str, str, int], Listener] = {}
    for each in listeners:
        if each.port == 0 or (each.protocol == "udp" and each.port >= FIRST_EPHEMERAL_PORT):
            continue
        key = (each.protocol, each.address, each.port)
        known = joined.get(key)
        joined[key] = each if known is None else known._replace(pids=tuple(sorted({*known.pids, *each.pids})))
    return [joined[key] for key in sorted(joined)]


def main_process(listener: Listener, processes: Mapping[int, ListenerProcess]) -> ListenerProcess:
    """The process to name: the lowest pid known, which is the parent of forked workers; an empty one where none is."""
    return next((processes[pid] for pid in listener.pids if pid in processes), ListenerProcess())


def _from_proc(words: list[str], protocol: str) -> Listener | None:
    host, _, port = words[1].partition(":")
    try:
        packed = bytes.fromhex(host)
        number, inode = int(port, 16), int(words[9])
    except ValueError:
        return None
    if len(packed) not in (4, 16) or number > 65_535:
        return None
    # Each 32-bit word is printed in the host's order, which is little-endian on every platform that Muster ships for.
    ordered = b"".join(packed[at : at + 4][::-1] for at in range(0, len(packed), 4))
    text = ".".join(map(str, ordered)) if len(ordered) == 4 else ":".join(ordered[at : at + 2].hex() for at in range(0, 16, 2))
    address = render_address(text)
    return None if address is None else Listener(protocol, address, number, (), inode)
