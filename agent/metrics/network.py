"""Traffic and state of network interfaces, from /proc/net/dev and /sys/class/net (proc(5), sysfs-class-net). Linux."""

from __future__ import annotations

from collections.abc import Iterator

from agent.host import Host
from agent.metric import Collector, Family, Sample, to_number

_LABELS = ("device",)
# The columns of /proc/net/dev, first received, then sent.
_RECEIVED = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_SENT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")
_TEXTS = {
    "bytes": "Bytes",
    "packets": "Packets",
    "errs": "Errors",
    "drop": "Dropped packets",
    "fifo": "Buffer overruns",
    "frame": "Framing errors",
    "compressed": "Compressed packets",
    "multicast": "Multicast packets",
    "colls": "Collisions",
    "carrier": "Carrier losses",
}
_TRAFFIC = tuple(
    Family(f"node_network_{way}_{column}_total", f"{_TEXTS[column]}, {word}.", "counter", "bytes" if column == "bytes" else "", _LABELS)
    for way, word, columns in (("receive", "received", _RECEIVED), ("transmit", "sent", _SENT))
    for column in columns
)
_UP = Family("node_network_up", "1 where the interface is operational.", "gauge", "", _LABELS)
# file of /sys/class/net/<device> -> family and factor to base units
_FILES = {
    "mtu": (Family("node_network_mtu_bytes", "Largest packet.", "gauge", "bytes", _LABELS), 1),
    "carrier": (Family("node_network_carrier", "1 where the interface has a carrier.", "gauge", "", _LABELS), 1),
    "carrier_changes": (Family("node_network_carrier_changes_total", "Times that the carrier came or went.", "counter", "", _LABELS), 1),
    # The driver's -1 for "not known" becomes -125000, as node_exporter shows it.
    "speed": (Family("node_network_speed_bytes", "Speed in bytes a second.", "gauge", "bytes", _LABELS), 125_000),
}


def parse_net_dev(content: bytes) -> Iterator[Sample]:
    """By interface; malformed lines are left out."""
    for line in content.split(b"\n")[2:]:
        name, _, rest = line.rpartition(b":")
        words = rest.split()
        if not name or len(words) < len(_TRAFFIC):
            continue
        device = (name.strip().decode("utf-8", "replace"),)
        try:
            values = [int(word) for word in words]
        except ValueError:
            continue
        for family, value in zip(_TRAFFIC, values, strict=False):
            yield family.name, device, value


def read_network(host: Host) -> Iterator[Sample]:
    """What of it the host tells; the files of an interface that is down may refuse (EINVAL), their families are then absent for it."""
    content = host.read_kept("/proc/net/dev")
    if content is not None:
        yield from parse_net_dev(content)
    for name in host.names("/sys/class/net"):
        folder, device = f"/sys/class/net/{name}", (name,)
        state = host.read_kept(f"{folder}/operstate")
        if state is None:
            continue
        yield _UP.name, device, int(state.strip() == b"up")
        for file, (family, factor) in _FILES.items():
            value = to_number(host.read_kept(f"{folder}/{file}") or b"")
            if value is not None:
                yield family.name, device, value * factor


COLLECTOR = Collector(
    "network", "Traffic and state of network interfaces", (*_TRAFFIC, _UP, *(family for family, _ in _FILES.values())), read_network
)
