"""Sockets that wait for others, with their process: from the kernel by netlink, else /proc/net; and /proc/<pid>. Linux."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from agent.host import Host
from agent.section import Content, Section, failed
from muster.facts.account import account_names
from muster.facts.address import render_address
from muster.facts.listener import Listener, ListenerProcess, join_listeners, parse_comm, parse_proc_net, parse_unit
from muster.facts.section.listening_service import listener_ref, to_items

_FILES = (("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"))
_SOCKET_PREFIX = "socket:["


def read_listening_service(host: Host) -> Content:
    """Sockets whose process the agent may not see are shown without it (CAP_SYS_PTRACE shows them)."""
    found = read_sockets(host)
    if found is None:
        return failed("neither netlink nor /proc/net shows sockets")
    owners = read_socket_owners(host, {each.inode for each in found if each.inode})
    listeners = join_listeners(each._replace(pids=owners.get(each.inode, ())) for each in found)
    processes = read_processes(host, (pid for each in listeners for pid in each.pids))
    subjects = [(listener_ref(*each[:3]), (each.protocol, _pack(each.address).hex(), str(each.port))) for each in listeners]
    return Content(to_items(listeners, processes), subjects=subjects)


def read_sockets(host: Host) -> list[Listener] | None:
    """Every socket that waits, several on one address and port included."""
    entries = host.read_listeners()
    if entries is not None:
        return [Listener(each.protocol, _unpack(each.packed), each.port, (), each.inode) for each in entries]
    texts = [(host.read_text(f"/proc/net/{file}"), protocol) for file, protocol in _FILES]
    if all(text is None for text, _ in texts):
        return None
    return [each for text, protocol in texts for each in parse_proc_net(text or "", protocol)]


def read_socket_owners(host: Host, inodes: set[int]) -> dict[int, tuple[int, ...]]:
    """The processes that hold each socket, by inode, as far as the agent may see them."""
    found: dict[int, list[int]] = {}
    for name in host.names("/proc"):
        if not name.isdigit():
            continue
        folder = f"/proc/{name}/fd"
        for descriptor in host.names(folder):
            target = host.read_link(f"{folder}/{descriptor}")
            if target.startswith(_SOCKET_PREFIX) and (inode := int(target[len(_SOCKET_PREFIX) : -1])) in inodes:
                found.setdefault(inode, []).append(int(name))
    return {inode: tuple(sorted(set(pids))) for inode, pids in found.items()}


def read_processes(host: Host, pids: Iterable[int]) -> dict[int, ListenerProcess]:
    """Name, executable, unit and user of processes; one that has ended is left out."""
    users = account_names(host.read_text("/etc/passwd") or "")
    found: dict[int, ListenerProcess] = {}
    for pid in sorted(set(pids)):
        name = host.read_text(f"/proc/{pid}/comm")
        if name is not None:
            found[pid] = ListenerProcess(
                name=parse_comm(name),
                executable=host.read_link(f"/proc/{pid}/exe"),
                unit=parse_unit(host.read_text(f"/proc/{pid}/cgroup") or ""),
                user=_user(host.read_text(f"/proc/{pid}/status") or "", users),
            )
    return found


def _user(status: str, users: dict[int, str]) -> str:
    """The name of the effective user, its number where it has no name."""
    words = next((line.split() for line in status.splitlines() if line.startswith("Uid:")), [])
    return users.get(int(words[2]), words[2]) if len(words) > 2 and words[2].isdigit() else ""


def _unpack(packed: bytes) -> str:
    text = socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
    return render_address(text) or text


def _pack(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


SECTION = Section("listening_service", "Listening sockets with their process", read_listening_service)
