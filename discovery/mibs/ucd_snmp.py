"""Load averages and memory of hosts that net-snmp answers for. Source: UCD-SNMP-MIB; asked where the profile names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from discovery.mibs._mib import Answers, Mib, scalars
from discovery.snmp.varbind import to_integer, to_text


class UcdHost(NamedTuple):
    """`loads` by minutes (1, 5, 15), memory in bytes; None and a missing key are unknown."""

    loads: Mapping[int, float] = {}
    memory_bytes: int | None = None
    memory_available_bytes: int | None = None


def parse_rows(answers: Answers) -> UcdHost:
    """The one record."""
    loads: dict[int, float] = {}
    for minutes in (1, 5, 15):
        text = to_text(answers.scalars.get(f"laLoad.{minutes}")) or ""
        if text.replace(".", "", 1).isdecimal() and text.isascii():
            loads[minutes] = float(text)
    return UcdHost(loads, _kibibytes(answers, "memTotalReal"), _kibibytes(answers, "memAvailReal"))


def _kibibytes(answers: Answers, name: str) -> int | None:
    value = to_integer(answers.scalars.get(name))
    return value * 1024 if value is not None and value >= 0 else None


MIB = Mib(
    name="ucd_snmp",
    title="UCD-SNMP-MIB",
    parse_rows=parse_rows,
    scalars=scalars(
        **{
            "laLoad.1": "1.3.6.1.4.1.2021.10.1.3.1",
            "laLoad.5": "1.3.6.1.4.1.2021.10.1.3.2",
            "laLoad.15": "1.3.6.1.4.1.2021.10.1.3.3",
            "memTotalReal": "1.3.6.1.4.1.2021.4.5.0",
            "memAvailReal": "1.3.6.1.4.1.2021.4.6.0",
        }
    ),
    is_standard=False,
)
