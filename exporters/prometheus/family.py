"""One row of the catalogue of metric families, and what the families are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from muster.cmdb_health import CmdbHealth
from muster.ports import CollectorFigures, Overview, ServiceView

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True)
class Snapshot:
    """Everything one scrape shows, read once."""

    overview: Overview
    services: list[ServiceView]
    figures: CollectorFigures
    now: int
    health: CmdbHealth


@dataclass(frozen=True)
class Family:
    """A metric family: base unit in its name, counters end in `_total`, labels bounded by services, never by CIs."""

    name: str
    unit: str
    type: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    help: str
    samples: Callable[[Snapshot], Iterable[Sample]]
