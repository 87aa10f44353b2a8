"""Metric families per service: state, availability, error budget. Names and reasons: docs/prometheus.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from exporters.prometheus.family import Family, Sample, Snapshot
from muster.ports import ServiceView

STATES = ("up", "degraded", "down", "unknown", "maintenance")
MONTH = "month_to_date"
WINDOWS = (MONTH, "last_month", "30d")
_WINDOW = ("service", "sla", "window")


def service_states(snapshot: Snapshot) -> Iterator[Sample]:
    """All five states of each service, always, so that none goes stale silently."""
    for service in snapshot.services:
        now = "maintenance" if service.is_in_maintenance else service.state
        for state in STATES:
            yield (service.id, state), float(state == now)


def _described(snapshot: Snapshot) -> Iterator[Sample]:
    for service in snapshot.services:
        yield (service.id, service.name.get("en", service.id), service.owner, service.stage), 1.0


def _counted(key: str, *, divisor: float = 1000.0) -> Callable[[Snapshot], Iterable[Sample]]:
    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for service in snapshot.services:
            yield (service.id, service.sla), service.counters.get(key, 0) / divisor

    return samples


def _per_window(read: Callable[[dict[str, Any]], float | None], *windows: str) -> Callable[[Snapshot], Iterable[Sample]]:
    """One sample per service and window (all windows where none is named); none where there is no figure."""

    def samples(snapshot: Snapshot) -> Iterator[Sample]:
        for service, window, figure in _figures(snapshot.services, windows or WINDOWS):
            value = read(figure)
            if value is not None:
                yield (service.id, service.sla, window), value

    return samples


def _figures(services: Iterable[ServiceView], windows: tuple[str, ...]) -> Iterator[tuple[ServiceView, str, dict[str, Any]]]:
    for service in services:
        for window in windows:
            figure = service.figures.get(window)
            if figure:
                yield service, window, figure


def _ratio(fraction: Any) -> float | None:
    if not isinstance(fraction, dict):
        return None
    if "ratio" in fraction:
        return None if fraction["ratio"] is None else float(fraction["ratio"])
    return float(fraction["numerator"]) / float(fraction["denominator"])


def _budget_remaining_seconds(figure: dict[str, Any]) -> float | None:
    remaining = _ratio((figure.get("error_budget") or {}).get("remaining_ms"))
    return None if remaining is None else remaining / 1000


def _budget_remaining_ratio(figure: dict[str, Any]) -> float | None:
    budget = figure.get("error_budget") or {}
    allowed, remaining = _ratio(budget.get("allowed_ms")), _ratio(budget.get("remaining_ms"))
    return remaining / allowed if allowed and remaining is not None else None


def _targets(snapshot: Snapshot) -> Iterator[Sample]:
    for service in snapshot.services:
        if service.target is not None:
            yield (service.id, service.sla), float(service.target)


def _burn_rates(snapshot: Snapshot) -> Iterator[Sample]:
    for service in snapshot.services:
        rates = (service.figures.get(MONTH) or {}).get("burn_rates") or {}
        for window, rate in sorted(rates.items()):
            if rate is not None:
                yield (service.id, service.sla, window), float(rate)


def _verdicts(snapshot: Snapshot) -> Iterator[Sample]:
    for service, _, figure in _figures(snapshot.services, (MONTH,)):
        if figure.get("verdict") is not None:
            yield (service.id, service.sla, figure["verdict"]), 1.0


_SLA = ("service", "sla")
_OBSERVED = "as first observed, in agreed service time; corrections show in the gauges and reports"
SERVICE_FAMILIES: tuple[Family, ...] = (
    Family("muster_service_info", "", "gauge", ("service", "name", "owner", "stage"), "A service of the catalogue; always 1.", _described),
    Family("muster_service_state", "", "gauge", ("service", "state"), "1 for the state that a service is in, 0 for the others.", service_states),
    Family("muster_service_accountable_seconds_total", "seconds", "counter", _SLA, f"Agreed time {_OBSERVED}.", _counted("accountable_ms")),
    Family("muster_service_down_seconds_total", "seconds", "counter", _SLA, f"Time down {_OBSERVED}.", _counted("down_ms")),
    Family("muster_service_degraded_seconds_total", "seconds", "counter", _SLA, f"Time degraded {_OBSERVED}.", _counted("degraded_ms")),
    Family("muster_service_unknown_seconds_total", "seconds", "counter", _SLA, f"Time unknown {_OBSERVED}.", _counted("unknown_ms")),
    Family(
        "muster_service_maintenance_excluded_seconds_total",
        "seconds",
        "counter",
        _SLA,
        "Planned downtime that was taken out of the agreed time, as first observed.",
        _counted("maintenance_excluded_ms"),
    ),
    Family("muster_service_failures_total", "", "counter", _SLA, "Outages that began, as first observed.", _counted("failures", divisor=1.0)),
    Family("muster_service_restore_seconds_total", "seconds", "counter", _SLA, "Duration of the outages that ended.", _counted("restore_ms")),
    Family("muster_service_restores_total", "", "counter", _SLA, "Outages that ended, as first observed.", _counted("restores", divisor=1.0)),
    Family(
        "muster_service_availability_ratio",
        "ratio",
        "gauge",
        _WINDOW,
        "Uptime by agreed time without what is excluded.",
        _per_window(lambda figure: _ratio(figure.get("availability"))),
    ),
    Family(
        "muster_service_availability_lower_ratio",
        "ratio",
        "gauge",
        _WINDOW,
        "Availability if all unknown time was down.",
        _per_window(lambda figure: _ratio((figure.get("bounds") or {}).get("lower")), MONTH),
    ),
    Family(
        "muster_service_availability_upper_ratio",
        "ratio",
        "gauge",
        _WINDOW,
        "Availability if all unknown time was up.",
        _per_window(lambda figure: _ratio((figure.get("bounds") or {}).get("upper")), MONTH),
    ),
    Family(
        "muster_service_coverage_ratio",
        "ratio",
        "gauge",
        _WINDOW,
        "Share of the agreed time of which the state is known.",
        _per_window(lambda figure: _ratio(figure.get("coverage")), MONTH),
    ),
    Family("muster_sla_target_ratio", "ratio", "gauge", _SLA, "The availability that was agreed.", _targets),
    Family(
        "muster_sla_error_budget_remaining_seconds",
        "seconds",
        "gauge",
        _WINDOW,
        "Downtime still allowed; below 0 when it is used up.",
        _per_window(_budget_remaining_seconds, MONTH),
    ),
    Family(
        "muster_sla_error_budget_remaining_ratio",
        "ratio",
        "gauge",
        _WINDOW,
        "Share of the error budget that is left; may be below 0.",
        _per_window(_budget_remaining_ratio, MONTH),
    ),
    Family("muster_sla_burn_rate", "", "gauge", _WINDOW, "Error ratio by the allowed error ratio over a window that ends now.", _burn_rates),
    Family("muster_sla_verdict", "", "gauge", (*_SLA, "verdict"), "The verdict on this month: met, breached or undetermined; always 1.", _verdicts),
)
