"""The system group: what a device says of itself. Source: SNMPv2-MIB (RFC 3418), every device."""

from __future__ import annotations

from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, scalars
from discovery.snmp.varbind import to_integer, to_oid, to_text


class System(NamedTuple):
    """The system group; empty texts are unknown, `uptime_centiseconds` is the agent's own and wraps after 497 days."""

    description: str = ""
    object_id: str = ""
    contact: str = ""
    name: str = ""
    location: str = ""
    uptime_centiseconds: int | None = None


def parse_rows(answers: Answers) -> System:
    """The one record of the group."""
    read = answers.scalars.get
    return System(
        description=to_text(read("sysDescr")) or "",
        object_id=to_oid(read("sysObjectID")) or "",
        contact=to_text(read("sysContact")) or "",
        name=to_text(read("sysName")) or "",
        location=to_text(read("sysLocation")) or "",
        uptime_centiseconds=to_integer(read("sysUpTime")),
    )


MIB = Mib(
    name="snmpv2",
    title="SNMPv2-MIB",
    parse_rows=parse_rows,
    scalars=scalars(
        sysDescr="1.3.6.1.2.1.1.1.0",
        sysObjectID="1.3.6.1.2.1.1.2.0",
        sysUpTime="1.3.6.1.2.1.1.3.0",
        sysContact="1.3.6.1.2.1.1.4.0",
        sysName="1.3.6.1.2.1.1.5.0",
        sysLocation="1.3.6.1.2.1.1.6.0",
    ),
)
