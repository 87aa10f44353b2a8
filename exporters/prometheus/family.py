"""One row of the catalogue of metric families, and what the families are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from muster.ports import Overview, ServiceView

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True)
class CollectorFigures:
    """What the collector knows of itself and the CMDB does not hold. `None`: not yet.

    `deliveries_total`: (target, outcome) → attempts since the start. Instants are milliseconds UTC.
    """

    version: str = ""
    last_evaluation_at: int | None = None
    configuration_loaded_at: int | None = None
    clock_skew_ms: int = 0
    deliveries_total: Mapping[tuple[str, str], int] = field(default_factory=dict)
    stopped_targets: tuple[str, ...] = ()
    evaluation_seconds: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """Everything one scrape shows, read once."""

    overview: Overview
    services: list[ServiceView]
    figures: CollectorFigures
    now: int


@dataclass(frozen=True)
class Family:
    """A metric family: base unit in its name, counters end in `_total`, labels bounded by services, never by CIs."""

    name: str
    unit: str
    type: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    help: str
    samples: Callable[[Snapshot], Iterable[Sample]]
