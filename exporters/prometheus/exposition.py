"""`/metrics` of the collector: one catalogue of families, rendered fresh at each scrape by prometheus-client.

To add a family, add a row here or in `service_family.py`. No own timestamps, no percent, no label per CI. See docs/prometheus.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from exporters.prometheus.family import Family, Sample, Snapshot
from exporters.prometheus.health_family import HEALTH_FAMILIES
from exporters.prometheus.service_family import SERVICE_FAMILIES
from muster.ports import CmdbReader, CollectorFigures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def _cis(snapshot: Snapshot) -> Iterator[Sample]:
    for ci_class, presences in sorted(snapshot.overview.cis.items()):
        for presence, count in sorted(presences.items()):
            yield (ci_class, presence), count


def _labelled(counts: Mapping[str, int]) -> list[Sample]:
    return [((name,), float(count)) for name, count in sorted(counts.items())]


def _optional(value: float | None) -> list[Sample]:
    return [] if value is None else [((), value)]


def _seconds(at: int | None) -> float | None:
    return None if at is None else at / 1000


def _age_seconds(at: int | None, now: int) -> float:
    return 0.0 if at is None else max(now - at, 0) / 1000


def _deliveries(snapshot: Snapshot) -> list[Sample]:
    return [(labels, float(count)) for labels, count in sorted(snapshot.figures.deliveries_total.items())]


CATALOGUE: tuple[Family, ...] = (
    Family("muster_build_info", "", "gauge", ("version",), "The version that runs; always 1.", lambda all_: [((all_.figures.version,), 1.0)]),
    Family("muster_cis", "", "gauge", ("class", "presence"), "Configuration items by class and presence.", _cis),
    Family(
        "muster_cmdb_open_differences",
        "",
        "gauge",
        ("kind",),
        "Differences that wait for a decision.",
        lambda all_: _labelled(all_.overview.open_differences),
    ),
    Family(
        "muster_cmdb_oldest_difference_seconds",
        "seconds",
        "gauge",
        (),
        "Age of the oldest open difference; 0 when none is open.",
        lambda all_: [((), _age_seconds(all_.overview.oldest_difference_at, all_.now))],
    ),
    Family(
        "muster_cmdb_open_cases",
        "",
        "gauge",
        ("kind",),
        "Cases of identity that wait for a person.",
        lambda all_: _labelled(all_.overview.open_cases),
    ),
    Family("muster_sources", "", "gauge", ("state",), "Sources by state: reporting, silent, revoked.", lambda all_: _labelled(all_.overview.sources)),
    Family(
        "muster_reports_received_total",
        "",
        "counter",
        (),
        "Reports that were accepted and made durable.",
        lambda all_: [((), float(all_.overview.reports_received_total))],
    ),
    Family(
        "muster_reports_rejected_total",
        "",
        "counter",
        ("reason",),
        "Reports and parts of reports that were refused.",
        lambda all_: _labelled(all_.overview.reports_rejected_total),
    ),
    Family(
        "muster_incidents_open", "", "gauge", ("priority",), "Open incidents by priority, 1 first.", lambda all_: _labelled(all_.overview.incidents)
    ),
    Family("muster_outbox_pending", "", "gauge", (), "Deliveries that wait.", lambda all_: [((), float(all_.overview.outbox.get("pending", 0)))]),
    Family(
        "muster_outbox_dead", "", "gauge", (), "Dead letters: refused or given up.", lambda all_: [((), float(all_.overview.outbox.get("dead", 0)))]
    ),
    Family(
        "muster_outbox_oldest_pending_seconds",
        "seconds",
        "gauge",
        (),
        "Age of the oldest delivery that waits; 0 when none does.",
        lambda all_: [((), _age_seconds(all_.overview.outbox_oldest_at, all_.now))],
    ),
    Family(
        "muster_webhook_deliveries_total",
        "",
        "counter",
        ("target", "outcome"),
        "Attempts to deliver since the start, by what came of them.",
        _deliveries,
    ),
    Family(
        "muster_retention_removed_rows_total",
        "",
        "counter",
        ("kind",),
        "Rows that retention removed since the start, by what they were.",
        lambda all_: _labelled(all_.figures.removed_total),
    ),
    Family(
        "muster_webhook_target_stopped",
        "",
        "gauge",
        ("target",),
        "1 for a target whose queue waits for a person (credential, address).",
        lambda all_: [((name,), 1.0) for name in sorted(all_.figures.stopped_targets)],
    ),
    Family(
        "muster_collector_last_evaluation_timestamp_seconds",
        "seconds",
        "gauge",
        (),
        "When services were last evaluated.",
        lambda all_: _optional(_seconds(all_.figures.last_evaluation_at)),
    ),
    Family(
        "muster_collector_evaluation_seconds",
        "seconds",
        "gauge",
        (),
        "How long the last evaluation took.",
        lambda all_: _optional(all_.figures.evaluation_seconds),
    ),
    Family(
        "muster_config_last_reload_success_timestamp_seconds",
        "seconds",
        "gauge",
        (),
        "When the configuration was last loaded.",
        lambda all_: _optional(_seconds(all_.figures.configuration_loaded_at)),
    ),
    Family(
        "muster_clock_skew_seconds",
        "seconds",
        "gauge",
        (),
        "The largest offset of a source's clock.",
        lambda all_: [((), all_.figures.clock_skew_ms / 1000)],
    ),
    *HEALTH_FAMILIES,
    *SERVICE_FAMILIES,
)


def render_exposition(reader: CmdbReader, figures: CollectorFigures, now: int, *, process: bool = True) -> bytes:
    """The text exposition (format 0.0.4) of everything, read once. `process`: also this process's own memory, CPU and descriptors."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SnapshotCollector(Snapshot(reader.overview(), reader.list_services(), figures, now, reader.cmdb_health())))
    if process:
        for own in (ProcessCollector, PlatformCollector, GCCollector):
            own(registry=registry)
    return generate_latest(registry)


class _SnapshotCollector(Collector):
    """One scrape's families, as prometheus-client takes them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        for family in CATALOGUE:
            kind = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
            made = kind(family.name, family.help, labels=family.labels)
            for labels, value in family.samples(self._snapshot):
                made.add_metric(labels, value)
            yield made
