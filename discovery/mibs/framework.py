"""The engine id of the SNMP agent. Source: SNMP-FRAMEWORK-MIB (RFC 3411).

It corroborates and never identifies alone: configurations are copied with it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, scalars
from discovery.snmp.varbind import Value, to_integer

_HEXADECIMAL = re.compile(rb"(?:[0-9A-Fa-f]{2}[ :]?){5,32}")


class Engine(NamedTuple):
    """`engine_id` as lower-case hexadecimal digits, "" where unknown; `uptime_seconds` of the SNMP engine."""

    engine_id: str = ""
    uptime_seconds: int | None = None


def parse_engine_id(value: Value) -> str:
    """Hexadecimal digits of a snmpEngineID of 5 to 32 octets; "" for anything else.

    Some agents answer the digits as text.
    """
    if not isinstance(value, bytes):
        return ""
    if _HEXADECIMAL.fullmatch(value) and not value.startswith(b"\x80"):
        return re.sub(rb"[ :]", b"", value).decode().lower()
    return value.hex() if 5 <= len(value) <= 32 else ""


def parse_rows(answers: Answers) -> Engine:
    """The one record."""
    return Engine(parse_engine_id(answers.scalars.get("snmpEngineID")), to_integer(answers.scalars.get("snmpEngineTime")))


MIB = Mib(
    name="framework",
    title="SNMP-FRAMEWORK-MIB",
    parse_rows=parse_rows,
    scalars=scalars(snmpEngineID="1.3.6.1.6.3.10.2.1.1.0", snmpEngineTime="1.3.6.1.6.3.10.2.1.3.0"),
)
