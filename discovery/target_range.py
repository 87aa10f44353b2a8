"""Which addresses a job names: single ones, ranges, CIDR networks and names, less what is excluded.

Pure: a set of disjoint intervals of addresses, kept as numbers, so that a /12 costs nothing until it is walked. Names stay
names; who resolves them asks `excludes` of the addresses found. See docs/discovery.md.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from muster.errors import ConfigurationError, quote

MAXIMUM_ADDRESSES = 262_144  # of one job: a /14
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Interval = tuple[int, int, int]  # IP version, first, last (both included)
# RFC 1123 section 2.1: letters, digits and hyphens, a label at most 63 long.
_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?\Z")
_ONLY_DIGITS = re.compile(r"[0-9.]+\Z")


@dataclass(frozen=True)
class TargetRange:
    """The targets of one job: `intervals` disjoint and sorted, `excluded` likewise, `names` in the order written."""

    intervals: tuple[Interval, ...] = ()
    excluded: tuple[Interval, ...] = ()
    names: tuple[str, ...] = ()
    excluded_names: frozenset[str] = frozenset()
    single: frozenset[str] = frozenset()  # addresses written one by one: a person expects them to be there

    @property
    def address_count(self) -> int:
        """How many addresses stand in the intervals (names not counted)."""
        return sum(last - first + 1 for _, first, last in self.intervals)

    def addresses(self) -> Iterator[str]:
        """Every address, IPv4 first, ascending."""
        for version, first, last in self.intervals:
            for number in range(first, last + 1):
                yield str(_address(version, number))

    def excludes(self, address: str) -> bool:
        """Whether an address is excluded: also one that a name resolves to is then never asked."""
        return _holds(self.excluded, ipaddress.ip_address(address))


def parse_targets(targets: Sequence[str], exclude: Sequence[str] = ()) -> TargetRange:
    """The range that these texts name; a leading `!` excludes, as does all of `exclude`.

    Raises ConfigurationError, whose message begins with the text that is wrong.
    """
    wanted: list[Interval] = []
    refused: list[Interval] = []
    names: dict[str, None] = {}
    excluded_names: set[str] = set()
    single: set[str] = set()
    for text, is_excluded in [*((each, each.startswith("!")) for each in targets), *((each, True) for each in exclude)]:
        plain = text.removeprefix("!").strip()
        # Excluding a network means every address of it.
        found = parse_networks([plain])[0] if is_excluded and "/" in plain else parse_target(plain)
        if isinstance(found, str):
            (excluded_names.add if is_excluded else names.setdefault)(found)
        elif is_excluded:
            refused.append(found)
        else:
            wanted.append(found)
            if found[1] == found[2]:
                single.add(str(_address(found[0], found[1])))
    refused = join_intervals(refused)
    intervals = subtract_intervals(join_intervals(wanted), refused)
    total = sum(last - first + 1 for _, first, last in intervals)
    if total > MAXIMUM_ADDRESSES:
        raise ConfigurationError(f"{total} addresses in one job, the limit is {MAXIMUM_ADDRESSES}; name smaller ranges or write several jobs")
    kept = tuple(name for name in names if name not in excluded_names)
    return TargetRange(tuple(intervals), tuple(refused), kept, frozenset(excluded_names), frozenset(single))


def parse_target(text: str) -> Interval | str:
    """One interval, or the name, that a text names: `10.0.0.1`, `10.0.0.0/24`, `10.0.0.1-9`, `10.0.0.250-10.0.1.5`, `switch-1`.

    The network and broadcast addresses of an IPv4 network of more than two addresses are no hosts and are left out.
    Raises ConfigurationError.
    """
    if "%" in text:
        raise ConfigurationError(f"{quote(text)} is no target: link-local addresses with a zone are not asked; name a routable address")
    try:
        if "/" in text:
            return _check(_from_network(ipaddress.ip_network(text, strict=False)), text)
        return _check(_from_address(ipaddress.ip_address(text)), text)
    except ValueError as error:
        if isinstance(error, ConfigurationError):
            raise
    first, dash, last = text.partition("-")
    start = _try_address(first.strip())
    if dash and start is not None:
        return _check(_from_ends(start, last.strip(), text), text)
    if "/" not in text and not _ONLY_DIGITS.match(text) and _NAME.match(text):
        return text.rstrip(".").lower()
    raise ConfigurationError(
        f"{quote(text)} is no target; write an address (10.0.0.1), a network (10.0.0.0/24), a range (10.0.0.1-10.0.0.9) or a name"
    )


def parse_networks(texts: Sequence[str]) -> tuple[Interval, ...]:
    """Intervals of networks, ranges and addresses as bounds (every address of a network counts). Raises ConfigurationError."""
    found: list[Interval] = []
    for text in texts:
        try:
            network = ipaddress.ip_network(text, strict=False)
            found.append((network.version, int(network.network_address), int(network.broadcast_address)))
        except ValueError:
            one = parse_target(text)
            if isinstance(one, str):
                raise ConfigurationError(f"{quote(text)} is no network; write 10.20.0.0/24, 10.20.0.1-10.20.0.9 or an address") from None
            found.append(one)
    return tuple(join_intervals(found))


def holds(intervals: Sequence[Interval], address: str) -> bool:
    """Whether an address stands in one of the intervals."""
    return _holds(intervals, ipaddress.ip_address(address))


def join_intervals(intervals: Sequence[Interval]) -> list[Interval]:
    """The same addresses as disjoint intervals, sorted, neighbours joined."""
    joined: list[Interval] = []
    for version, first, last in sorted(intervals):
        if joined and joined[-1][0] == version and first <= joined[-1][2] + 1:
            joined[-1] = (version, joined[-1][1], max(last, joined[-1][2]))
        else:
            joined.append((version, first, last))
    return joined


def subtract_intervals(intervals: Sequence[Interval], excluded: Sequence[Interval]) -> list[Interval]:
    """What is left of disjoint, sorted intervals without disjoint, sorted others."""
    left: list[Interval] = []
    for version, first, last in intervals:
        start = first
        for other, low, high in excluded:
            if other != version or high < start or low > last:
                continue
            if low > start:
                left.append((version, start, low - 1))
            start = high + 1
        if start <= last:
            left.append((version, start, last))
    return left


def _from_network(network: Network) -> Interval:
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == 4 and last - first > 1:
        return (4, first + 1, last - 1)
    return (network.version, first, last)


def _from_address(address: Address) -> Interval:
    return (address.version, int(address), int(address))


def _from_ends(start: Address, last: str, text: str) -> Interval:
    """`last` is a whole address, or, for IPv4, its last octet alone."""
    if start.version == 4 and last.isascii() and last.isdigit() and len(last) <= 3:
        last = f"{str(start).rpartition('.')[0]}.{int(last)}"
    end = _try_address(last)
    if end is None or end.version != start.version or int(end) < int(start):
        raise ConfigurationError(f"{quote(text)} is no range: its end must be an address of the same version, not before its start")
    return (start.version, int(start), int(end))


def _check(interval: Interval, text: str) -> Interval:
    """Refuse what can never be one host: multicast, broadcast and unspecified addresses."""
    for number in interval[1:]:
        address = _address(interval[0], number)
        if address.is_multicast or address.is_unspecified or (address.version == 4 and int(address) >> 28 == 15):
            raise ConfigurationError(f"{quote(text)} holds {address}, which is no host's address; name addresses of hosts")
    return interval


def _try_address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _holds(intervals: Sequence[Interval], address: Address) -> bool:
    return any(version == address.version and first <= int(address) <= last for version, first, last in intervals)


def _address(version: int, number: int) -> Address:
    return ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number)
