"""Interfaces, their state and their counters. Source: IF-MIB (RFC 2863) ifTable and ifXTable, EtherLike-MIB (RFC 3635) for the duplex.

The index of a row changes at reboots and module changes, so it never identifies: ports are keyed by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, Row, UniqueNames, table
from discovery.snmp.varbind import to_integer, to_mac, to_text

_UNKNOWN_SPEED = 4_294_967_295  # ifSpeed of anything faster than it can say (RFC 2863, ifSpeed)
_ADMIN_STATES = {1: "up", 2: "down", 3: "testing"}
_OPER_STATES = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notpresent", 7: "lowerlayerdown"}
_DUPLEX = {2: "half", 3: "full"}  # dot3StatsDuplexStatus
# (64-bit object, the 32-bit one where the agent has no better): samples by direction.
COUNTERS = {
    "in_octets": ("ifHCInOctets", "ifInOctets"),
    "out_octets": ("ifHCOutOctets", "ifOutOctets"),
    "in_unicast": ("ifHCInUcastPkts", "ifInUcastPkts"),
    "out_unicast": ("ifHCOutUcastPkts", "ifOutUcastPkts"),
    "in_errors": ("", "ifInErrors"),
    "out_errors": ("", "ifOutErrors"),
    "in_discards": ("", "ifInDiscards"),
    "out_discards": ("", "ifOutDiscards"),
}


class Interface(NamedTuple):
    """One interface. `name` is unique in the device; `counters` by the keys of COUNTERS, those known with 64 bits also in `wide`."""

    if_index: int
    name: str
    description: str = ""
    alias: str = ""
    type: int | None = None
    mac: str = ""
    mtu: int | None = None
    speed_bits_per_second: int | None = None
    duplex: str = ""
    admin_state: str = ""
    oper_state: str = ""
    counters: Mapping[str, int] = {}
    wide: frozenset[str] = frozenset()


def parse_rows(answers: Answers) -> tuple[Interface, ...]:
    """Interfaces by index. A name that several have is told apart by the description, else by a count."""
    rows: dict[int, Row] = {}
    for name in ("ifTable", "ifXTable", "dot3StatsTable"):
        for index, row in answers.rows(name).items():
            if len(index) == 1 and (name != "dot3StatsTable" or index[0] in rows):
                rows.setdefault(index[0], {}).update(row)
    names = _unique_names(rows)
    return tuple(_interface(index, names[index], rows[index]) for index in sorted(rows))


def _unique_names(rows: Mapping[int, Row]) -> dict[int, str]:
    first = {index: to_text(row.get("ifName")) or to_text(row.get("ifDescr")) or to_text(row.get("ifAlias")) or "" for index, row in rows.items()}
    count = Counter(first.values())
    names = UniqueNames(name for name, number in count.items() if number == 1)
    found: dict[int, str] = {}
    for index in sorted(rows):
        name = first[index]
        if name and count[name] == 1:
            found[index] = name
            continue
        description = to_text(rows[index].get("ifDescr")) or ""
        is_telling = bool(name and description) and description not in count
        found[index] = names.take(f"{name} {description}" if is_telling else name or "unnamed")
    return found


def _interface(index: int, name: str, row: Row) -> Interface:
    counters: dict[str, int] = {}
    wide: set[str] = set()
    for key, (high, low) in COUNTERS.items():
        value = to_integer(row.get(high))
        if value is not None:
            wide.add(key)
        else:
            value = to_integer(row.get(low))
        if value is not None and value >= 0:
            counters[key] = value
    return Interface(
        if_index=index,
        name=name,
        description=to_text(row.get("ifDescr")) or "",
        alias=to_text(row.get("ifAlias")) or "",
        type=to_integer(row.get("ifType")),
        mac=to_mac(row.get("ifPhysAddress")) or "",
        mtu=_positive(to_integer(row.get("ifMtu"))),
        speed_bits_per_second=_speed(row),
        duplex=_DUPLEX.get(to_integer(row.get("dot3StatsDuplexStatus")) or 0, ""),
        admin_state=_ADMIN_STATES.get(to_integer(row.get("ifAdminStatus")) or 0, ""),
        oper_state=_OPER_STATES.get(to_integer(row.get("ifOperStatus")) or 0, ""),
        counters=counters,
        wide=frozenset(wide),
    )


def _speed(row: Row) -> int | None:
    """ifHighSpeed (in units of 1,000,000 bit/s) where it says something, else ifSpeed; 0 means unknown."""
    high, low = to_integer(row.get("ifHighSpeed")), to_integer(row.get("ifSpeed"))
    if high is not None and high > 0:
        return high * 1_000_000
    return low if low is not None and 0 < low < _UNKNOWN_SPEED else None


def _positive(value: int | None) -> int | None:
    return value if value is not None and value > 0 else None


MIB = Mib(
    name="interface",
    title="IF-MIB",
    parse_rows=parse_rows,
    tables={
        "ifTable": table(
            "1.3.6.1.2.1.2.2.1",
            ifDescr=2, ifType=3, ifMtu=4, ifSpeed=5, ifPhysAddress=6, ifAdminStatus=7, ifOperStatus=8, ifInOctets=10, ifInUcastPkts=11,
            ifInDiscards=13, ifInErrors=14, ifOutOctets=16, ifOutUcastPkts=17, ifOutDiscards=19, ifOutErrors=20,
        ),
        "ifXTable": table(
            "1.3.6.1.2.1.31.1.1.1", ifName=1, ifHCInOctets=6, ifHCInUcastPkts=7, ifHCOutOctets=10, ifHCOutUcastPkts=11, ifHighSpeed=15, ifAlias=18
        ),
        "dot3StatsTable": table("1.3.6.1.2.1.10.7.2.1", dot3StatsDuplexStatus=19),
    },
)  # fmt: skip
