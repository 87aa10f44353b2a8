"""What a metric collector declares: families with Prometheus names and base units, and a function that reads their samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from agent.host import Host

Kind = Literal["gauge", "counter", "untyped"]
Sample = tuple[str, tuple[str, ...], float]
"""Family name, label values in the order of the family's labels, value."""


class Family(NamedTuple):
    """A metric family: names and units are node_exporter's where it has the family, `unit` a base unit or empty for counts."""

    name: str
    help: str
    kind: Kind = "gauge"
    unit: str = ""
    labels: tuple[str, ...] = ()


class Collector(NamedTuple):
    """A collector of `agent/metrics`; its name is its module's.

    `read` leaves out what the host does not tell, and never raises for that. `every`: read at each n-th collection only, where
    reading is dear; between, its last samples count.
    """

    name: str
    summary: str
    families: tuple[Family, ...]
    read: Callable[[Host], Iterable[Sample]]
    every: int = 1


def to_number(text: bytes) -> int | None:
    """A whole number as the kernel prints it; None where the text is none."""
    try:
        return int(text)
    except ValueError:
        return None
