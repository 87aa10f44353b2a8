"""One collection: all metric collectors read, as columns over a series table that is described once and named by its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from agent.host import Host
from agent.message_pack import encode
from agent.metric import Collector, Family, Sample


class Table(NamedTuple):
    """A series table: its digest, and the rows as `SeriesDefinition` of muster/wire/report.py has them."""

    digest: str
    rows: Sequence[Mapping[str, Any]]


class Collection(NamedTuple):
    """Samples of one instant. `values` stand in the order of the table's rows; `faults` are collectors that failed, with why."""

    samples: Sequence[Sample]
    table: Table
    values: Sequence[float]
    faults: Mapping[str, str]


class Gatherer:
    """Reads the collectors again and again, and keeps the table for as long as the series stay the same."""

    def __init__(self, host: Host, collectors: Mapping[str, Collector]) -> None:
        self._host = host
        self._collectors = collectors
        self.names = tuple(collectors)
        self.families: dict[str, Family] = {family.name: family for collector in collectors.values() for family in collector.families}
        self._last: dict[str, list[Sample]] = {}
        self._round = 0
        self._keys: list[tuple[str, tuple[str, ...]]] = []
        self._table = Table("", ())

    def gather(self) -> Collection:
        """One collection now. A collector that fails costs itself alone."""
        samples: list[Sample] = []
        faults: dict[str, str] = {}
        for name, collector in self._collectors.items():
            if self._round % collector.every == 0 or name not in self._last:
                self._last[name] = _read(collector.read, self._host, name, faults)
            samples += self._last[name]
        self._round += 1
        keys = [sample[:2] for sample in samples]
        if keys != self._keys:
            self._keys = keys
            rows = [self._row(name, labels) for name, labels in keys]
            self._table = Table(hashlib.sha256(encode(rows)).hexdigest()[:32], rows)
        return Collection(samples, self._table, [sample[2] for sample in samples], faults)

    def _row(self, name: str, values: tuple[str, ...]) -> dict[str, Any]:
        family = self.families[name]
        row: dict[str, Any] = {"name": name, "labels": {label: value[:1024] for label, value in zip(family.labels, values, strict=True)}}
        if family.unit:
            row["unit"] = family.unit
        # The wire knows gauges and counters; what Prometheus calls untyped in node_exporter are the kernel's counters.
        return row if family.kind == "gauge" else {**row, "kind": "counter"}


def _read(read: Callable[[Host], Any], host: Host, name: str, faults: dict[str, str]) -> list[Sample]:
    try:
        return list(read(host))
    except Exception as error:
        # The border of a collector: one that a strange kernel breaks must not take the others with it. It is logged and counted.
        faults[name] = f"{type(error).__name__}: {error}"
        return []
