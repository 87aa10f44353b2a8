"""What a MIB module declares: objects by their standard names with OIDs, and how its answers become records. See docs/profiles.md.

A table is read by columns; the part of an OID after the column is the row's index. Nothing here sends anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from discovery.snmp.varbind import Oid, Value, Varbind, parse_oid

Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Table:
    """One conceptual table: its entry's OID and the columns that are read, by name."""

    entry: Oid
    columns: Mapping[str, int]

    def column_oids(self) -> list[Oid]:
        """The OIDs to walk, in the order of the columns."""
        return [(*self.entry, number) for number in self.columns.values()]

    def parse(self, varbinds: Iterable[Varbind]) -> dict[Oid, Row]:
        """Rows by index, in the order of the index; of what belongs to another table nothing is taken."""
        names = {number: name for name, number in self.columns.items()}
        width = len(self.entry)
        rows: dict[Oid, Row] = {}
        for oid, _, value in varbinds:
            if len(oid) > width + 1 and oid[:width] == self.entry and (name := names.get(oid[width])) is not None:
                rows.setdefault(oid[width + 1 :], {})[name] = value
        return {index: rows[index] for index in sorted(rows)}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a device answered to one MIB: values of the scalars that it has, rows of each table by index."""

    scalars: Mapping[str, Value] = field(default_factory=dict)
    tables: Mapping[str, Mapping[Oid, Row]] = field(default_factory=dict)

    def rows(self, table: str) -> Mapping[Oid, Row]:
        """The rows of a table, empty where it was not answered."""
        return self.tables.get(table, {})


@dataclass(frozen=True, slots=True)
class Mib:
    """One MIB module. `is_standard`: asked of every device; others only where a profile names them."""

    name: str
    title: str
    parse_rows: Callable[[Answers], Any]
    scalars: Mapping[str, Oid] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    is_standard: bool = True


def table(entry: str, **columns: int) -> Table:
    """A table from the dotted OID of its entry and its columns' numbers by name."""
    return Table(parse_oid(entry), columns)


def scalars(**objects: str) -> dict[str, Oid]:
    """Scalar objects by name, from their dotted OIDs with the instance `.0`."""
    return {name: parse_oid(oid) for name, oid in objects.items()}


class UniqueNames:
    """Gives each name once; one that is taken gets a count behind it. `reserved` names are kept for those that have them alone."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)
        self._next: dict[str, Iterable[int]] = {}

    def take(self, name: str) -> str:
        """The name, or `name #2` and so on."""
        candidate = name
        if candidate in self._taken:
            counts = self._next.setdefault(name, itertools.count(2))
            candidate = next(each for each in (f"{name} #{number}" for number in counts) if each not in self._taken)
        self._taken.add(candidate)
        return candidate
