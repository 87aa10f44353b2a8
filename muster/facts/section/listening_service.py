"""Section `listening_service`: TCP and UDP sockets that wait for others, with their process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from muster.facts.listener import Listener, ListenerProcess, main_process
from muster.facts.section._item import build_item
from muster.wire.report import Item


def listener_ref(protocol: str, address: str, port: int) -> str:
    """`sock:tcp:0.0.0.0:22`, IPv6 addresses in brackets."""
    return f"sock:{protocol}:[{address}]:{port}" if ":" in address else f"sock:{protocol}:{address}:{port}"


def to_items(listeners: Sequence[Listener], processes: Mapping[int, ListenerProcess]) -> list[Item]:
    """Items of class `listening_service`; `processes` by pid, for the pids in `listeners`."""
    return [_item(each, main_process(each, processes)) for each in listeners]


def _item(each: Listener, process: ListenerProcess) -> Item:
    return build_item(
        listener_ref(each.protocol, each.address, each.port),
        "listening_service",
        {"protocol": each.protocol, "address": each.address, "port": str(each.port)},
        {
            "protocol": each.protocol,
            "address": each.address,
            "port": each.port,
            "process": process.name,
            "executable": process.executable.removesuffix(" (deleted)"),
            "unit": process.unit,
            "user": process.user,
        },
    )
